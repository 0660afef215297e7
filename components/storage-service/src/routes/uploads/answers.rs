//! The headers of answers.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderName, HeaderValue};
use spinreel_service::Response;
use spinreel_tus::header;

use crate::domain::resumable::Status;

/// Adds a header; one whose value cannot be sent is left out.
pub(super) fn put(response: &mut Response, name: HeaderName, value: impl ToString) {
    if let Ok(value) = HeaderValue::from_str(&value.to_string()) {
        response.headers_mut().insert(name, value);
    }
}

/// Says how far an upload is; `is_asked`: in full, as the answer to the question.
pub(super) fn say_status(response: &mut Response, status: &Status, is_asked: bool) {
    match status {
        Status::Waiting {
            length,
            metadata,
            concat,
            expires_ms,
        } => {
            put(response, header::UPLOAD_EXPIRES, http_date(*expires_ms));
            if let Some(length) = length {
                put(response, header::UPLOAD_LENGTH, *length);
            }
            if !metadata.is_empty() {
                put(response, header::UPLOAD_METADATA, metadata);
            }
            say_concat(response, concat.as_deref());
        }
        Status::Finished(file) => {
            put(response, header::UPLOAD_OFFSET, file.object.size);
            if is_asked {
                put(response, header::UPLOAD_LENGTH, file.object.size);
                say_concat(response, file.head.concat.as_deref());
            }
            response.headers_mut().remove(header::UPLOAD_EXPIRES);
        }
        Status::Open {
            offset,
            length,
            metadata,
            concat,
            expires_ms,
        } => {
            put(response, header::UPLOAD_OFFSET, *offset);
            put(response, header::UPLOAD_EXPIRES, http_date(*expires_ms));
            match length {
                _ if !is_asked => {}
                Some(length) => put(response, header::UPLOAD_LENGTH, *length),
                None => put(response, header::UPLOAD_DEFER_LENGTH, 1),
            }
            if is_asked && !metadata.is_empty() {
                put(response, header::UPLOAD_METADATA, metadata);
            }
            if is_asked {
                say_concat(response, concat.as_deref());
            }
        }
    }
}

fn say_concat(response: &mut Response, concat: Option<&str>) {
    if let Some(concat) = concat {
        put(response, header::UPLOAD_CONCAT, concat);
    }
}

/// A time as HTTP writes it (RFC 9110, section 5.6.7).
pub(super) fn http_date(ms: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(ms))
}
