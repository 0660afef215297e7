//! HLS and DASH of a video: what a request for a part of them comes to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};
use spinreel_api::Timestamp;
use spinreel_api::internal::Attachment;
use spinreel_api::videos::Visibility;
use spinreel_packaging as packaging;

use super::conditions::Validators;
use super::delivery::{Plan, content_range, plan_of};
use super::pieces::{self, Piece, slice};
use super::record::Record;

/// What stands between a playlist and the parts of its tracks: `tracks/{version}`.
pub const TRACKS: &str = "tracks";
/// What is read of an index at first, in bytes: all of it, for a video of some minutes.
pub const FIRST_READ: u64 = 64 * 1024;

/// The index of a video's bytes as they are; `None` where there is none, or it is of others.
pub fn index_of(record: &Record) -> Option<&Attachment> {
    let is_current = record.indexed.as_ref() == Some(&record.stored.etag);
    record.index.as_ref().filter(|_| is_current)
}

/// Whether nobody has looked yet whether these bytes can be packaged.
pub fn is_due(record: &Record) -> bool {
    record.indexed.as_ref() != Some(&record.stored.etag) && record.plays()
}

/// What these bytes with this index are called in addresses: others have another name, so that what is below it never
/// changes.
pub fn version(record: &Record, index: &Attachment) -> String {
    let digest = Sha256::new()
        .chain_update(&record.stored.etag)
        .chain_update("\n")
        .chain_update(&index.etag)
        .finalize();
    URL_SAFE_NO_PAD.encode(&digest[..9])
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// 200, 206, 304, or 412 and 416, whose body is a problem.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub pieces: Vec<Piece>,
}

/// A thing that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Thing<'a> {
    /// Its entity tag, quotes included.
    pub etag: &'a str,
    /// Its media type.
    pub media_type: &'static str,
    /// Whether it never changes under its address.
    pub is_immutable: bool,
}

impl Thing<'_> {
    /// The answer to a request with these headers; several ranges are answered with everything, as a server may.
    pub fn answer(self, record: &Record, request: &HeaderMap, body: Vec<Piece>) -> Answer {
        let size = pieces::length(&body);
        let validators = Validators {
            etag: self.etag,
            modified: self.modified(record),
        };
        let mut headers = HeaderMap::new();
        let mut add = |name, text: &str| {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        };
        add(ETAG, self.etag);
        add(CACHE_CONTROL, self.cache_control(record.visibility));
        if self.is_immutable {
            add(LAST_MODIFIED, &validators.last_modified());
            add(ACCEPT_RANGES, "bytes");
        }
        let request = match self.is_immutable {
            true => request.clone(),
            // What changes at any time has no date and no parts.
            false => conditions_by_tag(request),
        };
        let (status, pieces) = match plan_of(validators, size, &request) {
            Plan::NotModified => (StatusCode::NOT_MODIFIED, Vec::new()),
            Plan::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, Vec::new()),
            Plan::Unsatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, Vec::new()),
            Plan::Part(part) => {
                add(CONTENT_RANGE, &content_range(part, size));
                (StatusCode::PARTIAL_CONTENT, slice(body, part))
            }
            Plan::Whole | Plan::Parts(_) => (StatusCode::OK, body),
        };
        if status.is_success() {
            add(CONTENT_TYPE, self.media_type);
            headers.insert(CONTENT_LENGTH, pieces::length(&pieces).into());
        }
        Answer {
            status,
            headers,
            pieces,
        }
    }

    fn modified(self, record: &Record) -> Timestamp {
        record.stored.created_at
    }

    /// A year, where it never changes; whoever keeps it for many keeps only what everybody may see.
    fn cache_control(self, visibility: Visibility) -> &'static str {
        match (self.is_immutable, visibility) {
            (true, Visibility::Private) => "private, max-age=31536000, immutable",
            (true, _) => "public, max-age=31536000, immutable",
            (false, Visibility::Private) => "private, no-cache",
            (false, _) => "no-cache",
        }
    }
}

fn conditions_by_tag(request: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in [http::header::IF_MATCH, http::header::IF_NONE_MATCH] {
        for value in request.get_all(&name) {
            headers.append(&name, value.clone());
        }
    }
    headers
}

/// The pieces of a segment.
pub fn segment_pieces(segment: packaging::MediaSegment) -> Vec<Piece> {
    let piece = |piece| match piece {
        packaging::Piece::Made(bytes) => Piece::Made(bytes),
        packaging::Piece::File { start, length } => Piece::File(spinreel_http::range::Part {
            start,
            end: start + length.saturating_sub(1),
        }),
    };
    segment.pieces.into_iter().map(piece).collect()
}

/// A strong entity tag of what was made.
pub fn tag_of(bytes: &[u8]) -> String {
    format!(
        "\"{}\"",
        URL_SAFE_NO_PAD.encode(&Sha256::digest(bytes)[..16])
    )
}

#[cfg(test)]
mod tests {
    use http::header::{IF_NONE_MATCH, RANGE};

    use super::*;
    use crate::domain::testing::stored;

    fn record() -> Record {
        Record::new("v-1", 1, stored("ada", "a.mp4"))
    }

    fn attachment() -> Attachment {
        Attachment {
            location: "ada.2".to_owned(),
            size: 10,
            etag: "\"i\"".to_owned(),
            content_type: "application/octet-stream".to_owned(),
        }
    }

    #[test]
    fn an_index_is_of_the_bytes_that_it_was_made_of() {
        let mut record = record();
        assert!(is_due(&record));
        record.index = Some(attachment());
        record.indexed = Some(record.stored.etag.clone());
        assert!(!is_due(&record) && index_of(&record).is_some());
        let first = version(&record, &attachment());
        record.stored.etag = "\"other\"".to_owned();
        assert!(is_due(&record) && index_of(&record).is_none());
        assert_ne!(version(&record, &attachment()), first);
        record.stored.location.clear();
        assert!(!is_due(&record));
    }

    #[test]
    fn a_segment_has_ranges_and_is_kept_and_a_playlist_is_asked_for_again() {
        let thing = |is_immutable| Thing {
            etag: "\"t\"",
            media_type: "video/mp4",
            is_immutable,
        };
        let body = vec![Piece::Made(vec![7; 10])];
        let mut request = HeaderMap::new();
        request.insert(RANGE, HeaderValue::from_static("bytes=2-4"));
        let part = thing(true).answer(&record(), &request, body.clone());
        assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
        assert_eq!(part.headers[CONTENT_RANGE], "bytes 2-4/10");
        assert_eq!(
            part.headers[CACHE_CONTROL],
            "private, max-age=31536000, immutable"
        );
        let whole = thing(false).answer(&record(), &request, body.clone());
        assert_eq!(
            (whole.status, whole.headers.get(ACCEPT_RANGES)),
            (StatusCode::OK, None)
        );
        assert_eq!(whole.headers[CACHE_CONTROL], "private, no-cache");
        request.insert(IF_NONE_MATCH, HeaderValue::from_static("\"t\""));
        for is_immutable in [true, false] {
            let answer = thing(is_immutable).answer(&record(), &request, body.clone());
            assert_eq!(
                (answer.status, answer.pieces),
                (StatusCode::NOT_MODIFIED, vec![])
            );
        }
        let mut public = record();
        public.visibility = Visibility::Public;
        let answer = thing(true).answer(&public, &HeaderMap::new(), body);
        assert_eq!(
            answer.headers[CACHE_CONTROL],
            "public, max-age=31536000, immutable"
        );
        assert_eq!(answer.headers[CONTENT_LENGTH], "10");
    }
}
