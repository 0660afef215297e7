#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod authorize;
mod checked;
mod checksum;
mod client;
mod compose;
mod credentials;
mod encode;
mod endpoint;
mod error;
mod insert;
mod list;
mod object;
mod read;
mod request;
mod retry;
mod service_account;
mod session;
mod sign;
mod token;
mod upload;

#[cfg(test)]
mod testing;

pub use checked::CheckedBody;
pub use checksum::Crc32c;
pub use client::{Client, Deleted};
pub use compose::{LARGEST_COMPOSITION, Source};
pub use credentials::{Credentials, CredentialsError, METADATA_ORIGIN};
pub use endpoint::Endpoint;
pub use error::Error;
pub use insert::Inserted;
pub use list::{LARGEST_PAGE, ListPage};
pub use object::{NewObject, Object, WRITE_ID};
pub use read::{ByteRange, Download};
pub use retry::RetryPolicy;
pub use service_account::ServiceAccountKey;
pub use session::ResumableSession;
pub use sign::{HmacKey, LONGEST_EXPIRY_S, SignedUrl, SigningKey, UrlStyle, UrlToSign, sign_url};
pub use token::{AccessToken, NoTokenCache, TokenCache};
pub use upload::{CHUNK_QUANTUM, Part, Progress};
