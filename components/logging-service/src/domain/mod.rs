//! Log entries, on any store and clock, and the health of all services.
//!
//! # Layout
//! - [`batch`]: reads and checks what a service sends.
//! - [`text`]: makes text safe to print, and entries small enough to keep.
//! - [`filter`]: which entries a reader wants, and which it may see.
//! - [`class`]: access lines, events and the audit trail, each with a retention of its own.
//! - [`journal`]: entries as the cells of a journal hold them.
//! - [`index`]: which stretches of the journal may hold what a reader looks for.
//! - [`search`]: a reader and its filter, made ready for looking.
//! - [`book`]: takes entries in, finds them, follows them, and keeps them for as long as the retention says.
//! - [`metrics`]: numbers made of entries, for monitoring.
//! - [`overall`]: the health of the application.

pub mod batch;
pub mod book;
pub mod class;
pub mod filter;
pub mod index;
pub mod journal;
pub mod metrics;
pub mod overall;
pub mod search;
#[cfg(test)]
mod testing;
pub mod text;
