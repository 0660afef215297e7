//! Connections to other servers: TCP or TLS, with a time limit that each request sets itself.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use tower_service::Service;

use crate::error::StartError;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

tokio::task_local! {
    /// The limit of the request that is asking for a connection.
    static LIMIT: Duration;
}

/// Runs a request whose connection, if it needs a new one, must be there within `limit`.
pub(crate) async fn with_timeout<F: Future>(limit: Duration, request: F) -> F::Output {
    LIMIT.scope(limit, request).await
}

/// No connection was made within the limit.
#[derive(Debug, thiserror::Error)]
#[error("the connection was not made in time")]
pub(crate) struct ConnectTimedOut;

/// Connects by `http` or `https`, the latter with Mozilla's root certificates.
#[derive(Clone)]
pub(crate) struct Connector(HttpsConnector<HttpConnector>);

impl Connector {
    /// A connector for all requests of the application.
    pub(crate) fn new() -> Result<Connector, StartError> {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| StartError::Engine(error.to_string()))?;
        Ok(Connector(
            tls.https_or_http().enable_http1().wrap_connector(tcp),
        ))
    }
}

impl Service<Uri> for Connector {
    type Response = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let limit = LIMIT.try_with(|limit| *limit).unwrap_or(Duration::MAX);
        let connecting = self.0.call(uri);
        Box::pin(async move {
            match tokio::time::timeout(limit, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(ConnectTimedOut.into()),
            }
        })
    }
}
