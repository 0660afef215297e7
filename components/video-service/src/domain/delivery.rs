//! What a request for a video's bytes comes to, before a byte moves.

use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use spinreel_api::Timestamp;
use spinreel_api::videos::Visibility;
use spinreel_http::range::{Part, Selection};

use super::byteranges;
use super::conditions::{Validators, Verdict};
use super::disposition::attachment;
use super::media_type::{UNKNOWN, for_delivery};
use super::pieces::{self, Piece};
use super::record::Record;

/// The bytes are a stranger's: opened as a page they may show themselves and do nothing else.
const POLICY: &str =
    "default-src 'none'; media-src 'self'; img-src 'self'; style-src 'unsafe-inline'; sandbox";

/// What a segment of a path cannot have as it is.
const NOT_IN_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// What a request for a video's bytes comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// The client has them: 304.
    NotModified,
    /// The client wants other bytes than there are: 412.
    PreconditionFailed,
    /// The range has none of them: 416.
    Unsatisfiable,
    /// All of them, or the head of that answer where only it was asked for: 200.
    Whole,
    /// These: 206.
    Part(Part),
    /// These, each in a part of the body: 206.
    Parts(Vec<Part>),
}

/// Reads the conditions and the ranges of a GET, or of a HEAD, which asks for what a GET would say.
pub fn plan(record: &Record, headers: &HeaderMap) -> Plan {
    plan_of(validators(record), record.stored.size, headers)
}

/// The same, of any bytes.
pub fn plan_of(validators: Validators<'_>, size: u64, headers: &HeaderMap) -> Plan {
    match validators.weigh(headers) {
        Verdict::NotModified => return Plan::NotModified,
        Verdict::Failed => return Plan::PreconditionFailed,
        Verdict::Proceed => {}
    }
    if !validators.allow_range(headers) {
        return Plan::Whole;
    }
    let range = headers.get(RANGE).and_then(|range| range.to_str().ok());
    match Selection::parse(range, size) {
        Selection::Whole => Plan::Whole,
        Selection::Part(part) => Plan::Part(part),
        Selection::Parts(parts) => Plan::Parts(parts),
        Selection::Unsatisfiable => Plan::Unsatisfiable,
    }
}

/// The headers that any answer about the bytes carries, also a 304 (RFC 9110, section 15.4.5).
pub fn validator_headers(record: &Record) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let validators = validators(record);
    add(&mut headers, ETAG, validators.etag);
    add(&mut headers, LAST_MODIFIED, &validators.last_modified());
    add(&mut headers, ACCEPT_RANGES, "bytes");
    let cache = match record.visibility {
        Visibility::Private => "private, no-cache",
        Visibility::Unlisted | Visibility::Public => "no-cache",
    };
    add(&mut headers, CACHE_CONTROL, cache);
    headers
}

/// What an answer with the bytes of a file says, and is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// 200 or 206.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; none of an empty file.
    pub pieces: Vec<Piece>,
}

/// The answer to a `plan` that has bytes; of any other one it is the whole file. `download` names the file for saving;
/// `boundary` stands between several parts, and nowhere in the file.
pub fn answer(record: &Record, plan: Plan, download: bool, boundary: &str) -> Answer {
    let size = record.stored.size;
    let media_type = for_delivery(&record.stored.content_type);
    let mut headers = validator_headers(record);
    let (status, pieces) = match plan {
        Plan::Part(part) => {
            add(&mut headers, CONTENT_RANGE, &content_range(part, size));
            (StatusCode::PARTIAL_CONTENT, vec![Piece::File(part)])
        }
        Plan::Parts(parts) => {
            let pieces = byteranges::body(&parts, size, &media_type, boundary);
            (StatusCode::PARTIAL_CONTENT, pieces)
        }
        _ => (StatusCode::OK, whole(size)),
    };
    let content_type = match pieces.len() {
        0 | 1 => media_type,
        _ => byteranges::content_type(boundary),
    };
    add(&mut headers, CONTENT_TYPE, &content_type);
    add(&mut headers, CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(CONTENT_LENGTH, pieces::length(&pieces).into());
    if download {
        let value = attachment(&record.stored.filename);
        add(&mut headers, CONTENT_DISPOSITION, &value);
    }
    Answer {
        status,
        headers,
        pieces,
    }
}

/// All bytes of a file.
fn whole(size: u64) -> Vec<Piece> {
    let end = size.checked_sub(1);
    let part = end.map(|end| Piece::File(Part { start: 0, end }));
    part.into_iter().collect()
}

/// The value of `Content-Range`.
pub fn content_range(part: Part, size: u64) -> String {
    format!("bytes {}-{}/{size}", part.start, part.end)
}

/// Where storage-service has the bytes of a file, for a client that can be sent elsewhere: it is to find there the media
/// type that it would get here, and, where the file is to be saved, its name. The location is storage-service's own word,
/// whatever characters it has.
///
/// What is no video, audio or picture is saved in any case: the [policy](POLICY) that keeps a stranger's page from being
/// one of ours does not go along.
pub fn linkable_path(record: &Record, download: bool) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NOT_IN_SEGMENT).to_string();
    let content_type = for_delivery(&record.stored.content_type);
    let mut path = format!(
        "/internal/storage/files/{}/content?link=1&type={}",
        encode(&record.stored.location),
        encode(&content_type)
    );
    if download || content_type == UNKNOWN {
        path.push_str("&disposition=");
        path.push_str(&encode(&attachment(&record.stored.filename)));
    }
    path
}

/// Where storage-service has the bytes of a file, for a client that gets them here.
pub fn plain_path(location: &str) -> String {
    let location = utf8_percent_encode(location, NOT_IN_SEGMENT);
    format!("/internal/storage/files/{location}/content")
}

/// Seconds until the day's bandwidth begins anew: midnight UTC, never 0.
pub fn seconds_to_midnight(now: Timestamp) -> u64 {
    let midnight = now.day().next().start();
    (midnight.as_ms() - now.as_ms()).div_ceil(1_000)
}

fn validators(record: &Record) -> Validators<'_> {
    Validators {
        etag: &record.stored.etag,
        modified: record.stored.created_at,
    }
}

/// Every value here is made of characters that a header can have.
fn add(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
