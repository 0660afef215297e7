#![forbid(unsafe_code)]
//! The embedded host: runs a Spin application without Spin, for development, tests and small installations.
//!
//! It reads the application's `spin.toml`, compiles its components and serves them over HTTP/1.1 with a fresh
//! instance for every request. Components get what Spin gives them: WASI 0.2, outbound HTTP held to
//! `allowed_outbound_hosts`, service chaining, variables and key-value stores. What Spin does not have is not
//! here either, and a manifest that says more than is supported is refused with the line.
//!
//! ```no_run
//! # async fn run() -> Result<(), spinreel_host::StartError> {
//! let options = spinreel_host::Options::new("spin.toml", ".spinreel");
//! let host = spinreel_host::Host::start(options).await?;
//! println!("http://{}", host.address());
//! host.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//!
//! - what the caller sees: `options`, `error`, `host` (starting, stopping)
//! - configuration: `manifest`, `runtime_config`, `variables`, `source` (TOML with line numbers), `state` (the
//!   folder), `stores` (opening them)
//! - the way of a request: `server` (on an `impatient` stream) → `routes`, `headers` → `instance` (one guest) on `engine`, `component`, `app`
//! - what guests reach: `outbound` (`allowed_hosts`, `chain`, `connect`, `response_body`), `key_value` (with
//!   `store_calls`, which counts), `logs`, `clock`, `bindings` (the interfaces besides WASI's own)

mod allowed_hosts;
mod app;
#[allow(missing_docs, unreachable_pub, clippy::all)]
mod bindings;
mod chain;
mod clock;
mod component;
mod connect;
mod engine;
mod error;
mod headers;
mod host;
mod impatient;
mod instance;
mod key_value;
mod logs;
mod manifest;
mod options;
mod outbound;
mod response_body;
mod routes;
mod runtime_config;
mod server;
mod source;
mod state;
mod store_calls;
mod stores;
mod variables;

pub use clock::WallClock;
pub use error::StartError;
pub use host::{Host, RouteInfo};
pub use options::{Allocator, Options, Profile};
pub use store_calls::{StoreCalls, StoreOperation};
