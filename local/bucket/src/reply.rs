//! Responses.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::body::ResponseBody;
use crate::error::ApiError;
use crate::route::Dialect;

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
    let bytes = serde_json::to_vec(value).map_err(ApiError::internal)?;
    Ok(with_body(
        status,
        bytes.into(),
        "application/json; charset=UTF-8",
    ))
}

/// The response to an error, in the form of the API that was spoken.
pub(crate) fn error(error: &ApiError, dialect: Dialect) -> Response {
    let response = match dialect {
        Dialect::Json => json(error.status, &error.to_json()),
        Dialect::Xml => Ok(with_body(
            error.status,
            error.to_xml().into(),
            "application/xml; charset=UTF-8",
        )),
    };
    let mut response = response.unwrap_or_else(|_| empty(error.status));
    if let Some((name, value)) = error.header.as_deref() {
        response.headers_mut().insert(name, value.clone());
    }
    response
}

fn with_body(status: StatusCode, bytes: Bytes, kind: &'static str) -> Response {
    let mut response = empty(status);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *response.body_mut() = ResponseBody::Full(Some(bytes));
    response
}
