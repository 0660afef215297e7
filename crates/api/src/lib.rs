#![forbid(unsafe_code)]
//! The JSON that Spinreel's clients and services exchange: one place for the services and for the tests.
//!
//! # Layout
//! - [`accounts`], [`videos`], [`storage`], [`usage`], [`logs`], [`health`]: the public contract, a module a service.
//! - [`alerts`]: crossed shares of limits, told to usage-service and shown by it.
//! - [`actions`]: what log lines tell of. [`internal`]: what only services say to each other; [`operations`]: what operators ask for.
//! - [`markup`]: text in XML and HTML. [`Page`]: a page of a list. [`Timestamp`]: a time, RFC 3339 on the wire.

pub mod accounts;
pub mod actions;
pub mod alerts;
pub mod health;
pub mod internal;
pub mod logs;
pub mod markup;
pub mod operations;
pub mod storage;
pub mod usage;
pub mod videos;

mod page;
mod timestamp;

pub use page::Page;
pub use timestamp::{Day, Timestamp};
