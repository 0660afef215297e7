//! Reading an object: its resource, or its bytes
//! (<https://cloud.google.com/storage/docs/json_api/v1/objects/get>).

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::body::{FileBody, ResponseBody, read_block};
use crate::checksum::{encode_crc32c, encode_md5};
use crate::clock::http_date;
use crate::context::Context;
use crate::error::ApiError;
use crate::gunzip::{self, Gunzip, GunzipBody};
use crate::object::{Record, Resource, STORAGE_CLASS};
use crate::preconditions::Unmet;
use crate::range::{Selection, select};
use crate::reply::{self, Response};
use crate::route::Dialect;
use crate::storage::StorageError;

/// How often a read starts over when its object is replaced between looking it up and opening it.
const ATTEMPTS: usize = 16;

/// `GET …/o/{object}`.
pub(crate) fn resource(context: &Context, bucket: &str, name: &str) -> Result<Response, ApiError> {
    let record = match look_up(context, bucket, name)? {
        Ok(record) => record,
        Err(not_modified) => return Ok(*not_modified),
    };
    let mut response = reply::json(
        StatusCode::OK,
        &Resource::new(&context.origin, bucket, &record),
    )?;
    put(response.headers_mut(), header::ETAG, record.etag());
    Ok(response)
}

/// `GET …/o/{object}?alt=media`; with `head` without the bytes.
pub(crate) async fn media(
    context: &Context,
    bucket: &str,
    name: &str,
    head: bool,
) -> Result<Response, ApiError> {
    for _ in 0..ATTEMPTS {
        let record = match look_up(context, bucket, name)? {
            Ok(record) => record,
            Err(not_modified) => return Ok(*not_modified),
        };
        if gunzip::is_wanted(&record, &context.headers)
            && let Some(response) = gunzipped(context, &record).await?
        {
            return Ok(response);
        }
        let (status, first, length) = match selection(&context.headers, &record) {
            Selection::Whole => (StatusCode::OK, 0, record.size),
            Selection::Part { first, length } => (StatusCode::PARTIAL_CONTENT, first, length),
            Selection::Unsatisfiable => return Err(ApiError::range_not_satisfiable(record.size)),
        };
        let mut response = reply::empty(status);
        *response.headers_mut() = media_headers(&record, context.dialect);
        if context.dialect == Dialect::Xml {
            override_headers(context, response.headers_mut())?;
        }
        put(
            response.headers_mut(),
            header::CONTENT_LENGTH,
            length.to_string(),
        );
        if status == StatusCode::PARTIAL_CONTENT {
            let range = format!("bytes {first}-{}/{}", first + length - 1, record.size);
            put(response.headers_mut(), header::CONTENT_RANGE, range);
        }
        if head || length == 0 {
            return Ok(response);
        }
        match open(context, Arc::clone(&record), first, length).await {
            Ok((file, block)) => {
                *response.body_mut() = ResponseBody::File(FileBody::new(file, block, length));
                return Ok(response);
            }
            // Replaced or deleted since it was looked up.
            Err(StorageError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApiError::internal(
        "an object's data file is missing, or is replaced all the time",
    ))
}

/// The object's bytes decompressed, all of them whatever range is asked for; `None` where they are no gzip, or are gone.
async fn gunzipped(context: &Context, record: &Arc<Record>) -> Result<Option<Response>, ApiError> {
    let stored = Arc::clone(record);
    let opened = context
        .blocking(move |storage| Ok(Gunzip::open(storage.open_data(&stored)?, stored.size)?))
        .await;
    let (gunzip, block) = match opened {
        Ok(Some(opened)) => opened,
        Ok(None) => return Ok(None),
        Err(StorageError::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut response = Response::new(ResponseBody::Gunzip(GunzipBody::new(gunzip, block)));
    let headers = response.headers_mut();
    *headers = media_headers(record, context.dialect);
    for absent in [header::CONTENT_ENCODING, header::ACCEPT_RANGES] {
        headers.remove(absent);
    }
    put(headers, header::WARNING, gunzip::WARNING);
    if context.dialect == Dialect::Xml {
        override_headers(context, headers)?;
    }
    Ok(Some(response))
}

/// Opens the data and reads the first block of it, in one go: most small objects are done with that.
async fn open(
    context: &Context,
    record: Arc<Record>,
    first: u64,
    length: u64,
) -> Result<(File, Bytes), StorageError> {
    context
        .blocking(move |storage| {
            let mut file = storage.open_data(&record)?;
            file.seek(SeekFrom::Start(first))?;
            let block = read_block(&file, length)?;
            Ok((file, block))
        })
        .await
}

/// Finds the object that the request is about and holds its preconditions against it: the inner error
/// is the answer that nothing has changed.
fn look_up(
    context: &Context,
    bucket: &str,
    name: &str,
) -> Result<Result<Arc<Record>, Box<Response>>, ApiError> {
    let generation = context.query.number("generation")?;
    let conditions = context.preconditions()?;
    let record = context.storage.object(bucket, name, generation)?;
    let met = conditions
        .check(Some(&record))
        .and_then(|()| check_tags(context, &record));
    match met {
        Ok(()) => Ok(Ok(record)),
        Err(Unmet::NotMatch) => {
            let mut response = reply::empty(StatusCode::NOT_MODIFIED);
            let etag = etag(&record, context.dialect);
            put(response.headers_mut(), header::ETAG, etag);
            Ok(Err(Box::new(response)))
        }
        Err(unmet) => Err(StorageError::Precondition(unmet).into()),
    }
}

/// `If-Match` and `If-None-Match`, which the XML API knows (RFC 9110, section 13.1).
fn check_tags(context: &Context, record: &Record) -> Result<(), Unmet> {
    if context.dialect == Dialect::Json {
        return Ok(());
    }
    let names = |name: HeaderName| {
        let value = context.headers.get(name)?.to_str().ok()?;
        let mut tags = value.split(',').map(str::trim);
        Some(tags.any(|tag| tag == "*" || tag.trim_matches('"') == record.etag()))
    };
    if names(header::IF_MATCH) == Some(false) {
        return Err(Unmet::Match);
    }
    if names(header::IF_NONE_MATCH) == Some(true) {
        return Err(Unmet::NotMatch);
    }
    Ok(())
}

/// The entity tag as a header: with the quotes of RFC 9110 in the XML API, without in the JSON API.
fn etag(record: &Record, dialect: Dialect) -> String {
    match dialect {
        Dialect::Json => record.etag(),
        Dialect::Xml => format!("\"{}\"", record.etag()),
    }
}

/// What the URL asks to be told in place of the object's own attributes
/// (<https://cloud.google.com/storage/docs/xml-api/reference-headers>).
fn override_headers(context: &Context, headers: &mut HeaderMap) -> Result<(), ApiError> {
    for (parameter, header) in [
        ("response-content-disposition", header::CONTENT_DISPOSITION),
        ("response-content-type", header::CONTENT_TYPE),
    ] {
        if let Some(text) = context.query.text(parameter) {
            let value = HeaderValue::try_from(text).map_err(|_| {
                ApiError::invalid(format!("Invalid {parameter}: no header can have it."))
            })?;
            headers.insert(header, value);
        }
    }
    Ok(())
}

/// What the XML API answers to an upload: what there is to know of the object, in headers.
pub(crate) fn headers_only(record: &Record) -> Response {
    let mut response = reply::empty(StatusCode::OK);
    let about = media_headers(record, Dialect::Xml);
    for (name, value) in &about {
        if name == header::ETAG || name.as_str().starts_with("x-goog-") {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// The part that is asked for. With an `If-Range` of another version it is the whole (RFC 9110, section 13.1.5).
fn selection(headers: &HeaderMap, record: &Record) -> Selection {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let Some(range) = text(header::RANGE) else {
        return Selection::Whole;
    };
    match text(header::IF_RANGE) {
        Some(tag) if tag.trim_matches('"') != record.etag() => Selection::Whole,
        _ => select(range, record.size),
    }
}

fn media_headers(record: &Record, dialect: Dialect) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let attributes = &record.attributes;
    let cache = attributes
        .cache_control
        .as_deref()
        .unwrap_or("private, max-age=0");
    let encoding = attributes.content_encoding.as_deref();
    let mut hash = format!("crc32c={}", encode_crc32c(record.crc32c));
    if let Some(md5) = &record.md5 {
        hash = format!("{hash},md5={}", encode_md5(md5));
    }
    let goog = HeaderName::from_static;
    put(&mut headers, header::ACCEPT_RANGES, "bytes");
    put(
        &mut headers,
        header::CONTENT_TYPE,
        attributes.content_type(),
    );
    put(&mut headers, header::CACHE_CONTROL, cache);
    put(&mut headers, header::ETAG, etag(record, dialect));
    put(
        &mut headers,
        header::LAST_MODIFIED,
        http_date(record.updated),
    );
    put(
        &mut headers,
        goog("x-goog-generation"),
        record.generation.to_string(),
    );
    put(
        &mut headers,
        goog("x-goog-metageneration"),
        record.metageneration.to_string(),
    );
    put(&mut headers, goog("x-goog-hash"), hash);
    put(&mut headers, goog("x-goog-storage-class"), STORAGE_CLASS);
    put(
        &mut headers,
        goog("x-goog-stored-content-length"),
        record.size.to_string(),
    );
    put(
        &mut headers,
        goog("x-goog-stored-content-encoding"),
        encoding.unwrap_or("identity"),
    );
    if gunzip::is_encoded(record) {
        put(&mut headers, header::VARY, "Accept-Encoding");
    }
    for (name, value) in [
        (header::CONTENT_ENCODING, &attributes.content_encoding),
        (header::CONTENT_DISPOSITION, &attributes.content_disposition),
        (header::CONTENT_LANGUAGE, &attributes.content_language),
    ] {
        if let Some(value) = value {
            put(&mut headers, name, value.as_str());
        }
    }
    headers
}

/// Sets a header. Values that cannot be one were refused when the object was stored.
fn put(headers: &mut HeaderMap, name: HeaderName, value: impl TryInto<HeaderValue>) {
    if let Ok(value) = value.try_into() {
        headers.insert(name, value);
    }
}
