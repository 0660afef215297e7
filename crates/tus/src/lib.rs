#![forbid(unsafe_code)]
//! The grammar of tus 1.0.0 (<https://tus.io/protocols/resumable-upload>): what a request says, and why it is refused.
//!
//! Nothing here knows where bytes go, or who sends them.
//!
//! - [`Create`], [`Append`]: what a `POST` and a `PATCH` say.
//! - [`Concat`], [`CreateFinal`]: uploads that are made of others.
//! - [`Metadata`]: the header `Upload-Metadata`.
//! - [`Claim`], [`Digest`]: `Upload-Checksum`, and the digest of what came.
//! - [`draft`]: the same for the IETF's draft, which others speak.
//! - [`Refusal`]: what is wrong with a request, with its status.
//! - [`header`]: the names of the protocol's header fields.

mod checksum;
mod concat;
pub mod draft;
pub mod header;
mod metadata;
mod refusal;
mod request;

pub use checksum::{ALGORITHMS, Algorithm, Claim, Digest};
pub use concat::{Concat, CreateFinal};
pub use metadata::{MAX_KEYS, Metadata};
pub use refusal::Refusal;
pub use request::{Append, Create, Length, check_version, method_override};

/// The version of the protocol, and the only one.
pub const VERSION: &str = "1.0.0";

/// The media type of an upload's bytes.
pub const BYTES: &str = "application/offset+octet-stream";
