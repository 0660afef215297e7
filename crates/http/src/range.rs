//! Single byte ranges (RFC 9110, section 14).

/// The part of a file that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// All of it: there is no `Range`, or one that a server may ignore (another unit, several ranges, broken syntax).
    Whole,
    /// These bytes; the end is inclusive and inside the file.
    Part {
        /// The first byte.
        start: u64,
        /// The last byte.
        end: u64,
    },
    /// No byte of the file is in the range: 416.
    Unsatisfiable,
}

impl Selection {
    /// Reads the value of a `Range` header against a file of `size` bytes.
    pub fn parse(value: Option<&str>, size: u64) -> Self {
        let Some(spec) = value
            .and_then(|value| value.split_once('='))
            .filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"))
            .map(|(_, spec)| spec.trim())
        else {
            return Self::Whole;
        };
        let Some((first, last)) = spec.split_once('-') else {
            return Self::Whole;
        };
        match (first.is_empty(), number(first), number(last)) {
            (true, _, Some(suffix)) => Self::suffix(suffix, size),
            (false, Some(start), last_number) => {
                let end = match last_number {
                    Some(end) if end < start => return Self::Whole,
                    Some(end) => end.min(size.saturating_sub(1)),
                    None if last.is_empty() => size.saturating_sub(1),
                    None => return Self::Whole,
                };
                if start >= size {
                    Self::Unsatisfiable
                } else {
                    Self::Part { start, end }
                }
            }
            _ => Self::Whole,
        }
    }

    fn suffix(length: u64, size: u64) -> Self {
        if length == 0 || size == 0 {
            return Self::Unsatisfiable;
        }
        Self::Part {
            start: size.saturating_sub(length),
            end: size - 1,
        }
    }

    /// How many bytes it selects of a file of `size` bytes.
    pub fn length(self, size: u64) -> u64 {
        match self {
            Self::Whole => size,
            Self::Part { start, end } => end - start + 1,
            Self::Unsatisfiable => 0,
        }
    }
}

/// Digits only; what is beyond 64 bits is as good as their end.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Selection::{self, Part, Unsatisfiable, Whole};

    #[test]
    fn the_forms_of_rfc_9110() {
        for (value, expected) in [
            ("bytes=0-499", Part { start: 0, end: 499 }),
            (
                "bytes=500-",
                Part {
                    start: 500,
                    end: 999,
                },
            ),
            (
                "bytes=-200",
                Part {
                    start: 800,
                    end: 999,
                },
            ),
            ("bytes=-2000", Part { start: 0, end: 999 }),
            (
                "bytes=900-5000",
                Part {
                    start: 900,
                    end: 999,
                },
            ),
            ("Bytes=0-0", Part { start: 0, end: 0 }),
            ("bytes=1000-", Unsatisfiable),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=5-4", Whole),
            ("bytes=0-1,5-6", Whole),
            ("bytes=-", Whole),
            ("bytes=a-b", Whole),
            ("bytes=0x1-2", Whole),
            ("items=0-5", Whole),
            ("bytes", Whole),
        ] {
            assert_eq!(Selection::parse(Some(value), 1000), expected, "{value}");
        }
        assert_eq!(Selection::parse(None, 1000), Whole);
    }

    #[test]
    fn an_empty_file_satisfies_no_range() {
        assert_eq!(Selection::parse(Some("bytes=0-"), 0), Unsatisfiable);
        assert_eq!(Selection::parse(Some("bytes=-1"), 0), Unsatisfiable);
    }

    proptest! {
        #[test]
        fn a_part_is_never_outside_the_file(value in "(bytes|b)?=?[0-9]{0,25}-?[0-9]{0,25}", size in any::<u64>()) {
            if let Part { start, end } = Selection::parse(Some(&value), size) {
                prop_assert!(start <= end && end < size);
            }
        }

        #[test]
        fn any_text_is_read_without_a_panic(
            any in ".*",
            near in "bytes=([0-9]{1,21}|[-, =+xX]|\\PC){0,6}",
            size in any::<u64>(),
        ) {
            for value in [any, near] {
                let selection = Selection::parse(Some(&value), size);
                prop_assert!(selection.length(size) <= size);
            }
        }
    }
}
