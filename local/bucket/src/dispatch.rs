//! From a request to its answer: credentials are checked, and the call is made.

use std::sync::Arc;

use http::{Method, Request, StatusCode};

use crate::access::Account;
use crate::body::RequestBody;
use crate::context::Context;
use crate::cors::Cors;
use crate::error::ApiError;
use crate::faults::Faults;
use crate::reply::{self, Response};
use crate::route::{Call, Dialect, route};
use crate::storage::Storage;
use crate::{compose, list, manage, read, upload};

/// What all requests have in common.
pub(crate) struct Shared {
    pub(crate) storage: Arc<Storage>,
    /// None if everybody may do everything.
    pub(crate) account: Option<Arc<Account>>,
    /// None if requests cannot be made to fail.
    pub(crate) faults: Option<Faults>,
    /// The origins whose scripts the XML API lets in.
    pub(crate) cors_origins: Vec<String>,
}

/// Answers a request; `fallback` is this server's address for clients that name none.
pub(crate) async fn answer(
    shared: &Shared,
    request: &Request<()>,
    fallback: &str,
    mut body: RequestBody,
) -> Response {
    let (method, uri) = (request.method(), request.uri());
    let dialect = Dialect::of(uri.path());
    let cors = Cors::read(&shared.cors_origins, dialect, method, request.headers());
    if let Some(response) = cors.preflight() {
        return response;
    }
    let result = async {
        let context = Context::new(Arc::clone(&shared.storage), request, fallback)?;
        let call = route(method, uri.path(), &context.query)?;
        if let (Some(account), false) = (&shared.account, call == Call::Faults) {
            account.admit(&context, &call)?;
        }
        dispatch(shared, &context, call, &mut body).await
    };
    let mut response = match result.await {
        Ok(response) => response,
        Err(error) => {
            if let Some(cause) = &error.cause {
                tracing::error!(%method, path = uri.path(), cause, "a request failed");
            }
            reply::error(&error, dialect)
        }
    };
    cors.apply(&mut response);
    // A client that is still sending would not read an answer on a connection that is being closed.
    body.drain().await;
    // Without the query: an upload's id and a signature are credentials.
    tracing::debug!(%method, path = uri.path(), status = response.status().as_u16(), "answered");
    response
}

async fn dispatch(
    shared: &Shared,
    context: &Context,
    call: Call,
    body: &mut RequestBody,
) -> Result<Response, ApiError> {
    let head = context.method == Method::HEAD;
    let account = || shared.account.as_deref().ok_or_else(ApiError::not_found);
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
        Call::Compose { bucket, name } => compose::compose(context, bucket, name, body).await,
        Call::Upload { bucket } => upload::begin(context, bucket, body).await,
        Call::PutObject { bucket, name } => upload::put(context, bucket, name, body).await,
        Call::StartUpload { bucket, name } => upload::start(context, bucket, name).await,
        Call::ContinueUpload { bucket } => upload::proceed(context, bucket, body).await,
        Call::CancelUpload { bucket } => upload::cancel(context, bucket).await,
        Call::Token => account()?.exchange(context, body).await,
        Call::MachineToken => account()?.machine_token(context),
        Call::Faults => match &shared.faults {
            Some(faults) => faults.administer(&context.method, body).await,
            None => Err(ApiError::not_found()),
        },
    }
}
