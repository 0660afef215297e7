use std::fmt;

use thiserror::Error as ThisError;

use crate::error::Error;
use crate::service_account::ServiceAccountKey;

/// Where Google's machines ask for tokens
/// (<https://cloud.google.com/compute/docs/metadata/querying-metadata>).
pub const METADATA_ORIGIN: &str = "http://metadata.google.internal";

/// How requests prove who sends them.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials {
    /// Not at all: emulators, and what is public.
    Anonymous,
    /// By tokens that a service account's key is exchanged for
    /// (<https://developers.google.com/identity/protocols/oauth2/service-account#httprest>).
    ServiceAccount(Box<ServiceAccountKey>),
    /// By the tokens of the machine's own service account, which a server on Google's machines hands out.
    MetadataServer {
        /// [`METADATA_ORIGIN`], or another one in tests.
        origin: String,
    },
}

impl Credentials {
    /// Reads a setting: nothing means [`Anonymous`](Self::Anonymous), `metadata` means the
    /// [`MetadataServer`](Self::MetadataServer) at [`METADATA_ORIGIN`], and everything else is a service account's
    /// key as JSON.
    ///
    /// # Errors
    /// Those of [`ServiceAccountKey::from_json`].
    pub fn from_setting(text: &str) -> Result<Self, CredentialsError> {
        match text.trim() {
            "" => Ok(Self::Anonymous),
            "metadata" => Ok(Self::MetadataServer {
                origin: METADATA_ORIGIN.to_owned(),
            }),
            json => Ok(Self::ServiceAccount(Box::new(
                ServiceAccountKey::from_json(json)?,
            ))),
        }
    }
}

impl From<ServiceAccountKey> for Credentials {
    fn from(key: ServiceAccountKey) -> Self {
        Self::ServiceAccount(Box::new(key))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => formatter.write_str("Anonymous"),
            Self::ServiceAccount(key) => {
                write!(formatter, "ServiceAccount({})", key.client_email())
            }
            Self::MetadataServer { origin } => write!(formatter, "MetadataServer({origin})"),
        }
    }
}

/// Why credentials are none, or do not open anything. No variant contains a key or a token.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum CredentialsError {
    /// The service account's key is not JSON.
    #[error("the service account key is not JSON (line {line}, column {column})")]
    NotJson {
        /// Where it stops being JSON, from 1.
        line: usize,
        /// Where in that line, from 1.
        column: usize,
    },
    /// Google has other key files as well, which are used differently.
    #[error("the key is one for {0:?}, and not for \"service_account\"")]
    WrongType(String),
    /// The service account's key lacks this field, or it is no text.
    #[error("the service account key has no {0:?}")]
    MissingField(&'static str),
    /// The private key cannot be used.
    #[error("the service account key's \"private_key\" is no RSA key in PKCS#8 PEM")]
    NotRsa,
    /// The address of the token server cannot be used.
    #[error("the service account key's \"token_uri\" is no http or https address")]
    TokenUri,
    /// The token server does not accept the key: it was deleted or disabled, has expired or belongs to another
    /// account, or the clock is wrong (RFC 6749 section 5.2).
    #[error("the token server refuses the service account key: {code}: {description}")]
    Rejected {
        /// Such as `invalid_grant`.
        code: String,
        /// The server's words, for a log.
        description: String,
    },
    /// The token server did not give a token, for the reason within.
    #[error("no access token could be had: {0}")]
    NoToken(Box<Error>),
    /// These credentials have no key, and cannot sign.
    #[error("only a service account's key can sign a URL")]
    CannotSign,
}

impl CredentialsError {
    /// Whether the same may succeed later.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::NoToken(reason) if reason.is_temporary())
    }
}
