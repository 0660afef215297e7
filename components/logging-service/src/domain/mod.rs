//! Log entries, on any store and clock, and the health of all services.
//!
//! # Layout
//! - [`batch`]: reads and checks what a service sends.
//! - [`text`]: makes text safe to print, and entries small enough to keep.
//! - [`filter`]: which entries a reader wants, and which it may see.
//! - [`metrics`]: numbers made of entries, for monitoring.
//! - [`book`]: keeps entries in a journal, newest first, for as long as the retention says.
//! - [`overall`]: the health of the application.

pub mod batch;
pub mod book;
pub mod filter;
pub mod metrics;
pub mod overall;
#[cfg(test)]
mod testing;
pub mod text;
