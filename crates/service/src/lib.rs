#![deny(unsafe_code)]
//! The thin shell between a service's domain logic and WASI.
//!
//! A service is a table of [`Route`]s. The shell finds the route, checks what its [`Access`] demands (a route
//! is closed unless it says that it is open), runs the handler, writes the answer, and after the answer hands what must
//! reach the log to logging-service.
//!
//! # Layout
//! - [`serve`] and [`Service`]: a request from its arrival to its last log line.
//! - [`Route`], [`Access`], [`Call`]: what a handler is and what it gets.
//! - [`Response`], [`Body`], [`Relay`]: what it answers; bodies of other services are spliced through by the host,
//!   whole or, in [`Spliced`] ones, in parts.
//! - [`Context`]: the request's surroundings: store, HTTP client, settings, log, peers.
//! - [`Settings`]: the component's variables, checked before the first line of a handler runs.
//! - [`Peer`]: calls to other services, with a service token and the request's id.

mod access;
mod bindings;
mod context;
mod cors;
mod hand_over;
mod health;
mod inbound;
mod log;
mod origin;
mod outbound;
mod pace;
mod peer;
mod protection;
mod request_body;
mod respond;
mod route;
mod routes;
mod serve;
mod settings;
mod shipping;
mod store;
mod wait;
mod world;

pub use access::{Access, Caller, judge_again, judge_session};
pub use context::Context;
pub use health::{health_response, own_health, remembered, service_health};
pub use inbound::{JSON_LIMIT, Request};
pub use log::Log;
pub use origin::{origin, requested_origin};
pub use outbound::{ResponseBody, WasiHttp};
pub use peer::{Peer, PeerError, Refusal};
pub use request_body::RequestBody;
pub use respond::{Body, Pieces, Relay, Response, Splice, Spliced, Transfer, empty, json};
pub use route::{Call, Handler, Outcome, Route, Style};
pub use serve::{AppendLogs, Authority, FindStanding, LogSink, Service, VERSION, serve};
pub use settings::{Kind, Settings, Variable};
pub use shipping::LOG_BEHIND;
pub use store::WasiStore;
pub use world::{WasiClock, WasiRandom};

/// Shorthand for a route's handler: wraps an `async fn(Call) -> Outcome`.
#[macro_export]
macro_rules! handler {
    ($function:path) => {
        |call| ::std::boxed::Box::pin($function(call))
    };
}

/// Makes the crate a component that runs `$service`.
#[macro_export]
macro_rules! component {
    ($service:path) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(
            unsafe_code,
            reason = "the SDK's macro exports the component's function"
        )]
        mod entry {
            use ::spin_sdk::http::{IncomingRequest, ResponseOutparam};
            use ::spin_sdk::http_component;

            #[http_component]
            async fn handle(request: IncomingRequest, response: ResponseOutparam) {
                $crate::serve(&$service, request, response).await;
            }
        }
    };
}
