//! Responses.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::body::ResponseBody;
use crate::error::ApiError;

/// An HTTP response of the bucket.
pub(crate) type Response = http::Response<ResponseBody>;

/// A response without a body.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(ResponseBody::Full(None));
    *response.status_mut() = status;
    if status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED {
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(0));
    }
    response
}

/// A response with a JSON body.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Result<Response, ApiError> {
    let bytes = Bytes::from(serde_json::to_vec(value).map_err(ApiError::internal)?);
    let mut response = empty(status);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let kind = HeaderValue::from_static("application/json; charset=UTF-8");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *response.body_mut() = ResponseBody::Full(Some(bytes));
    Ok(response)
}

/// The response to an error.
pub(crate) fn error(error: &ApiError) -> Response {
    let mut response = json(error.status, &error.to_json()).unwrap_or_else(|_| empty(error.status));
    if let Some((name, value)) = error.header.as_deref() {
        response.headers_mut().insert(name, value.clone());
    }
    response
}
