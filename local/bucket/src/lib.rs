#![forbid(unsafe_code)]
//! An embedded bucket that speaks the part of the Google Cloud Storage JSON API that Spinreel uses,
//! and keeps its objects in a folder.
//!
//! # What it promises
//! - An object is visible whole or not at all, whenever the process is killed: the bytes are written and
//!   synced first, then one small record is renamed into place. See `storage`.
//! - Resumable uploads survive a restart.
//! - Bodies are streamed: memory does not grow with the size of an object.
//! - Preconditions decide atomically: of several creators with `ifGenerationMatch=0` one wins.
//!
//! # What it leaves out
//! Authentication (an `Authorization` header is accepted and ignored), object versions, copying and
//! composing, access lists, notifications. It is meant for a loopback address.
//!
//! # Layout
//! - `server` accepts connections, `route` names the call that a request makes, `server` dispatches it;
//! - `read`, `list`, `manage` and `upload` are the calls;
//! - `object`, `preconditions`, `checksum`, `range`, `query`, `names` are the API's vocabulary;
//! - `storage` is the folder. It is synchronous and knows no HTTP.

mod body;
mod checksum;
mod clock;
mod error;
mod list;
mod manage;
mod names;
mod object;
mod options;
mod preconditions;
mod query;
mod range;
mod read;
mod reply;
mod route;
mod server;
mod storage;
mod upload;

pub use options::{Options, StartError};
pub use server::Bucket;
