//! Byte ranges (RFC 9110, section 14).

/// The most parts of one answer. Whoever asks for more, after those that touch were merged, gets everything (RFC 9110,
/// section 14.2).
pub const MAX_PARTS: usize = 16;

/// Bytes of a file, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The first byte.
    pub start: u64,
    /// The last byte.
    pub end: u64,
}

impl Part {
    /// How many bytes it has: at least 1.
    pub fn length(self) -> u64 {
        self.end - self.start + 1
    }
}

/// The part of a file that a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All of it: there is no `Range`, or one that a server may ignore (another unit, too many ranges, broken syntax).
    Whole,
    /// These bytes, which are inside the file.
    Part(Part),
    /// These bytes, at least two parts that neither overlap nor touch, in the order in which they were asked for.
    Parts(Vec<Part>),
    /// No byte of the file is in the range: 416.
    Unsatisfiable,
}

impl Selection {
    /// Reads the value of a `Range` header against a file of `size` bytes. Ranges without a byte of the file do not count
    /// beside others, and those that overlap or touch become one, in the place of the first of them.
    pub fn parse(value: Option<&str>, size: u64) -> Self {
        let Some(specs) = value
            .and_then(|value| value.split_once('='))
            .filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"))
            .map(|(_, specs)| specs)
        else {
            return Self::Whole;
        };
        let (mut parts, mut is_range) = (Vec::new(), false);
        // A list may have empty elements (RFC 9110, section 5.6.1.2).
        for spec in specs.split(',').map(str::trim).filter(|s| !s.is_empty()) {
            match Spec::parse(spec) {
                Some(spec) => parts.extend(spec.within(size)),
                None => return Self::Whole,
            }
            is_range = true;
        }
        let parts = merge(parts);
        match parts.as_slice() {
            [] if is_range => Self::Unsatisfiable,
            [] => Self::Whole,
            [part] => Self::Part(*part),
            _ if parts.len() > MAX_PARTS => Self::Whole,
            _ => Self::Parts(parts),
        }
    }
}

/// One range as it is written.
enum Spec {
    /// From a first byte to a last one, or to the end.
    From(u64, Option<u64>),
    /// So many bytes at the end.
    Last(u64),
}

impl Spec {
    fn parse(spec: &str) -> Option<Self> {
        let (first, last) = spec.split_once('-')?;
        match (first, last) {
            ("", last) => Some(Self::Last(number(last)?)),
            (first, "") => Some(Self::From(number(first)?, None)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::From(first, Some(last)))
            }
        }
    }

    /// What there is of it in a file of `size` bytes.
    fn within(self, size: u64) -> Option<Part> {
        let newest = size.checked_sub(1)?;
        match self {
            Self::From(start, _) if start > newest => None,
            Self::From(start, end) => Some(Part {
                start,
                end: end.unwrap_or(newest).min(newest),
            }),
            Self::Last(0) => None,
            Self::Last(length) => Some(Part {
                start: size.saturating_sub(length),
                end: newest,
            }),
        }
    }
}

fn merge(parts: Vec<Part>) -> Vec<Part> {
    let mut by_place: Vec<(usize, Part)> = parts.into_iter().enumerate().collect();
    by_place.sort_by_key(|(_, part)| part.start);
    let mut merged: Vec<(usize, Part)> = Vec::new();
    for (order, part) in by_place {
        match merged.last_mut() {
            Some((first, last)) if part.start <= last.end.saturating_add(1) => {
                last.end = last.end.max(part.end);
                *first = order.min(*first);
            }
            _ => merged.push((order, part)),
        }
    }
    merged.sort_by_key(|(order, _)| *order);
    merged.into_iter().map(|(_, part)| part).collect()
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

    use super::Selection::{Unsatisfiable, Whole};
    use super::*;

    fn one(start: u64, end: u64) -> Selection {
        Selection::Part(Part { start, end })
    }

    fn several(parts: &[(u64, u64)]) -> Selection {
        let parts = parts.iter().map(|&(start, end)| Part { start, end });
        Selection::Parts(parts.collect())
    }

    #[test]
    fn the_forms_of_rfc_9110() {
        for (value, expected) in [
            ("bytes=0-499", one(0, 499)),
            ("bytes=500-", one(500, 999)),
            ("bytes=-200", one(800, 999)),
            ("bytes=-2000", one(0, 999)),
            ("bytes=900-5000", one(900, 999)),
            ("Bytes=0-0", one(0, 0)),
            ("bytes=1000-", Unsatisfiable),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=5-4", Whole),
            ("bytes=-", Whole),
            ("bytes=a-b", Whole),
            ("bytes=0x1-2", Whole),
            ("items=0-5", Whole),
            ("bytes", Whole),
            ("bytes=", Whole),
        ] {
            assert_eq!(Selection::parse(Some(value), 1000), expected, "{value}");
        }
        assert_eq!(Selection::parse(None, 1000), Whole);
    }

    #[test]
    fn several_ranges_keep_their_order_and_become_one_where_they_touch() {
        for (value, expected) in [
            ("bytes=0-1,5-6", several(&[(0, 1), (5, 6)])),
            ("bytes=5-6, 0-1", several(&[(5, 6), (0, 1)])),
            ("bytes=,0-1,,-1", several(&[(0, 1), (999, 999)])),
            ("bytes=0-1,1000-,5-6", several(&[(0, 1), (5, 6)])),
            ("bytes=0-9,5-20", one(0, 20)),
            ("bytes=10-19,0-9", one(0, 19)),
            ("bytes=0-,0-,0-", one(0, 999)),
            ("bytes=50-60,0-9,55-70", several(&[(50, 70), (0, 9)])),
            ("bytes=0-1,2000-", one(0, 1)),
            ("bytes=1000-,2000-", Unsatisfiable),
            ("bytes=0-1,x-5", Whole),
            ("bytes=0-1,6-5", Whole),
        ] {
            assert_eq!(Selection::parse(Some(value), 1000), expected, "{value}");
        }
    }

    #[test]
    fn a_crowd_of_ranges_is_everything_unless_they_touch() {
        let crowd = |count: u64, step: u64| {
            let specs = (0..count).map(|part| format!("{}-{}", part * step, part * step));
            let specs: Vec<String> = specs.collect();
            Selection::parse(Some(&format!("bytes={}", specs.join(","))), 1_000_000)
        };
        assert!(matches!(crowd(16, 2), Selection::Parts(parts) if parts.len() == 16));
        assert_eq!(crowd(17, 2), Whole);
        assert_eq!(crowd(1_000, 2), Whole);
        assert_eq!(crowd(1_000, 1), one(0, 999));
    }

    #[test]
    fn an_empty_file_satisfies_no_range() {
        for value in ["bytes=0-", "bytes=-1", "bytes=0-0,5-9"] {
            assert_eq!(Selection::parse(Some(value), 0), Unsatisfiable);
        }
    }

    fn parts_of(selection: Selection) -> Vec<Part> {
        match selection {
            Whole | Unsatisfiable => Vec::new(),
            Selection::Part(part) => vec![part],
            Selection::Parts(parts) => parts,
        }
    }

    proptest! {
        #[test]
        fn a_part_is_never_outside_the_file(value in "(bytes|b)?=?([0-9]{0,25}-?[0-9]{0,25},?){0,4}", size in any::<u64>()) {
            for part in parts_of(Selection::parse(Some(&value), size)) {
                prop_assert!(part.start <= part.end && part.end < size);
            }
        }

        #[test]
        fn parts_have_every_byte_that_was_asked_for_once(specs in proptest::collection::vec((0_u64..60, 0_u64..8), 1..24)) {
            let written: Vec<String> = specs.iter().map(|(start, more)| format!("{start}-{}", start + more)).collect();
            let selection = Selection::parse(Some(&format!("bytes={}", written.join(","))), 50);
            let asked = |byte: u64| specs.iter().any(|(start, more)| (*start..=start + more).contains(&byte));
            if selection != Whole {
                let parts = parts_of(selection);
                prop_assert!(parts.len() <= MAX_PARTS);
                for byte in 0..50 {
                    let times = parts.iter().filter(|part| (part.start..=part.end).contains(&byte)).count();
                    prop_assert_eq!(times, usize::from(asked(byte)));
                }
            }
        }

        #[test]
        fn any_text_is_read_without_a_panic(
            any in ".*",
            near in "bytes=([0-9]{1,21}|[-, =+xX]|\\PC){0,6}",
            size in any::<u64>(),
        ) {
            for value in [any, near] {
                let length: u64 = parts_of(Selection::parse(Some(&value), size)).into_iter().map(Part::length).sum();
                prop_assert!(length <= size);
            }
        }
    }
}
