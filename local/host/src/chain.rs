//! Service chaining: a component calls another one by `http://<id>.spin.internal`, in this process, without a
//! socket. Bodies stream both ways.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::uri::Scheme;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::app::App;
use crate::component::Component;
use crate::headers::{self, RouteHeaders};
use crate::instance::invoke;
use crate::routes::Captures;

/// What follows a component's id in the host of a chained request.
pub(crate) const DOMAIN_SUFFIX: &str = ".spin.internal";

/// The address that a callee sees.
const CALLER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Calls component `id`. A callee that fails is a 500, one for which there is no room a 503; an id that does not exist is an error.
pub(crate) async fn call(
    app: &Arc<App>,
    caller: &Component,
    id: &str,
    mut request: Request<WasiBody>,
) -> Result<Response<WasiBody>, Error> {
    if request.uri().scheme() == Some(&Scheme::HTTPS) {
        tracing::warn!(
            component = caller.id,
            "https://{id}{DOMAIN_SUFFIX}: service chaining is http only"
        );
        return Err(Error::HttpRequestDenied);
    }
    // Hosts are compared without case, so ids are too.
    let callee = app
        .components
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(id))
        .map(|(_, component)| component);
    let Some(callee) = callee else {
        tracing::error!(
            component = caller.id,
            "there is no component `{id}` to call"
        );
        return Err(Error::InternalError(Some(format!(
            "there is no component `{id}`"
        ))));
    };
    let uri = request.uri().clone();
    let captures = Captures {
        parameters: Vec::new(),
        path_info: uri.path().to_owned(),
    };
    headers::add(
        request.headers_mut(),
        &uri,
        &RouteHeaders::chained(),
        &captures,
        &headers::client_address(CALLER),
    );
    Ok(match invoke(app, callee, request).await {
        Ok(response) => response.map(|body| body.boxed_unsync()),
        Err(error) => failed(error.status(app.profile)),
    })
}

fn failed(status: StatusCode) -> Response<WasiBody> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
