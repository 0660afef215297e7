//! The HTTP/1.1 server: connections, the host's own paths, and routing.

use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use crate::app::{App, Entry};
use crate::chain::DOMAIN_SUFFIX;
use crate::headers;
use crate::impatient::ImpatientStream;
use crate::instance::{GuestBody, invoke};
use crate::options::Profile;
use crate::response_body::TimedBody;
use crate::routes::RESERVED_PREFIX;

/// The most bytes of a request's line and headers.
const MAX_HEADERS: usize = 64 * 1024;

/// The most bytes that the server reads ahead, and those of an answer that wait for the connection (and one piece more).
const MAX_BUFFER: usize = 2 * MAX_HEADERS;

/// The most bytes of an answer that wait in the kernel to be sent the first time. Without that, megabytes do, and nobody
/// can tell what of them a client that went away would have had.
const MAX_UNSENT: u32 = 256 * 1024;

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
                    tune(&stream);
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

/// Sets the options of a connection; one that the system does not take costs only what it would have brought.
fn tune(stream: &TcpStream) {
    // Without it small answers may wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(MAX_UNSENT);
}

async fn serve_connection(app: Arc<App>, entry: Entry, stream: TcpStream, client: HeaderValue) {
    let service = service_fn(|request| {
        let (app, client) = (&app, &client);
        async move { Ok::<_, std::convert::Infallible>(respond(app, client, request).await) }
    });
    let mut builder = http1::Builder::new();
    builder.max_header_size(MAX_HEADERS);
    if app.profile == Profile::Ordinary {
        builder.max_buf_size(MAX_BUFFER);
    }
    if app.header_timeout.is_some() {
        builder.timer(TokioTimer::new());
    }
    builder.header_read_timeout(app.header_timeout);
    let stream = TokioIo::new(ImpatientStream::new(stream, app.client_timeout));
    let connection = builder.serve_connection(stream, service);
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
    match check(&request, app.address) {
        Ok(Some(host)) => {
            request.headers_mut().insert(HOST, host);
        }
        Ok(None) => {}
        Err(refusal) => return status(refusal),
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
    let invoked = match app.client_timeout {
        Some(limit) => {
            let request = request.map(|body| TimedBody::new(body, limit, None));
            invoke(app, &target.component, request).await
        }
        None => invoke(app, &target.component, request).await,
    };
    match invoked {
        Ok(response) => response.map(HostBody::Guest),
        // The reason is in the host's log, not for the client.
        Err(error) => status(error.status(app.profile)),
    }
}

/// Refuses requests that do not say unambiguously which host they are for, that pretend to come by service chaining, or
/// that want a tunnel. The answer is the `Host` that the component shall see, where it is not the client's: a target in
/// absolute form says which host it is, whatever the header says (RFC 9112, section 3.2.2), and who names none means the
/// address that it is connected to.
fn check<B>(request: &Request<B>, address: SocketAddr) -> Result<Option<HeaderValue>, StatusCode> {
    if request.method() == Method::CONNECT {
        return Err(StatusCode::NOT_IMPLEMENTED);
    }
    let header = host_header(request)?;
    let target = request.uri().authority();
    let is_chained = |authority: &Authority| {
        let host = authority.host().to_ascii_lowercase();
        host.ends_with(DOMAIN_SUFFIX)
    };
    if target.or(header.as_ref()).is_some_and(is_chained) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let host = match (target, header) {
        // Without a user's name, which has no place there.
        (Some(target), _) => {
            let host = target.as_str().rsplit('@').next().unwrap_or_default();
            host.to_owned()
        }
        (None, Some(_)) => return Ok(None),
        (None, None) => address.to_string(),
    };
    let host = HeaderValue::from_str(&host).map_err(|_| StatusCode::BAD_REQUEST)?;
    Ok(Some(host))
}

/// The `Host` header. Every request has one, and only one; but HTTP/1.0 did not know it yet (RFC 9112, section 3.2).
fn host_header<B>(request: &Request<B>) -> Result<Option<Authority>, StatusCode> {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Authority::try_from(host.as_bytes())
            .map(Some)
            .map_err(|_| StatusCode::BAD_REQUEST),
        (None, _) if request.version() < Version::HTTP_11 => Ok(None),
        _ => Err(StatusCode::BAD_REQUEST),
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

    type Checked = Result<Option<String>, StatusCode>;

    fn checked_as(version: Version, method: &str, uri: &str, hosts: &[&str]) -> Checked {
        let mut request = Request::builder().version(version).method(method).uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let address = SocketAddr::from(([192, 0, 2, 1], 80));
        let host = check(&request.body(()).unwrap(), address)?;
        Ok(host.map(|host| host.to_str().unwrap().to_owned()))
    }

    fn checked(method: &str, uri: &str, hosts: &[&str]) -> Checked {
        checked_as(Version::HTTP_11, method, uri, hosts)
    }

    #[test]
    fn a_request_must_say_once_which_host_it_is_for() {
        assert_eq!(checked("GET", "/", &["example.com"]), Ok(None));
        assert_eq!(checked("GET", "/", &["[::1]:3000"]), Ok(None));
        let wrong = [
            ("/", &[][..]),
            ("http://a.org/", &[]),
            ("/", &["a.org", "b.org"]),
            ("http://a.org/", &["a.org", "a.org"]),
            ("/", &["a b"]),
            ("http://a.org/", &["a b"]),
            ("/", &[""]),
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
    fn the_target_says_which_host_it_is_whatever_the_header_says() {
        for (uri, hosts, host) in [
            ("http://a.org/", ["a.org"], "a.org"),
            ("http://a.org:81/x", ["b.org"], "a.org:81"),
            ("http://me@a.org/", ["users.spin.internal"], "a.org"),
        ] {
            assert_eq!(checked("GET", uri, &hosts), Ok(Some(host.to_owned())));
        }
    }

    #[test]
    fn http_1_0_needs_no_host_header() {
        let checked = |uri, hosts: &[&str]| checked_as(Version::HTTP_10, "GET", uri, hosts);
        assert_eq!(checked("/", &[]), Ok(Some("192.0.2.1:80".to_owned())));
        assert_eq!(checked("/", &["a.org"]), Ok(None));
        assert_eq!(checked("http://a.org/", &[]), Ok(Some("a.org".to_owned())));
        let two = checked("/", &["a.org", "b.org"]);
        assert_eq!(two, Err(StatusCode::BAD_REQUEST));
    }

    #[test]
    fn a_client_cannot_pretend_to_be_a_component() {
        for (uri, host) in [
            ("/", "users.spin.internal"),
            ("/", "Users.SPIN.Internal:80"),
            ("/", "x@users.spin.internal"),
            ("http://users.spin.internal/", "a.org"),
        ] {
            assert_eq!(
                checked("GET", uri, &[host]),
                Err(StatusCode::BAD_REQUEST),
                "{uri} {host}"
            );
        }
        assert_eq!(
            checked("GET", "/", &["spin.internal.example.com"]),
            Ok(None)
        );
    }

    #[test]
    fn there_are_no_tunnels() {
        let refused = checked("CONNECT", "a.org:443", &["a.org:443"]);
        assert_eq!(refused, Err(StatusCode::NOT_IMPLEMENTED));
    }
}
