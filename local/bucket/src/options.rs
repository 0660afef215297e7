//! What a bucket server is started with, and why it may refuse to start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What a bucket server is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder that holds the objects. It is made if it does not exist; one process uses it at a time.
    pub dir: PathBuf,
    /// Where to listen. Port 0 takes a free port; [`crate::Bucket::address`] says which.
    pub listen: SocketAddr,
    /// The buckets to make at the start, where they do not exist yet.
    pub buckets: Vec<String>,
}

/// Why a bucket server did not start. Each message says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address} ({source}): stop what listens there, or choose another address or port"
    )]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The folder cannot be made, read or written.
    #[error(
        "cannot use {path:?} for the bucket's objects ({source}): make it writable, or choose another folder"
    )]
    Folder {
        /// The file or folder that failed.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has the folder open.
    #[error("{path:?} is in use by another bucket server: stop that one, or choose another folder")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The folder was written by another version, or holds something else altogether.
    #[error(
        "{path:?} holds {found}, but this version needs {wanted:?}: choose an empty folder, or run the version that wrote it"
    )]
    Version {
        /// The folder.
        path: PathBuf,
        /// What its VERSION file says.
        found: String,
        /// What this version writes there.
        wanted: &'static str,
    },
    /// A record in the folder cannot be understood, or its data is gone.
    #[error(
        "{path:?} is damaged ({detail}): restore it, or move it away to start without this object"
    )]
    Damaged {
        /// The record.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A bucket in [`Options::buckets`] has an impossible name.
    #[error("{name:?} is no bucket name: {reason}")]
    BucketName {
        /// The name.
        name: String,
        /// The rule it breaks.
        reason: &'static str,
    },
}
