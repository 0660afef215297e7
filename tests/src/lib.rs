#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test's support may end the test")]
//! What the end-to-end tests are written with: the whole application in this process, and clients of it.
//!
//! The components are the files that `cargo xtask build` makes; Spin would run the very same. Every [`App`] has a
//! state folder and a bucket of its own, so that tests run side by side.
//!
//! # Layout
//! - [`App`], [`AppBuilder`]: the application, started, stopped and restarted.
//! - [`User`]: somebody who signed up and signed in.
//! - [`Reply`]: an answer, read to its end.
//! - [`form`]: `multipart/form-data`, with everything that clients do wrong.
//! - [`raw`]: requests that no HTTP library would send.
//! - [`body`]: bodies of any size that need no memory.
//! - [`bucket`]: the embedded bucket, and what others could do to it; [`Fault`]: how it fails.
//! - [`Receiver`]: whom webhooks are sent to.
//! - [`Forgery`]: access tokens that user-service did not make.
//! - [`foreign`]: programs that others wrote.
//! - [`upkeep`]: the sweep and the reconciliation.
//! - [`Door`]: what stands before a service that goes away and comes back.
//! - [`Program`]: the application as a process that can be killed.
//! - [`eventually`]: for what happens after the answer. [`Dice`]: choices that a seed repeats.

pub mod body;
pub mod bucket;
pub mod foreign;
pub mod form;
pub mod raw;
pub mod upkeep;

mod app;
mod dice;
mod door;
mod eventually;
mod fault;
mod hung;
mod keys;
mod program;
mod receiver;
mod reply;
mod user;

pub use app::{
    ADMIN_EMAIL, ADMIN_PASSWORD, App, AppBuilder, METRICS_TOKEN, SWEEP_TOKEN, service_token,
};
pub use bucket::BUCKET;
pub use dice::Dice;
pub use door::{Behind, Door};
pub use eventually::eventually;
pub use fault::Fault;
pub use form::Form;
pub use keys::Forgery;
pub use program::Program;
pub use receiver::{Answer, Received, Receiver};
pub use reply::Reply;
pub use user::User;

/// A real video, H.264 and AAC; see `fixtures/README.md`.
pub const CLIP: &[u8] = include_bytes!("../fixtures/clip.mp4");
