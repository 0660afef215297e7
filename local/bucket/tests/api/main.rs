//! The bucket over HTTP, as a client sees it.
#![allow(clippy::unwrap_used)]

mod access;
mod compose;
mod cors;
mod faults;
mod lifecycle;
mod listing;
mod objects;
mod preconditions;
mod resumable;
mod signed_urls;
mod signer;
mod support;
mod transcoding;
mod xml;
