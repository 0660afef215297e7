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
//! - [`eventually`]: for what happens after the answer.

pub mod body;
pub mod form;
pub mod raw;

mod app;
mod eventually;
mod reply;
mod user;

pub use app::{ADMIN_EMAIL, App, AppBuilder, BUCKET, service_token};
pub use eventually::eventually;
pub use form::Form;
pub use reply::Reply;
pub use user::User;

/// A real video, H.264 and AAC; see `fixtures/README.md`.
pub const CLIP: &[u8] = include_bytes!("../fixtures/clip.mp4");
