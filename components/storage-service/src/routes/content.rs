//! `GET /internal/storage/files/{location}/content`.

use http::header::{CONTENT_LENGTH, CONTENT_RANGE, LOCATION, RANGE};
use http::{HeaderName, HeaderValue, StatusCode};
use spinreel_gcs::{ByteRange, Error as BucketError};
use spinreel_http::Problem;
use spinreel_service::{Body, Call, Outcome, Relay, Response, empty};

use super::upload::UNKNOWN_MEDIA_TYPE;
use super::{bucket_problem, storage};
use crate::domain::content::{ContentError, ShownAs, owner_of};

/// A checksum of the whole file, also beside a part of it (RFC 9530, section 3).
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
/// How long a link opens a file, in seconds: a player asks for ranges of it as long as it plays.
const LINK_SECONDS: u32 = 3_600;

/// A file's bytes, or one range of them (`bytes=a-b`, both given).
///
/// A caller that can pass a link on says so by `?link=1`, with the `type` and the `disposition` that the answer there is to
/// have; where the variable `delivery` allows it, it gets 307 and a signed URL of the bucket.
///
/// A caller whose call is not about the file's owner learns nothing: 404, as where there is no such file.
pub async fn content(call: Call) -> Outcome {
    let query = &call.request.query;
    if query.get("link") == Some("1") && call.context.settings.text("delivery") == "redirect" {
        return redirect(&call).await;
    }
    let range = match call.request.header(RANGE) {
        None => None,
        Some(value) => {
            let range = parse_range(value);
            Some(range.ok_or_else(|| Problem::malformed("The range must be bytes=a-b."))?)
        }
    };
    let location = location(&call)?;
    let download = storage(&call.context)?
        .open(location, range)
        .await
        .map_err(content_problem)?;
    let (start, length, size) = (download.start, download.length, download.size);
    let digest = download.repr_digest();
    let mut response = Response::new(Body::Relay(Relay::new(download.body)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, length.into());
    // The bytes are moved on without being looked at, so the bucket's own checksum goes with them.
    if let Some(Ok(digest)) = digest.as_deref().map(HeaderValue::from_str) {
        headers.insert(REPR_DIGEST, digest);
    }
    if range.is_some() {
        let value = format!("bytes {start}-{}/{size}", start + length - 1);
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(CONTENT_RANGE, value);
        }
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// The location of a file of the user whom the call is about.
pub(super) fn location(call: &Call) -> Result<&str, Problem> {
    let location = call.parameters.get("location");
    let owner = owner_of(location).ok_or_else(Problem::not_found)?;
    match call.caller.must_be_about(owner) {
        Ok(()) => Ok(location),
        Err(problem) => Err(Problem {
            internal: problem.internal,
            ..Problem::not_found()
        }),
    }
}

async fn redirect(call: &Call) -> Outcome {
    let location = location(call)?;
    let query = &call.request.query;
    let shown_as = ShownAs {
        content_type: query.get("type").unwrap_or(UNKNOWN_MEDIA_TYPE),
        disposition: query.get("disposition"),
    };
    let url = storage(&call.context)?
        .link(location, shown_as, LINK_SECONDS)
        .await
        .map_err(content_problem)?;
    let mut address = HeaderValue::from_str(url.as_str()).map_err(Problem::internal)?;
    address.set_sensitive(true);
    let mut response = empty(StatusCode::TEMPORARY_REDIRECT);
    response.headers_mut().insert(LOCATION, address);
    Ok(response)
}

fn parse_range(value: &str) -> Option<ByteRange> {
    let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
    Some(ByteRange {
        start: first.parse().ok()?,
        end_inclusive: Some(last.parse().ok()?),
    })
}

fn content_problem(error: ContentError) -> Problem {
    match error {
        ContentError::NotFound => Problem::not_found(),
        ContentError::Bucket(BucketError::RangeNotSatisfiable { size }) => {
            Problem::range_not_satisfiable(size.unwrap_or(0))
        }
        ContentError::Bucket(error) => bucket_problem(&error),
        ContentError::Ledger(_) => Problem::unavailable(error),
    }
}
