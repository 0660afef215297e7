//! Resumable uploads (<https://cloud.google.com/storage/docs/resumable-uploads>): a start, then any number
//! of `PUT`s, each of which may break off and be sent again.

use std::sync::Arc;

use http::{HeaderValue, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::content_range::ContentRange;
use super::metadata::{Insert, text};
use super::stored;
use crate::body::RequestBody;
use crate::checksum::Claims;
use crate::context::Context;
use crate::error::ApiError;
use crate::manage::{MAX_JSON, parse};
use crate::object::Draft;
use crate::reply::{self, Response};
use crate::route::UPLOAD_ID;
use crate::storage::{DataWriter, Found, Session, Ticket, UNIT};

/// The code for a cancelled upload, from outside HTTP's standard.
const CANCELLED: u16 = 499;

/// `POST …?uploadType=resumable`: answers with the URL that the bytes go to.
pub(super) async fn start(
    context: &Context,
    bucket: String,
    body: &mut RequestBody,
) -> Result<Response, ApiError> {
    let insert: Insert = parse(&body.whole(MAX_JSON).await?)?;
    let media_type = text(&context.headers, "x-upload-content-type");
    let draft = insert.draft(context, &bucket, media_type)?;
    let path = format!("{}/upload/storage/v1/b/{bucket}/o", context.origin);
    let name = utf8_percent_encode(&draft.name, NON_ALPHANUMERIC).to_string();
    let id = open(context, bucket, draft).await?;
    let location = format!("{path}?uploadType=resumable&name={name}&{UPLOAD_ID}={id}");
    let mut response = reply::empty(StatusCode::OK);
    for (name, value) in [
        ("location", location.as_str()),
        ("x-guploader-uploadid", &id),
    ] {
        let value = HeaderValue::try_from(value).map_err(ApiError::internal)?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// Opens a session, and gives its id.
pub(super) async fn open(
    context: &Context,
    bucket: String,
    draft: Draft,
) -> Result<String, ApiError> {
    let conditions = context.preconditions()?;
    let size = match text(&context.headers, "x-upload-content-length") {
        None => None,
        Some(size) => Some(size.parse().map_err(|_| {
            ApiError::invalid("Invalid X-Upload-Content-Length: not a number of bytes.")
        })?),
    };
    if let Some((range, size)) = draft.length.zip(size) {
        range.check(size)?;
    }
    let session = context
        .blocking(move |storage| storage.start_session(&bucket, draft, conditions, size))
        .await?;
    Ok(session.record.id.clone())
}

/// `PUT …&upload_id=…`: more of the object, all of it, or the question what is stored.
pub(crate) async fn proceed(
    context: &Context,
    bucket: String,
    body: &mut RequestBody,
) -> Result<Response, ApiError> {
    let range = ContentRange::from_headers(&context.headers)?;
    let claims = Claims::from_headers(&context.headers)?;
    let session = match find(context, &bucket).await? {
        Found::Open(session) => session,
        Found::Finished(record) => return stored(context, &bucket, &record),
    };
    let total = agreed_size(&session, range.total())?;
    if matches!(range, ContentRange::Status { .. }) && total != Some(session.stored()) {
        return Ok(incomplete(session.stored()));
    }

    let mut ticket = session.take_over();
    let _turn = session.turn().await;
    if let Found::Finished(record) = session.state()? {
        return stored(context, &bucket, &record);
    }
    let part = Part::new(range, total, session.stored(), &context.headers)?;
    if let Some(total) = total {
        session.announce(total);
    }
    let writer = {
        let session = Arc::clone(&session);
        context
            .blocking(move |storage| storage.session_writer(&session))
            .await?
    };
    receive(&part, writer, &mut ticket, body).await?;
    if !part.is_last {
        return Ok(incomplete(session.stored()));
    }
    if total.is_some_and(|total| total != session.stored()) {
        return Err(ApiError::invalid(format!(
            "The upload has {} bytes, but {} were announced.",
            session.stored(),
            total.unwrap_or_default()
        )));
    }
    let claims = session.record.draft.claims.and(claims)?;
    let record = context
        .blocking(move |storage| storage.finish_session(&session, claims))
        .await?;
    stored(context, &bucket, &record)
}

/// `DELETE …&upload_id=…`.
pub(crate) async fn cancel(context: &Context, bucket: String) -> Result<Response, ApiError> {
    let Found::Open(session) = find(context, &bucket).await? else {
        return Err(ApiError::not_found());
    };
    let _ticket = session.take_over();
    let turn = session.turn().await;
    if let Found::Finished(_) = session.state()? {
        return Err(ApiError::not_found());
    }
    context
        .blocking(move |storage| {
            storage.discard_session(&session);
            drop(turn);
            Ok(())
        })
        .await?;
    let status = StatusCode::from_u16(CANCELLED).map_err(ApiError::internal)?;
    Ok(reply::empty(status))
}

async fn find(context: &Context, bucket: &str) -> Result<Found, ApiError> {
    let id = context
        .query
        .text(UPLOAD_ID)
        .ok_or_else(|| ApiError::required(UPLOAD_ID))?;
    let (bucket, id) = (bucket.to_owned(), id.to_owned());
    Ok(context
        .blocking(move |storage| storage.find_session(&bucket, &id))
        .await?)
}

/// The size of the object, from earlier requests and from this one.
fn agreed_size(session: &Session, named: Option<u64>) -> Result<Option<u64>, ApiError> {
    let announced = session.total();
    if let (Some(announced), Some(named)) = (announced, named)
        && announced != named
    {
        return Err(ApiError::invalid(format!(
            "The object was announced with {announced} bytes, but this request says {named}."
        )));
    }
    let stored = session.stored();
    if let Some(named) = named.filter(|named| *named < stored) {
        return Err(ApiError::invalid(format!(
            "The request says that the object has {named} bytes, but {stored} are stored."
        )));
    }
    Ok(named.or(announced))
}

/// 308: the upload goes on behind what is stored.
fn incomplete(stored: u64) -> Response {
    let mut response = reply::empty(StatusCode::PERMANENT_REDIRECT);
    if stored > 0
        && let Ok(range) = HeaderValue::try_from(format!("bytes=0-{}", stored - 1))
    {
        response.headers_mut().insert(header::RANGE, range);
    }
    response
}

/// What to do with the bytes of a request.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    /// So many are stored already.
    skip: u64,
    /// So many come, if that is known.
    length: Option<u64>,
    /// No more may come.
    limit: u64,
    /// They complete the object.
    is_last: bool,
}

impl Part {
    fn new(
        range: ContentRange,
        total: Option<u64>,
        stored: u64,
        headers: &http::HeaderMap,
    ) -> Result<Part, ApiError> {
        let ContentRange::Part { first, last, .. } = range else {
            return Ok(Part {
                skip: 0,
                length: Some(0),
                limit: 0,
                is_last: true,
            });
        };
        if first > stored {
            return Err(ApiError::try_again(format!(
                "Invalid request. The part starts at byte {first}, but only {stored} bytes are stored."
            )));
        }
        let end = last.map(|last| last + 1).or(total);
        let is_last = last.is_none() || end == total;
        let length = match end {
            Some(end) if end < first || total.is_some_and(|total| end > total) => {
                return Err(ApiError::invalid("The part is outside the announced size."));
            }
            Some(end) => Some(end - first),
            None => None,
        };
        if let Some(length) = length.filter(|length| !is_last && *length < UNIT) {
            return Err(ApiError::invalid(format!(
                "Invalid request. All parts but the last are multiples of {UNIT} bytes; this has {length}."
            )));
        }
        let sent = text(headers, "content-length").and_then(|sent| sent.parse::<u64>().ok());
        if let (Some(length), Some(sent)) = (length, sent)
            && length != sent
        {
            return Err(ApiError::invalid(format!(
                "The Content-Range is of {length} bytes, but the Content-Length is {sent}."
            )));
        }
        Ok(Part {
            skip: stored - first,
            length,
            limit: length.unwrap_or(u64::MAX),
            is_last,
        })
    }
}

/// Appends what comes. Whatever goes wrong, what has arrived is stored, in whole units.
async fn receive(
    part: &Part,
    mut writer: DataWriter,
    ticket: &mut Ticket,
    body: &mut RequestBody,
) -> Result<(), ApiError> {
    let result = tokio::select! {
        biased;
        () = ticket.superseded() => Err(ApiError::try_again("A newer request goes on with this upload.")),
        result = pour(part, &mut writer, body) => result,
    };
    if result.is_ok() && part.is_last {
        writer.finish().await?;
    } else {
        writer.stop().await?;
    }
    result
}

async fn pour(
    part: &Part,
    writer: &mut DataWriter,
    body: &mut RequestBody,
) -> Result<(), ApiError> {
    let mut received = 0;
    while let Some(chunk) = body.chunk().await? {
        let before = received;
        received += chunk.len() as u64;
        if received > part.limit {
            return Err(ApiError::invalid("More bytes came than were announced."));
        }
        let skip = part.skip.saturating_sub(before).min(chunk.len() as u64);
        writer.push(&chunk[skip as usize..]).await?;
    }
    let cut_short = part.is_last && received < part.skip;
    if cut_short || part.length.is_some_and(|length| length != received) {
        return Err(ApiError::invalid("Fewer bytes came than were announced."));
    }
    Ok(())
}
