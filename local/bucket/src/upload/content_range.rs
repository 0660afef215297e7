//! The `Content-Range` of a request in a resumable upload
//! (<https://cloud.google.com/storage/docs/performing-resumable-uploads>).

use http::{HeaderMap, header};

use crate::error::ApiError;

/// What part of the object a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContentRange {
    /// `bytes */total` or `bytes */*`: nothing; it asks what is stored.
    Status {
        /// The size of the object.
        total: Option<u64>,
    },
    /// `bytes first-last/total`, either of the latter perhaps `*`.
    Part {
        /// The offset of the first byte.
        first: u64,
        /// The offset of the last byte; without it the body goes to the end of the object.
        last: Option<u64>,
        /// The size of the object.
        total: Option<u64>,
    },
}

impl ContentRange {
    /// Reads it; without the header a request carries the whole object.
    ///
    /// # Errors
    /// 400, if it has another form or contradicts itself.
    pub(super) fn from_headers(headers: &HeaderMap) -> Result<ContentRange, ApiError> {
        let Some(value) = headers.get(header::CONTENT_RANGE) else {
            return Ok(ContentRange::Part {
                first: 0,
                last: None,
                total: None,
            });
        };
        value.to_str().ok().and_then(parse).ok_or_else(|| {
            ApiError::invalid(
                "Invalid Content-Range: it has the form bytes first-last/total or bytes */total.",
            )
        })
    }

    /// The size of the object, if the request knows it.
    pub(super) fn total(self) -> Option<u64> {
        match self {
            ContentRange::Status { total } | ContentRange::Part { total, .. } => total,
        }
    }
}

fn parse(value: &str) -> Option<ContentRange> {
    let (unit, range) = value.trim().split_once(' ')?;
    let (range, total) = range.trim().split_once('/')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let total = or_star(total)?;
    if range == "*" {
        return Some(ContentRange::Status { total });
    }
    let (first, last) = range.split_once('-')?;
    let (first, last) = (number(first)?, or_star(last)?);
    let ordered = last.is_none_or(|last| first <= last);
    let inside = last
        .unwrap_or(first)
        .checked_add(u64::from(last.is_some()))?
        <= total.unwrap_or(u64::MAX);
    (ordered && inside).then_some(ContentRange::Part { first, last, total })
}

fn or_star(text: &str) -> Option<Option<u64>> {
    if text == "*" {
        Some(None)
    } else {
        number(text).map(Some)
    }
}

fn number(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_are_read() {
        let part = |first, last, total| Some(ContentRange::Part { first, last, total });
        assert_eq!(parse("bytes 0-9/10"), part(0, Some(9), Some(10)));
        assert_eq!(parse("bytes 5-9/*"), part(5, Some(9), None));
        assert_eq!(parse("bytes 5-*/10"), part(5, None, Some(10)));
        assert_eq!(parse("bytes 0-*/*"), part(0, None, None));
        assert_eq!(parse("bytes 10-*/10"), part(10, None, Some(10)));
        assert_eq!(
            parse("bytes */10"),
            Some(ContentRange::Status { total: Some(10) })
        );
        assert_eq!(
            parse("Bytes */*"),
            Some(ContentRange::Status { total: None })
        );
    }

    #[test]
    fn contradictions_and_other_forms_are_refused() {
        for bad in [
            "bytes 0-10/10",
            "bytes 9-5/10",
            "bytes 11-*/10",
            "bytes 0-9",
            "bytes -5/10",
            "bytes 0-9/x",
            "0-9/10",
            "items 0-9/10",
            "bytes 0-18446744073709551615/*",
            "bytes 0-18446744073709551616/*",
            "bytes +1-9/10",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
