//! What the caller of the host decides.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::clock::WallClock;

/// Everything that [`Host::start`](crate::Host::start) needs to know.
///
/// Take [`Options::new`] and change the fields that differ.
#[derive(Debug, Clone)]
pub struct Options {
    /// The manifest, `spin.toml`. The sources of its components are relative to its folder.
    pub manifest: PathBuf,
    /// The runtime configuration. `None` means `runtime-config.toml` beside the manifest, if there is one.
    pub runtime_config: Option<PathBuf>,
    /// The folder for all state: `VERSION`, the stores (`*.db`) and `logs/`. It is made if it is absent.
    pub state_dir: PathBuf,
    /// The folder for compiled components. `None` means `cache` in the state folder.
    pub cache_dir: Option<PathBuf>,
    /// The address to listen on. Port 0 takes any free port; see [`Host::address`](crate::Host::address).
    pub listen: SocketAddr,
    /// Application variables. They beat the environment, which beats the manifest's defaults.
    pub variables: BTreeMap<String, String>,
    /// Whether `SPIN_VARIABLE_<NAME>` in the environment of the process sets a variable.
    pub read_environment: bool,
    /// Where the memory of instances comes from.
    pub allocator: Allocator,
    /// How fast the host is, and how patient.
    pub profile: Profile,
    /// Bytes of linear memory that an instance of a component may have; growth past it fails in the guest.
    /// Components that are not named here have 4 GiB.
    pub memory_limits: BTreeMap<String, usize>,
    /// Whether the components' standard error is also written to the host's.
    pub log_to_stderr: bool,
    /// What time it is for the components.
    pub clock: WallClock,
    /// How long a client may send nothing of a body that a component waits for, before the component is told that the
    /// body has failed, or take nothing of an answer, before the connection is ended. Without effect in
    /// [`Profile::AsSpin`].
    pub client_timeout: Duration,
}

/// The default of [`Options::client_timeout`].
const CLIENT_TIMEOUT: Duration = Duration::from_secs(60);

impl Options {
    /// Options for a manifest and a state folder: any free port on the loopback address, no variables,
    /// the environment is read, instances come from the pool, and it is as late as on the machine.
    pub fn new(manifest: impl Into<PathBuf>, state_dir: impl Into<PathBuf>) -> Options {
        Options {
            manifest: manifest.into(),
            runtime_config: None,
            state_dir: state_dir.into(),
            cache_dir: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            variables: BTreeMap::new(),
            read_environment: true,
            allocator: Allocator::default(),
            profile: Profile::default(),
            memory_limits: BTreeMap::new(),
            log_to_stderr: false,
            clock: WallClock::default(),
            client_timeout: CLIENT_TIMEOUT,
        }
    }
}

/// How fast the host is, and how patient.
///
/// What an application may do is the same in both. What it takes is not: this host is faster than Spin, and an application
/// that is right here may be too slow there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// As fast as the machine allows.
    #[default]
    Ordinary,
    /// Never better than Spin 4.1 where that was looked up in its source or measured.
    ///
    /// - **Stores**: a database has one connection, used by one operation at a time, a read or a write, which blocks its
    ///   thread. A rollback journal (SQLite's default) is synced by every write, and no two writes share a sync: 0.8 ms each
    ///   on Spin, so at least that here. The other profile reads beside the writer and shares syncs.
    /// - **Instances**: 1,000 at a time for all components together; the next request, or chained call, is a 500 at once. So
    ///   it is in the other profile, but there instances do not pile up behind the store.
    /// - **Making an instance**: up to 2 MiB of a used memory and half a MiB of its tables are written over before the next
    ///   instance has them; the other profile asks the kernel which pages were touched, and writes only those. Each guest
    ///   runs in a task of its own, and another task waits for its end when it has answered. What else Spin does for each
    ///   instance is 0.14 ms of a processor here.
    /// - **Guests that compute** are never interrupted for others: the epoch that ends their turn is 2⁶³ ticks away.
    /// - **Connections**: small packets wait for the acknowledgement of those before them (Nagle's algorithm). No timer runs:
    ///   a client may stand still at any point, within the headers too, and keeps its connection and its instance.
    /// - **Calls of another component** have no time limit, whatever the caller asks for. (As in the other profile.)
    ///
    /// It needs a runtime with several threads; in another one the stores block everything.
    AsSpin,
}

/// How the memory of an instance is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Allocator {
    /// From slots that are mapped once and reused: at most 1,000 instances at a time.
    #[default]
    Pooling,
    /// Mapped for every instance and unmapped after it. Slower; for comparison.
    OnDemand,
}
