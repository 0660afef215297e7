//! Paths and methods: which call a request makes.

use http::Method;
use percent_encoding::percent_decode_str;

use crate::access::{METADATA_TOKEN_PATH, TOKEN_PATH};
use crate::error::ApiError;
use crate::faults;
use crate::names;
use crate::query::Query;

/// The first segments that belong to the JSON API and to this server; all others name a bucket in the XML API.
const RESERVED: [&str; 6] = [
    "_spinreel",
    "computeMetadata",
    "download",
    "storage",
    "token",
    "upload",
];

/// Which of Google's two APIs a request speaks. It decides about the forms of preconditions, answers and errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// <https://cloud.google.com/storage/docs/json_api>
    Json,
    /// <https://cloud.google.com/storage/docs/xml-api>: `/{bucket}/{object}`, what signed URLs are made for.
    Xml,
}

impl Dialect {
    /// The API that a path belongs to.
    pub(crate) fn of(path: &str) -> Dialect {
        match path.get(1..).and_then(|path| path.split_once('/')) {
            Some((first, _)) if !RESERVED.contains(&first) => Dialect::Xml,
            _ => Dialect::Json,
        }
    }
}

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
    /// An object made of others.
    Compose {
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
    /// A whole object, by the XML API.
    PutObject {
        bucket: String,
        name: String,
    },
    /// The start of a resumable upload, by the XML API.
    StartUpload {
        bucket: String,
        name: String,
    },
    /// A token for a service account.
    Token,
    /// A token for a machine.
    MachineToken,
    /// The rules for faults.
    Faults,
}

impl Call {
    /// Whether it changes nothing.
    pub(crate) fn is_read(&self) -> bool {
        matches!(
            self,
            Call::ListBuckets
                | Call::GetBucket { .. }
                | Call::ListObjects { .. }
                | Call::GetObject { .. }
                | Call::Download { .. }
        )
    }

    /// Whether it is about the upload that the query names.
    pub(crate) fn goes_on_with_upload(&self, query: &Query) -> bool {
        matches!(
            self,
            Call::ContinueUpload { .. } | Call::CancelUpload { .. }
        ) && query.text(UPLOAD_ID).is_some()
    }
}

/// The parameter that names an upload.
pub(crate) const UPLOAD_ID: &str = "upload_id";

/// Reads the method, the path and the query of a request. `GET` includes `HEAD`.
///
/// # Errors
/// 404 for a path that the API does not have, 405 for a method that the path does not have, 400 for a
/// name that cannot be.
pub(crate) fn route(method: &Method, path: &str, query: &Query) -> Result<Call, ApiError> {
    if Dialect::of(path) == Dialect::Xml {
        return route_xml(method, path, query);
    }
    match path {
        TOKEN_PATH if method == Method::POST => return Ok(Call::Token),
        TOKEN_PATH => return Err(ApiError::method_not_allowed("POST")),
        METADATA_TOKEN_PATH if method == Method::GET => return Ok(Call::MachineToken),
        METADATA_TOKEN_PATH => return Err(ApiError::method_not_allowed("GET")),
        faults::PATH => return Ok(Call::Faults),
        _ => {}
    }
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
        ["storage", "v1", "b", bucket, "o", name, "compose"] => {
            let (bucket, name) = (decode(bucket)?, object(name)?);
            match *method {
                Method::POST => Ok(Call::Compose { bucket, name }),
                _ => Err(ApiError::method_not_allowed("POST")),
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

/// `/{bucket}/{object}`: here slashes in the object's name stay what they are.
fn route_xml(method: &Method, path: &str, query: &Query) -> Result<Call, ApiError> {
    let (bucket, name) = path
        .get(1..)
        .and_then(|path| path.split_once('/'))
        .ok_or_else(ApiError::not_found)?;
    let (bucket, name) = (decode(bucket)?, object(name)?);
    let goes_on = query.text(UPLOAD_ID).is_some();
    match *method {
        Method::GET | Method::HEAD => Ok(Call::Download { bucket, name }),
        Method::PUT if goes_on => Ok(Call::ContinueUpload { bucket }),
        Method::DELETE if goes_on => Ok(Call::CancelUpload { bucket }),
        Method::PUT => Ok(Call::PutObject { bucket, name }),
        Method::DELETE => Ok(Call::DeleteObject { bucket, name }),
        Method::POST => Ok(Call::StartUpload { bucket, name }),
        _ => Err(ApiError::method_not_allowed("GET, HEAD, PUT, DELETE, POST")),
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
mod tests;
