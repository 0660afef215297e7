//! Why the host did not start, in words that a person can act on.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The error of [`Host::start`](crate::Host::start). Nothing was changed on disk when it is one of the
/// configuration errors; a refused state folder is left as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A file could not be read or a folder not be made.
    #[error("{}: {error}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// The manifest says something that is wrong or not supported here.
    #[error("{}:{line}: {message}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// The runtime configuration says something that is wrong or not supported here.
    #[error("{}:{line}: {message}", path.display())]
    RuntimeConfig {
        /// The runtime configuration file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// A required variable has no value.
    #[error(
        "the required variable `{name}` has no value: give it with `--variable {name}=…` or SPIN_VARIABLE_{}",
        name.to_ascii_uppercase()
    )]
    VariableMissing {
        /// The variable.
        name: String,
    },
    /// A variable was given that the manifest does not define.
    #[error(
        "`--variable {name}=…`: the manifest does not define a variable of this name; it has: {known}"
    )]
    VariableUnknown {
        /// The name that was given.
        name: String,
        /// The names that exist, separated by commas.
        known: String,
    },
    /// The file of a component is not there.
    #[error("component `{component}`: {} is missing; build it with `cargo xtask build`", path.display())]
    ComponentMissing {
        /// The component.
        component: String,
        /// Where its file should be.
        path: PathBuf,
    },
    /// The file of a component is not a component that can answer HTTP requests here. The message of an
    /// import that the host does not have names that import.
    #[error("component `{component}`: {}: {message}", path.display())]
    ComponentInvalid {
        /// The component.
        component: String,
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A limit was given for a component that does not exist.
    #[error("a memory limit is given for `{component}`, but no such component is served")]
    LimitUnknown {
        /// The id that was given.
        component: String,
    },
    /// A component uses a store that nothing configures.
    #[error(
        "component `{component}` uses the key-value store `{label}`: it needs a table \
         [key_value_store.{label}] in {}", config.display()
    )]
    StoreUnknown {
        /// The component.
        component: String,
        /// The label of the store.
        label: String,
        /// The runtime configuration file that lacks it.
        config: PathBuf,
    },
    /// A store's database could not be opened.
    #[error("key-value store {}: {message}", path.display())]
    Store {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        message: String,
    },
    /// The state folder belongs to another version of the host.
    #[error(
        "{} was written by another version (its format is {found}, this program writes {expected}); \
         take another folder or the program that wrote it", path.display()
    )]
    StateVersion {
        /// The state folder.
        path: PathBuf,
        /// What its `VERSION` file says.
        found: String,
        /// What this program writes.
        expected: u32,
    },
    /// The address could not be bound.
    #[error("cannot listen on {address}: {}", listen_advice(error))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// The WebAssembly engine refused its configuration, for example for lack of address space.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
}

impl StartError {
    pub(crate) fn file(path: &Path, error: std::io::Error) -> StartError {
        StartError::File {
            path: path.to_owned(),
            error,
        }
    }
}

fn listen_advice(error: &std::io::Error) -> String {
    if error.kind() == std::io::ErrorKind::AddrInUse {
        "the port is taken by another program; choose another one with `--listen`".to_owned()
    } else {
        error.to_string()
    }
}
