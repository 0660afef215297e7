//! The bucket over HTTP, as a client sees it.
#![allow(clippy::unwrap_used)]

mod lifecycle;
mod listing;
mod objects;
mod resumable;
mod support;
