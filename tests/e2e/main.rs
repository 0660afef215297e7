//! End to end: the components that Spin would run, in the embedded host, over HTTP.
//!
//! One module for each route or each thing that can go wrong. A test's name says what must hold.
#![allow(clippy::unwrap_used)]

mod access_matrix;
mod accounts;
mod administration;
mod alerts;
mod audit;
mod bucket_faults;
mod bucket_gone;
mod budget;
mod content;
mod content_conditions;
mod cors;
mod credentials;
mod delete_file;
mod full_stop;
mod guessing;
mod health;
mod internal;
mod interoperation;
mod introspection;
mod log_lines;
mod logs;
mod logs_gone;
mod logs_tail;
mod metrics;
mod midnight;
mod own_account;
mod peers_gone;
mod playback_bandwidth;
mod protection;
mod readme;
mod redirect;
mod restart;
mod revocation;
mod routing;
mod secrets;
mod sessions;
mod start;
mod storage_names;
mod storage_status;
mod streaming;
mod sweep;
mod sweep_all;
mod tokens;
mod upload;
mod upload_cut_off;
mod upload_form;
mod upload_limits;
mod upload_race;
mod uploads;
mod usage;
mod usage_alerts;
mod videos;
mod webhook;
