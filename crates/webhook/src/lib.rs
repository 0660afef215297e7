#![deny(unsafe_code)]
//! Requests to webhooks, by the scheme of
//! [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
//!
//! # Layout
//! - [`Endpoint`]: where to, and signed with what. `secret`: the signature.
//! - [`send`]: one request, and what its receiver said.
//! - [`schedule`]: when it is tried again.

mod endpoint;
pub mod schedule;
mod secret;
mod send;

pub use endpoint::{Endpoint, NO_ORIGIN, are_secrets};
pub use send::{Answer, Message, request, send};
