//! What the caller of the host decides.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

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
    /// Bytes of linear memory that an instance of a component may have; growth past it fails in the guest.
    /// Components that are not named here have 4 GiB.
    pub memory_limits: BTreeMap<String, usize>,
    /// Whether the components' standard error is also written to the host's.
    pub log_to_stderr: bool,
    /// What time it is for the components.
    pub clock: WallClock,
}

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
            memory_limits: BTreeMap::new(),
            log_to_stderr: false,
            clock: WallClock::default(),
        }
    }
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
