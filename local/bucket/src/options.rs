//! What a bucket server is started with, and why it may refuse to start.

use std::fmt;
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
    /// Who may do what.
    pub access: Access,
    /// Whether `/_spinreel/faults` can make requests fail.
    pub faults: bool,
    /// Whether a name that was written is refused further writes for a second, with 429.
    pub one_write_a_second: bool,
    /// The CORS configuration of all buckets: the origins whose scripts the XML API lets in; `*`: all.
    pub cors_origins: Vec<String>,
}

impl Options {
    /// A bucket server that is open to everybody, has no faults and no limits.
    pub fn new(
        dir: impl Into<PathBuf>,
        listen: SocketAddr,
        buckets: impl IntoIterator<Item = impl Into<String>>,
    ) -> Options {
        Options {
            dir: dir.into(),
            listen,
            buckets: buckets.into_iter().map(Into::into).collect(),
            access: Access::Open,
            faults: false,
            one_write_a_second: false,
            cors_origins: Vec::new(),
        }
    }
}

/// Who may do what with a bucket server.
#[derive(Clone, Default)]
pub enum Access {
    /// Everybody everything; credentials are not looked at.
    #[default]
    Open,
    /// Only who holds a token of this server, a signed URL, or the URL of an upload.
    ServiceAccount {
        /// The key of the account, as Google's JSON; its `token_uri` is replaced by this server's. Without
        /// one it is the key in the folder, which is made at the first start.
        key: Option<String>,
    },
}

impl fmt::Debug for Access {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Access::Open => "Open",
            Access::ServiceAccount { .. } => "ServiceAccount",
        })
    }
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
    /// The key in [`Access::ServiceAccount`] cannot be used.
    #[error("the service account key cannot be used: {0}")]
    Key(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_shown() {
        let mut options = Options::new("x", SocketAddr::from(([127, 0, 0, 1], 0)), ["films"]);
        options.access = Access::ServiceAccount {
            key: Some("secret".to_owned()),
        };
        assert!(!format!("{options:?}").contains("secret"));
    }
}
