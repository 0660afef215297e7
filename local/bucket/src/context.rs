//! What a call needs to know of its request, beside the names in the path and the body.

use std::sync::Arc;

use http::{HeaderMap, Method, Request, header};

use crate::error::ApiError;
use crate::preconditions::Preconditions;
use crate::query::Query;
use crate::route::Dialect;
use crate::storage::{Storage, StorageError, blocking};

/// A request without its body.
pub(crate) struct Context {
    pub(crate) storage: Arc<Storage>,
    pub(crate) method: Method,
    /// As it came, percent-encoded.
    pub(crate) path: String,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    /// Which of the two APIs is spoken.
    pub(crate) dialect: Dialect,
    /// `http://host[:port]`, as the client addressed this server; for the links in answers.
    pub(crate) origin: String,
}

impl Context {
    /// Reads a request's head; `fallback` is the address for clients that name none.
    ///
    /// # Errors
    /// 400, if the query is not UTF-8.
    pub(crate) fn new(
        storage: Arc<Storage>,
        request: &Request<()>,
        fallback: &str,
    ) -> Result<Context, ApiError> {
        let host = request
            .headers()
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let valid = |host: &&str| host.parse::<http::uri::Authority>().is_ok();
        let path = request.uri().path();
        Ok(Context {
            storage,
            method: request.method().clone(),
            path: path.to_owned(),
            query: Query::parse(request.uri().query().unwrap_or_default())?,
            headers: request.headers().clone(),
            dialect: Dialect::of(path),
            origin: format!("http://{}", host.filter(valid).unwrap_or(fallback)),
        })
    }

    /// The request's preconditions: parameters of the JSON API, headers of the XML API.
    ///
    /// # Errors
    /// 400, if one of them is not a whole number.
    pub(crate) fn preconditions(&self) -> Result<Preconditions, ApiError> {
        match self.dialect {
            Dialect::Json => Preconditions::from_query(&self.query),
            Dialect::Xml => Preconditions::from_headers(&self.headers),
        }
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
