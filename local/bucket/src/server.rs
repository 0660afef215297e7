//! The HTTP server: connections, and the dispatch of their requests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::access::{Account, HmacKey, Scope};
use crate::body::RequestBody;
use crate::dispatch::{Shared, answer};
use crate::error::ApiError;
use crate::faults::{Fault, Faults};
use crate::options::{Access, Options, StartError};
use crate::reply::{self, Response};
use crate::route::Dialect;
use crate::socket::{Reset, Socket};
use crate::storage::{Storage, StorageError};
use crate::{clock, names};

/// How long a connection may take to send a request's head; also how long it may be idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(300);

/// How long open requests may go on after the server was told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// How often old resumable uploads are looked for.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// How long to wait before accepting again when the system is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A running bucket server. Dropped, it stops too, but without waiting for open requests.
#[derive(Debug)]
pub struct Bucket {
    address: SocketAddr,
    account: Option<Arc<Account>>,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    released: mpsc::Receiver<()>,
}

impl Bucket {
    /// Opens the folder, makes the buckets that are asked for, and serves on the calling Tokio runtime.
    ///
    /// # Errors
    /// [`StartError`], before anything is served.
    pub async fn start(options: Options) -> Result<Bucket, StartError> {
        for name in &options.buckets {
            names::check_bucket(name).map_err(|reason| StartError::BucketName {
                name: name.clone(),
                reason,
            })?;
        }
        let in_listening = |source| StartError::Listen {
            address: options.listen,
            source,
        };
        let listener = TcpListener::bind(options.listen)
            .await
            .map_err(in_listening)?;
        let address = listener.local_addr().map_err(in_listening)?;
        let (held, released) = mpsc::channel(1);
        let dir = options.dir.clone();
        let opened = tokio::task::spawn_blocking(move || open(&options, address, held));
        let shared = opened.await.map_err(|error| StartError::Folder {
            path: dir,
            source: std::io::Error::other(error),
        })??;
        let account = shared.account.clone();
        let (stop, stopped) = watch::channel(false);
        let accepting = tokio::spawn(accept(listener, Arc::new(shared), stopped));
        tracing::info!(%address, "the bucket is listening");
        Ok(Bucket {
            address,
            account,
            stop,
            accepting,
            released,
        })
    }

    /// The key of the service account, as Google's JSON, with this server's token URI. None if everybody may
    /// do everything.
    pub fn service_account_key(&self) -> Option<&str> {
        Some(self.account.as_ref()?.key_json())
    }

    /// The key for signed URLs without RSA, where there is a service account.
    pub fn hmac_key(&self) -> Option<&HmacKey> {
        Some(self.account.as_ref()?.hmac())
    }

    /// A new access token that allows everything for an hour, where there is a service account.
    pub fn access_token(&self) -> Option<String> {
        let account = self.account.as_ref()?;
        Some(account.token(Scope::ReadWrite, clock::seconds()))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops: no new requests, a few seconds for the open ones, and then the folder is free for the next server.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        if let Err(error) = self.accepting.await {
            tracing::error!(%error, "the bucket's listener failed");
        }
        // Answers None when the last request has let go of the storage.
        let _ = self.released.recv().await;
    }
}

/// Opens the folder, and what the options ask for beside it.
fn open(
    options: &Options,
    address: SocketAddr,
    held: mpsc::Sender<()>,
) -> Result<Shared, StartError> {
    let storage = Storage::open(&options.dir, held, options.one_write_a_second)?;
    for name in &options.buckets {
        match storage.create_bucket(name) {
            Ok(_) | Err(StorageError::BucketExists) => {}
            Err(error) => return Err(in_folder(&options.dir, error)),
        }
    }
    let account = match &options.access {
        Access::Open => None,
        Access::ServiceAccount { key } => {
            let origin = format!("http://{}", reachable(address));
            let account = Account::open(&storage, key.as_deref(), &origin)?;
            Some(Arc::new(account))
        }
    };
    Ok(Shared {
        storage: Arc::new(storage),
        account,
        faults: options.faults.then(Faults::new),
        cors_origins: options.cors_origins.clone(),
    })
}

fn in_folder(path: &Path, error: StorageError) -> StartError {
    StartError::Folder {
        path: path.to_owned(),
        source: std::io::Error::other(error),
    }
}

/// An address for clients on this machine: one that is listened on by all interfaces is none.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Accepts connections until `stopped` says so, or its sender is gone.
async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let mut expiry = tokio::time::interval(EXPIRY_INTERVAL);
    loop {
        tokio::select! {
            () = told_to_stop(&mut stopped) => break,
            Some(_) = connections.join_next() => {}
            _ = expiry.tick() => expire(Arc::clone(&shared.storage)),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, Arc::clone(&shared), stopped.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    drop(shared);
    let finish = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, finish).await.is_err() {
        connections.shutdown().await;
    }
}

/// Returns when the server is told to stop, or is dropped.
async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    // An error says that the sender is gone, which means the same.
    let _ = stopped.wait_for(|stop| *stop).await;
}

fn expire(storage: Arc<Storage>) {
    tokio::task::spawn_blocking(move || {
        if let Err(error) = storage.expire_sessions() {
            tracing::warn!(%error, "cannot look for old uploads");
        }
    });
}

/// Serves one connection.
async fn serve(stream: TcpStream, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let fallback = stream
        .local_addr()
        .map(|address| address.to_string())
        .unwrap_or_default();
    let reset = Reset::default();
    let service = service_fn({
        let reset = reset.clone();
        move |request| {
            let (shared, reset) = (Arc::clone(&shared), reset.clone());
            respond(shared, request, fallback.clone(), reset)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(Socket::new(stream, reset)), service);
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = told_to_stop(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection broke");
    }
}

/// The connection ends here, because of a fault that was asked for.
#[derive(Debug, thiserror::Error)]
#[error("a fault ended the connection")]
struct Ended;

/// Answers a request, or makes it fail as the rules for faults say.
async fn respond(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    fallback: String,
    reset: Reset,
) -> Result<Response, Ended> {
    let dialect = Dialect::of(request.uri().path());
    let faults = shared.faults.as_ref();
    let fault = faults.and_then(|faults| faults.strike(request.method(), request.uri()));
    if fault == Some(Fault::Reset) {
        reset.arm();
        return Err(Ended);
    }
    let (head, body) = request.into_parts();
    let mut body = RequestBody::new(body, head.headers.contains_key(header::EXPECT));
    if let Some(Fault::Status {
        status,
        retry_after,
    }) = fault
    {
        let error = ApiError::asked_for(status, retry_after);
        body.drain().await;
        return Ok(reply::error(&error, dialect));
    }
    // A task of its own: when the connection breaks, what has arrived is still put away.
    let work = tokio::spawn(async move {
        let shared = match fault {
            Some(Fault::Stall(time)) => stall(shared, time).await?,
            _ => shared,
        };
        let request = Request::from_parts(head, ());
        Ok(answer(&shared, &request, &fallback, body).await)
    });
    let response = match work.await {
        Ok(result) => result?,
        Err(error) => {
            tracing::error!(%error, "a request failed");
            reply::error(&ApiError::internal(error), dialect)
        }
    };
    match fault {
        Some(Fault::ResetAfterEffect) => {
            reset.arm();
            Err(Ended)
        }
        Some(Fault::CutBody(length)) => Ok(response.map(|body| body.cut(length))),
        _ => Ok(response),
    }
}

/// Waits, without holding up the end of the server.
async fn stall(shared: Arc<Shared>, time: Duration) -> Result<Arc<Shared>, Ended> {
    let server = Arc::downgrade(&shared);
    drop(shared);
    tokio::time::sleep(time).await;
    server.upgrade().ok_or(Ended)
}
