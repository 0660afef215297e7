//! The HTTP server: connections, and the dispatch of their requests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::body::RequestBody;
use crate::error::ApiError;
use crate::options::{Options, StartError};
use crate::query::Query;
use crate::reply::{self, Response};
use crate::route::{Call, route};
use crate::storage::{Storage, StorageError, blocking};
use crate::{list, manage, names, read, upload};

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
        let Options {
            dir,
            listen,
            buckets,
        } = options;
        for name in &buckets {
            names::check_bucket(name).map_err(|reason| StartError::BucketName {
                name: name.clone(),
                reason,
            })?;
        }
        let in_listening = |source| StartError::Listen {
            address: listen,
            source,
        };
        let listener = TcpListener::bind(listen).await.map_err(in_listening)?;
        let address = listener.local_addr().map_err(in_listening)?;
        let (held, released) = mpsc::channel(1);
        let opened = tokio::task::spawn_blocking({
            let dir = dir.clone();
            move || {
                let storage = Storage::open(&dir, held)?;
                for name in &buckets {
                    match storage.create_bucket(name) {
                        Ok(_) | Err(StorageError::BucketExists) => {}
                        Err(error) => {
                            let source = std::io::Error::other(error);
                            return Err(StartError::Folder { path: dir, source });
                        }
                    }
                }
                Ok(storage)
            }
        });
        let storage = opened.await.map_err(|error| {
            let source = std::io::Error::other(error);
            StartError::Folder { path: dir, source }
        })??;
        let (stop, stopped) = watch::channel(false);
        let accepting = tokio::spawn(accept(listener, Arc::new(storage), stopped));
        tracing::info!(%address, "the bucket is listening");
        Ok(Bucket {
            address,
            stop,
            accepting,
            released,
        })
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

/// Accepts connections until `stopped` says so, or its sender is gone.
async fn accept(listener: TcpListener, storage: Arc<Storage>, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let mut expiry = tokio::time::interval(EXPIRY_INTERVAL);
    loop {
        tokio::select! {
            () = told_to_stop(&mut stopped) => break,
            Some(_) = connections.join_next() => {}
            _ = expiry.tick() => expire(Arc::clone(&storage)),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, Arc::clone(&storage), stopped.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    drop(storage);
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
async fn serve(stream: TcpStream, storage: Arc<Storage>, mut stopped: watch::Receiver<bool>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let fallback = stream
        .local_addr()
        .map(|address| address.to_string())
        .unwrap_or_default();
    let service = service_fn(move |request: Request<Incoming>| {
        let context = Context::new(Arc::clone(&storage), &request, &fallback);
        let (head, body) = request.into_parts();
        let body = RequestBody::new(body, head.headers.contains_key(header::EXPECT));
        let answer = answer(context, head.method, head.uri, body);
        async move {
            // A task of its own: when the connection breaks, what has arrived is still put away.
            Ok::<_, Infallible>(match tokio::spawn(answer).await {
                Ok(response) => response,
                Err(error) => {
                    tracing::error!(%error, "a request failed");
                    reply::error(&ApiError::internal(error))
                }
            })
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
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

/// What a call needs to know of its request, beside the names in the path and the body.
pub(crate) struct Context {
    pub(crate) storage: Arc<Storage>,
    pub(crate) headers: HeaderMap,
    pub(crate) query: Query,
    /// `http://host[:port]`, as the client addressed this server; for the links in answers.
    pub(crate) origin: String,
}

impl Context {
    fn new(
        storage: Arc<Storage>,
        request: &Request<Incoming>,
        fallback: &str,
    ) -> Result<Context, ApiError> {
        let host = request
            .headers()
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let valid = |host: &&str| host.parse::<http::uri::Authority>().is_ok();
        Ok(Context {
            storage,
            headers: request.headers().clone(),
            query: Query::parse(request.uri().query().unwrap_or_default())?,
            origin: format!("http://{}", host.filter(valid).unwrap_or(fallback)),
        })
    }

    /// Runs storage work where it may block.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Storage) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let storage = Arc::clone(&self.storage);
        blocking(move || work(&storage)).await
    }
}

/// Answers a request.
async fn answer(
    context: Result<Context, ApiError>,
    method: Method,
    uri: http::Uri,
    mut body: RequestBody,
) -> Response {
    let result = async {
        let context = context?;
        let call = route(&method, uri.path())?;
        dispatch(&context, call, method == Method::HEAD, &mut body).await
    };
    let response = match result.await {
        Ok(response) => response,
        Err(error) => {
            if let Some(cause) = &error.cause {
                tracing::error!(%method, path = uri.path(), cause, "a request failed");
            }
            reply::error(&error)
        }
    };
    // A client that is still sending would not read an answer on a connection that is being closed.
    body.drain().await;
    // Without the query: an upload's id is a credential.
    tracing::debug!(%method, path = uri.path(), status = response.status().as_u16(), "answered");
    response
}

async fn dispatch(
    context: &Context,
    call: Call,
    head: bool,
    body: &mut RequestBody,
) -> Result<Response, ApiError> {
    match call {
        Call::ListBuckets => list::buckets(context),
        Call::CreateBucket => manage::create_bucket(context, body).await,
        Call::GetBucket { bucket } => manage::get_bucket(context, &bucket),
        Call::ListObjects { bucket } => list::objects(context, &bucket),
        Call::GetObject { bucket, name } => match context.query.text("alt") {
            None | Some("json") => read::resource(context, &bucket, &name),
            Some("media") => read::media(context, &bucket, &name, head).await,
            Some(_) => Err(ApiError::invalid(
                "Invalid value for alt: neither json nor media.",
            )),
        },
        Call::Download { bucket, name } => read::media(context, &bucket, &name, head).await,
        Call::PatchObject { bucket, name } => manage::patch(context, bucket, name, body).await,
        Call::DeleteObject { bucket, name } => {
            manage::delete(context, bucket, name).await?;
            Ok(reply::empty(StatusCode::NO_CONTENT))
        }
        Call::Upload { bucket } => upload::begin(context, bucket, body).await,
        Call::ContinueUpload { bucket } => upload::proceed(context, bucket, body).await,
        Call::CancelUpload { bucket } => upload::cancel(context, bucket).await,
    }
}
