//! The `Range` header of a read (RFC 9110, section 14).

/// What part of an object a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All of it: no range, one that is malformed, or several (both may be ignored, section 14.2).
    Whole,
    /// `length` bytes from `first` on; never empty.
    Part {
        /// The offset of the first byte.
        first: u64,
        /// How many bytes.
        length: u64,
    },
    /// No byte of the object is in the range: 416.
    Unsatisfiable,
}

/// Reads the value of a `Range` header for an object of `size` bytes.
pub(crate) fn select(header: &str, size: u64) -> Selection {
    let Some((unit, range)) = header.split_once('=') else {
        return Selection::Whole;
    };
    let Some((first, last)) = range.trim().split_once('-') else {
        return Selection::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Selection::Whole;
    }
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first > last => Selection::Whole,
        (Some(first), Some(last)) => part(first, last.min(size.saturating_sub(1)), size),
        (Some(first), None) if last.is_empty() => part(first, size.saturating_sub(1), size),
        (None, Some(suffix)) if first.is_empty() => {
            if suffix == 0 || size == 0 {
                return Selection::Unsatisfiable;
            }
            part(size.saturating_sub(suffix), size - 1, size)
        }
        _ => Selection::Whole,
    }
}

fn part(first: u64, last: u64, size: u64) -> Selection {
    if first >= size {
        return Selection::Unsatisfiable;
    }
    Selection::Part {
        first,
        length: last - first + 1,
    }
}

/// Digits as a number; one that is too large for any object becomes the largest.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_range_selects_its_bytes() {
        let part = |first, length| Selection::Part { first, length };
        assert_eq!(select("bytes=0-0", 10), part(0, 1));
        assert_eq!(select("bytes=2-5", 10), part(2, 4));
        assert_eq!(select("bytes=2-", 10), part(2, 8));
        assert_eq!(select("bytes=-3", 10), part(7, 3));
        assert_eq!(select("bytes=-30", 10), part(0, 10));
        assert_eq!(select("bytes=9-99999999999999999999", 10), part(9, 1));
        assert_eq!(select("Bytes= 0-4", 10), part(0, 5));
    }

    #[test]
    fn a_range_past_the_end_is_unsatisfiable() {
        assert_eq!(select("bytes=10-", 10), Selection::Unsatisfiable);
        assert_eq!(select("bytes=10-12", 10), Selection::Unsatisfiable);
        assert_eq!(select("bytes=-0", 10), Selection::Unsatisfiable);
        assert_eq!(select("bytes=0-", 0), Selection::Unsatisfiable);
        assert_eq!(select("bytes=0-5", 0), Selection::Unsatisfiable);
        assert_eq!(select("bytes=-5", 0), Selection::Unsatisfiable);
    }

    #[test]
    fn malformed_and_multiple_ranges_are_ignored() {
        for header in [
            "bytes=5-2",
            "bytes=-",
            "bytes=a-b",
            "items=0-1",
            "bytes",
            "bytes=0-1,3-4",
            "bytes=+1-2",
        ] {
            assert_eq!(select(header, 10), Selection::Whole, "{header}");
        }
    }
}
