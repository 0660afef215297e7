#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod checksum;
mod client;
mod encode;
mod endpoint;
mod error;
mod insert;
mod list;
mod object;
mod read;
mod request;
mod retry;
mod session;
mod upload;

#[cfg(test)]
mod testing;

pub use checksum::Crc32c;
pub use client::{Client, Credentials, Deleted};
pub use endpoint::Endpoint;
pub use error::Error;
pub use list::{LARGEST_PAGE, ListPage};
pub use object::{NewObject, Object, WRITE_ID};
pub use read::{ByteRange, Download};
pub use retry::RetryPolicy;
pub use session::ResumableSession;
pub use upload::{CHUNK_QUANTUM, Part, Progress};
