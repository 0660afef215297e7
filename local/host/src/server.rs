//! The HTTP/1.1 server: connections, the host's own paths, and routing.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use crate::app::{App, Entry};
use crate::chain::DOMAIN_SUFFIX;
use crate::headers;
use crate::instance::{GuestBody, invoke};
use crate::options::Profile;
use crate::routes::RESERVED_PREFIX;

/// The most bytes of a request's line and headers.
const MAX_HEADERS: usize = 64 * 1024;

/// How long a client may take to send a request's headers, and how long a connection may be idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// The pause after a connection could not be accepted, for example because no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The limit of a profile. Spin's server has no timer, and so no limit.
pub(crate) fn header_timeout(profile: Profile) -> Option<Duration> {
    (profile == Profile::Ordinary).then_some(HEADER_TIMEOUT)
}

/// Accepts connections until the host closes.
pub(crate) async fn serve(app: Arc<App>, listener: TcpListener) {
    let entry = app.running.enter();
    let mut closing = pin!(entry.closing());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut closing => return,
        };
        match accepted {
            Ok((stream, client)) => {
                if app.profile == Profile::Ordinary {
                    // Without it small answers may wait for the client's acknowledgement; a failure costs only that.
                    let _ = stream.set_nodelay(true);
                }
                let client = headers::client_address(client);
                let entry = app.running.enter();
                tokio::spawn(serve_connection(app.clone(), entry, stream, client));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection(app: Arc<App>, entry: Entry, stream: TcpStream, client: HeaderValue) {
    let service = service_fn(|request| {
        let (app, client) = (&app, &client);
        async move { Ok::<_, std::convert::Infallible>(respond(app, client, request).await) }
    });
    let mut builder = http1::Builder::new();
    builder.max_header_size(MAX_HEADERS);
    if app.header_timeout.is_some() {
        builder.timer(TokioTimer::new());
    }
    builder.header_read_timeout(app.header_timeout);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let outcome = tokio::select! {
        outcome = &mut connection => outcome,
        () = entry.closing() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                outcome = &mut connection => outcome,
                () = entry.killed() => Ok(()),
            }
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn respond(
    app: &Arc<App>,
    client: &HeaderValue,
    mut request: Request<Incoming>,
) -> Response<HostBody> {
    if let Err(refusal) = check(&request) {
        return status(refusal);
    }
    let uri = request.uri().clone();
    if let Some(name) = uri.path().strip_prefix(RESERVED_PREFIX) {
        return match name {
            "health" => Response::new(HostBody::text("OK")),
            "info" => info(app),
            _ => status(StatusCode::NOT_FOUND),
        };
    }
    let Some((target, captures)) = app.router.find(uri.path()) else {
        return status(StatusCode::NOT_FOUND);
    };
    headers::add(
        request.headers_mut(),
        &uri,
        &target.headers,
        &captures,
        client,
    );
    match invoke(app, &target.component, request).await {
        Ok(response) => response.map(HostBody::Guest),
        // The reason is in the host's log, not for the client.
        Err(error) => status(error.status(app.profile)),
    }
}

/// Refuses requests that do not say unambiguously which host they are for (RFC 9112, section 3.2), that
/// pretend to come by service chaining, or that want a tunnel.
fn check<B>(request: &Request<B>) -> Result<(), StatusCode> {
    if request.method() == Method::CONNECT {
        return Err(StatusCode::NOT_IMPLEMENTED);
    }
    let authority = authority(request.headers(), request.uri()).ok_or(StatusCode::BAD_REQUEST)?;
    if authority
        .host()
        .to_ascii_lowercase()
        .ends_with(DOMAIN_SUFFIX)
    {
        return Err(StatusCode::BAD_REQUEST);
    }
    Ok(())
}

fn authority(headers: &HeaderMap, uri: &Uri) -> Option<Authority> {
    let mut hosts = headers.get_all(HOST).iter();
    let header = match hosts.next() {
        Some(host) => Some(Authority::try_from(host.as_bytes()).ok()?),
        None => None,
    };
    if hosts.next().is_some() {
        return None;
    }
    match (header, uri.authority()) {
        (Some(header), Some(authority)) => (header == *authority).then_some(header),
        (Some(header), None) => Some(header),
        (None, authority) => authority.cloned(),
    }
}

fn status(status: StatusCode) -> Response<HostBody> {
    let mut response = Response::new(HostBody::Own(None));
    *response.status_mut() = status;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        // Instances come and go within a moment.
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn info(app: &App) -> Response<HostBody> {
    let mut response = Response::new(HostBody::Own(Some(app.info.clone())));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The body of a response: a few bytes of the host's own, or what a guest writes.
enum HostBody {
    Own(Option<Bytes>),
    Guest(GuestBody),
}

impl HostBody {
    fn text(text: &'static str) -> HostBody {
        HostBody::Own(Some(Bytes::from_static(text.as_bytes())))
    }
}

impl Body for HostBody {
    type Data = Bytes;
    type Error = wasmtime_wasi_http::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut *self {
            HostBody::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            HostBody::Guest(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            HostBody::Own(bytes) => bytes.is_none(),
            HostBody::Guest(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            HostBody::Own(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            HostBody::Guest(body) => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn checked(method: &str, uri: &str, hosts: &[&str]) -> Result<(), StatusCode> {
        let mut request = Request::builder().method(method).uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        check(&request.body(()).unwrap())
    }

    #[test]
    fn a_request_must_say_once_which_host_it_is_for() {
        assert_eq!(checked("GET", "/", &["example.com"]), Ok(()));
        assert_eq!(checked("GET", "/", &["[::1]:3000"]), Ok(()));
        assert_eq!(checked("GET", "http://a.org/", &[]), Ok(()));
        assert_eq!(checked("GET", "http://a.org/", &["a.org"]), Ok(()));
        let wrong = [
            ("/", &[][..]),
            ("/", &["a.org", "b.org"]),
            ("/", &["a b"]),
            ("/", &[""]),
            ("http://a.org/", &["b.org"]),
        ];
        for (uri, hosts) in wrong {
            assert_eq!(
                checked("GET", uri, hosts),
                Err(StatusCode::BAD_REQUEST),
                "{uri} {hosts:?}"
            );
        }
    }

    #[test]
    fn a_client_cannot_pretend_to_be_a_component() {
        for host in [
            "users.spin.internal",
            "Users.SPIN.Internal:80",
            "x@users.spin.internal",
        ] {
            assert_eq!(
                checked("GET", "/", &[host]),
                Err(StatusCode::BAD_REQUEST),
                "{host}"
            );
        }
        assert_eq!(checked("GET", "/", &["spin.internal.example.com"]), Ok(()));
    }

    #[test]
    fn there_are_no_tunnels() {
        let refused = checked("CONNECT", "a.org:443", &["a.org:443"]);
        assert_eq!(refused, Err(StatusCode::NOT_IMPLEMENTED));
    }
}
