//! Paths and methods: which call a request makes.

use http::Method;
use percent_encoding::percent_decode_str;

use crate::error::ApiError;
use crate::names;

/// A call of the API, with the names from its path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Call {
    ListBuckets,
    CreateBucket,
    GetBucket {
        bucket: String,
    },
    ListObjects {
        bucket: String,
    },
    /// The resource, or with `alt=media` the bytes.
    GetObject {
        bucket: String,
        name: String,
    },
    /// The bytes.
    Download {
        bucket: String,
        name: String,
    },
    PatchObject {
        bucket: String,
        name: String,
    },
    DeleteObject {
        bucket: String,
        name: String,
    },
    /// A whole object, or the start of a resumable upload.
    Upload {
        bucket: String,
    },
    /// More of a resumable upload.
    ContinueUpload {
        bucket: String,
    },
    CancelUpload {
        bucket: String,
    },
}

/// Reads the method and the path of a request. `GET` includes `HEAD`.
///
/// # Errors
/// 404 for a path that the API does not have, 405 for a method that the path does not have, 400 for a
/// name that cannot be.
pub(crate) fn route(method: &Method, path: &str) -> Result<Call, ApiError> {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match segments.as_slice() {
        ["storage", "v1", "b"] => match *method {
            Method::GET | Method::HEAD => Ok(Call::ListBuckets),
            Method::POST => Ok(Call::CreateBucket),
            _ => Err(ApiError::method_not_allowed("GET, HEAD, POST")),
        },
        ["storage", "v1", "b", bucket] => {
            let bucket = decode(bucket)?;
            match *method {
                Method::GET | Method::HEAD => Ok(Call::GetBucket { bucket }),
                _ => Err(ApiError::method_not_allowed("GET, HEAD")),
            }
        }
        ["storage", "v1", "b", bucket, "o"] => {
            let bucket = decode(bucket)?;
            match *method {
                Method::GET | Method::HEAD => Ok(Call::ListObjects { bucket }),
                _ => Err(ApiError::method_not_allowed("GET, HEAD")),
            }
        }
        ["storage", "v1", "b", bucket, "o", name] => {
            let (bucket, name) = (decode(bucket)?, object(name)?);
            match *method {
                Method::GET | Method::HEAD => Ok(Call::GetObject { bucket, name }),
                Method::PATCH => Ok(Call::PatchObject { bucket, name }),
                Method::DELETE => Ok(Call::DeleteObject { bucket, name }),
                _ => Err(ApiError::method_not_allowed("GET, HEAD, PATCH, DELETE")),
            }
        }
        ["download", "storage", "v1", "b", bucket, "o", name] => {
            let (bucket, name) = (decode(bucket)?, object(name)?);
            match *method {
                Method::GET | Method::HEAD => Ok(Call::Download { bucket, name }),
                _ => Err(ApiError::method_not_allowed("GET, HEAD")),
            }
        }
        ["upload", "storage", "v1", "b", bucket, "o"] => {
            let bucket = decode(bucket)?;
            match *method {
                Method::POST => Ok(Call::Upload { bucket }),
                Method::PUT => Ok(Call::ContinueUpload { bucket }),
                Method::DELETE => Ok(Call::CancelUpload { bucket }),
                _ => Err(ApiError::method_not_allowed("POST, PUT, DELETE")),
            }
        }
        _ => Err(ApiError::not_found()),
    }
}

fn decode(segment: &str) -> Result<String, ApiError> {
    let text = percent_decode_str(segment).decode_utf8();
    text.map(|text| text.into_owned())
        .map_err(|_| ApiError::invalid("The path is not UTF-8."))
}

fn object(segment: &str) -> Result<String, ApiError> {
    let name = decode(segment)?;
    names::check_object(&name)
        .map_err(|rule| ApiError::invalid(format!("Invalid name: {rule}.")))?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::StatusCode;

    use super::*;

    #[test]
    fn names_are_decoded_from_one_segment() {
        let call = route(&Method::GET, "/storage/v1/b/films/o/u%2F%C3%BC%20%2B+.mp4").unwrap();
        let name = "u/ü ++.mp4".to_owned();
        assert_eq!(
            call,
            Call::GetObject {
                bucket: "films".to_owned(),
                name
            }
        );
    }

    #[test]
    fn each_method_is_a_call_of_its_own() {
        let bucket = || "films".to_owned();
        let name = || "a".to_owned();
        for (method, path, call) in [
            (Method::GET, "/storage/v1/b", Call::ListBuckets),
            (Method::POST, "/storage/v1/b", Call::CreateBucket),
            (
                Method::HEAD,
                "/storage/v1/b/films",
                Call::GetBucket { bucket: bucket() },
            ),
            (
                Method::GET,
                "/storage/v1/b/films/o",
                Call::ListObjects { bucket: bucket() },
            ),
            (
                Method::PATCH,
                "/storage/v1/b/films/o/a",
                Call::PatchObject {
                    bucket: bucket(),
                    name: name(),
                },
            ),
            (
                Method::HEAD,
                "/download/storage/v1/b/films/o/a",
                Call::Download {
                    bucket: bucket(),
                    name: name(),
                },
            ),
            (
                Method::PUT,
                "/upload/storage/v1/b/films/o",
                Call::ContinueUpload { bucket: bucket() },
            ),
        ] {
            assert_eq!(route(&method, path).unwrap(), call);
        }
    }

    #[test]
    fn what_the_api_does_not_have_is_refused() {
        for (method, path, status) in [
            (Method::GET, "/", StatusCode::NOT_FOUND),
            (
                Method::GET,
                "/storage/v1/b/films/o/a/b",
                StatusCode::NOT_FOUND,
            ),
            (Method::GET, "/storage/v2/b", StatusCode::NOT_FOUND),
            (
                Method::PUT,
                "/storage/v1/b/films/o/a",
                StatusCode::METHOD_NOT_ALLOWED,
            ),
            (
                Method::GET,
                "/storage/v1/b/films/o/..",
                StatusCode::BAD_REQUEST,
            ),
            (
                Method::GET,
                "/storage/v1/b/films/o/%2E%2E",
                StatusCode::BAD_REQUEST,
            ),
            (
                Method::GET,
                "/storage/v1/b/films/o/",
                StatusCode::BAD_REQUEST,
            ),
            (
                Method::GET,
                "/storage/v1/b/films/o/a%0Ab",
                StatusCode::BAD_REQUEST,
            ),
            (
                Method::GET,
                "/storage/v1/b/films/o/%FF",
                StatusCode::BAD_REQUEST,
            ),
        ] {
            assert_eq!(
                route(&method, path).unwrap_err().status,
                status,
                "{method} {path}"
            );
        }
    }
}
