#![forbid(unsafe_code)]
//! HTTP as Spinreel's contract uses it, without a server or a client.
//!
//! # Layout
//! - [`accept`]: which form of an answer a client wants.
//! - [`problem`]: errors (RFC 9457) as named constructors, so that a handler reads like prose.
//! - [`fold`]: text as searches compare it.
//! - [`forwarded_for`]: whom proxies saw.
//! - [`json`]: JSON from untrusted bytes, without duplicate members and without endless nesting.
//! - [`origin`]: origins of scripts, as a setting has them.
//! - [`parameters`]: media types and content dispositions with their parameters (RFC 9110, section 5.6.6).
//! - [`pattern`]: paths with `:name` segments.
//! - [`query`]: query strings, limits and cursors of lists.
//! - [`range`]: single byte ranges (RFC 9110, section 14).
//! - [`request_id`]: which request ids of clients are taken over.

pub mod accept;
pub mod fold;
pub mod forwarded_for;
pub mod json;
pub mod origin;
pub mod parameters;
pub mod pattern;
pub mod problem;
pub mod query;
pub mod range;
pub mod request_id;

pub use problem::{FieldError, Problem};
