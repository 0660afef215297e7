//! Requests that guests send: held to their allowed hosts, then to another component, to the application
//! itself, or over a pooled connection.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderName, Request, Response, Uri};
use http_body_util::BodyExt;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Semaphore;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler::Host as _;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, WasiBody, WasiHttpHooks, WasiHttpView as _,
};

use crate::app::App;
use crate::chain;
use crate::component::Component;
use crate::connect::{self, ConnectTimedOut, Connector};
use crate::error::StartError;
use crate::instance::Guest;
use crate::response_body::{TimedBody, is_cut_off};
use crate::runtime_config;

/// How long each step of a request may take if the guest does not say, as in Spin.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// The host that some SDKs put into a URL for the application itself.
const SELF_HOST: &str = "self.alt";

/// What a guest's requests go through.
pub(crate) struct Outgoing {
    /// The application.
    pub(crate) app: Arc<App>,
    /// The component that the guest is an instance of.
    pub(crate) component: Arc<Component>,
}

/// Gives guests `wasi:http/outgoing-handler`, which here also takes URLs without a host.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    type Arguments = (
        Resource<HostOutgoingRequest>,
        Option<Resource<RequestOptions>>,
    );
    linker
        .instance("wasi:http/outgoing-handler@0.2.12")?
        .func_wrap(
            "handle",
            |mut store: StoreContextMut<'_, Guest>, (request, options): Arguments| {
                let mut http = store.data_mut().http();
                let parts = http.table.get_mut(&request)?;
                if parts.authority.as_deref().unwrap_or_default().is_empty() {
                    parts.authority = Some(SELF_HOST.to_owned());
                }
                match http.handle(request, options) {
                    Ok(response) => Ok((Ok(response),)),
                    Err(error) => Ok((Err(error.downcast()?),)),
                }
            },
        )
}

type Sending = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Outgoing {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        DEFAULT_FORBIDDEN_HEADERS.contains(name)
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Sending,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Sending), Error>> + Send> {
        let app = self.app.clone();
        let component = self.component.clone();
        Box::new(async move {
            let response = route(&app, &component, request, options.unwrap_or_default()).await?;
            Ok((response, Box::new(async { Ok(()) }) as Sending))
        })
    }

    fn p2_error_from_hyper(&mut self, error: &hyper::Error) -> ErrorCode {
        tracing::debug!(component = self.component.id, %error, "a connection failed");
        if is_cut_off(error) {
            ErrorCode::ConnectionTerminated
        } else {
            ErrorCode::HttpProtocolError
        }
    }
}

/// Checks a request against the component's allowed hosts and sends it where it goes.
pub(crate) async fn route(
    app: &Arc<App>,
    component: &Component,
    mut request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<Response<WasiBody>, Error> {
    let uri = request.uri();
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    let scheme = uri.scheme_str().unwrap_or_default().to_owned();
    // Some SDKs put only a port where there is no host.
    let own = host.is_empty() || host == SELF_HOST;
    let bare_host = host.trim_start_matches('[').trim_end_matches(']');
    let allowed = if own {
        component.allowed_hosts.allows_self()
    } else {
        component
            .allowed_hosts
            .allows(&scheme, bare_host, uri.port_u16())
    };
    if !allowed {
        let place = uri.authority().map_or("", |authority| authority.as_str());
        let place = place.rsplit('@').next().unwrap_or_default();
        tracing::warn!(
            component = component.id,
            "a request to {scheme}://{place} was denied: allowed_outbound_hosts does not have it"
        );
        return Err(Error::HttpRequestDenied);
    }

    // The header is made anew from the URI when the request is sent.
    request.headers_mut().remove(HOST);
    if let Some(id) = host.strip_suffix(chain::DOMAIN_SUFFIX) {
        return chain::call(app, component, id, request).await;
    }
    if own {
        *request.uri_mut() = own_uri(app, request.uri())?;
    }
    app.client.send(request, options).await
}

fn own_uri(app: &App, uri: &Uri) -> Result<Uri, Error> {
    let path = uri.path_and_query().cloned();
    Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(app.address.to_string())
        .path_and_query(path.unwrap_or(PathAndQuery::from_static("/")))
        .build()
        .map_err(|_| Error::HttpRequestUriInvalid)
}

/// The connections of the whole application to other servers.
pub(crate) struct Client {
    client: legacy::Client<Connector, WasiBody>,
    slots: Option<Arc<Semaphore>>,
}

impl Client {
    /// A client as the runtime configuration wants it.
    pub(crate) fn new(config: &runtime_config::Outbound) -> Result<Client, StartError> {
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new());
        if !config.pooling {
            builder.pool_max_idle_per_host(0);
        }
        Ok(Client {
            client: builder.build(Connector::new()?),
            slots: config
                .max_concurrent
                .map(|most| Arc::new(Semaphore::new(most))),
        })
    }

    async fn send(
        &self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        let connect_timeout = options.connect_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let first_byte = options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let between_bytes = options.between_bytes_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let slot = match &self.slots {
            Some(slots) => Some(
                slots
                    .clone()
                    .acquire_owned()
                    .await
                    .map_err(|_| Error::ConnectionLimitReached)?,
            ),
            None => None,
        };
        let sending = connect::with_timeout(connect_timeout, self.client.request(request));
        let response = tokio::time::timeout(first_byte, sending)
            .await
            .map_err(|_| Error::ConnectionReadTimeout)?
            .map_err(|error| reason(&error))?;
        Ok(response.map(|body| TimedBody::new(body, between_bytes, slot).boxed_unsync()))
    }
}

/// Finds out why a request failed, so that the guest can tell what is worth a retry.
fn reason(error: &legacy::Error) -> Error {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<ConnectTimedOut>() {
            return Error::ConnectionTimeout;
        }
        if inner.to_string().starts_with("dns error") {
            return Error::DnsError {
                rcode: Some("address not available".to_owned()),
                info_code: Some(0),
            };
        }
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return match tls {
                rustls::Error::InvalidCertificate(_) => Error::TlsCertificateError,
                _ => Error::TlsProtocolError,
            };
        }
        if let Some(hyper) = inner.downcast_ref::<hyper::Error>() {
            if hyper.is_incomplete_message() || hyper.is_canceled() || hyper.is_closed() {
                return Error::ConnectionTerminated;
            }
            if hyper.is_timeout() {
                return Error::HttpResponseTimeout;
            }
        }
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            if let Some(tls) = io
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<rustls::Error>())
            {
                return match tls {
                    rustls::Error::InvalidCertificate(_) => Error::TlsCertificateError,
                    _ => Error::TlsProtocolError,
                };
            }
            match io.kind() {
                io::ErrorKind::ConnectionRefused => return Error::ConnectionRefused,
                io::ErrorKind::TimedOut => return Error::ConnectionTimeout,
                io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                    return Error::DestinationUnavailable;
                }
                io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof => return Error::ConnectionTerminated,
                _ => {}
            }
        }
        cause = inner.source();
    }
    if error.is_connect() {
        Error::DestinationUnavailable
    } else {
        Error::HttpProtocolError
    }
}

#[cfg(test)]
mod tests;
