//! A body that is put together of bytes made here and of parts of a file.

use spinreel_http::range::Part;

/// A piece of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Made(Vec<u8>),
    /// These of the file.
    File(Part),
}

impl Piece {
    /// Bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Made(bytes) => bytes.len() as u64,
            Self::File(part) => part.length(),
        }
    }

    /// The bytes of it from `skip` on, `length` at most; `None` where that is none.
    fn cut(self, skip: u64, length: u64) -> Option<Self> {
        let length = length.min(self.length().checked_sub(skip)?);
        if length == 0 {
            return None;
        }
        match self {
            Self::Made(bytes) => {
                let (start, end) = (
                    usize::try_from(skip).ok()?,
                    usize::try_from(skip + length).ok()?,
                );
                Some(Self::Made(bytes.get(start..end)?.to_vec()))
            }
            Self::File(part) => Some(Self::File(Part {
                start: part.start + skip,
                end: part.start + skip + length - 1,
            })),
        }
    }
}

/// How many bytes they have together.
pub fn length(pieces: &[Piece]) -> u64 {
    pieces.iter().map(Piece::length).sum()
}

/// The pieces that make up `part` of the body that `pieces` make up.
pub fn slice(pieces: Vec<Piece>, part: Part) -> Vec<Piece> {
    let (mut place, mut slices) = (0, Vec::new());
    for piece in pieces {
        let next = place + piece.length();
        let skip = part.start.saturating_sub(place);
        let most = (part.end + 1).saturating_sub(place + skip);
        slices.extend(piece.cut(skip, most));
        place = next;
    }
    slices
}

/// What one read of the file is to bring for the pieces that come next: as far as each lies behind the one before it, and not
/// more than `most_gap` bytes behind. `None` where no piece is of the file.
pub fn stretch<'a>(pieces: impl IntoIterator<Item = &'a Piece>, most_gap: u64) -> Option<Part> {
    let mut files = pieces.into_iter().filter_map(|piece| match piece {
        Piece::Made(_) => None,
        Piece::File(part) => Some(*part),
    });
    let mut whole = files.next()?;
    for part in files {
        match part.start.checked_sub(whole.end) {
            Some(distance @ 1..) if distance - 1 <= most_gap => whole.end = part.end,
            _ => break,
        }
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(start: u64, end: u64) -> Piece {
        Piece::File(Part { start, end })
    }

    #[test]
    fn a_read_goes_on_over_gaps_that_are_small_enough_and_never_back() {
        let pieces = [
            Piece::Made(vec![1]),
            file(10, 19),
            file(20, 29),
            Piece::Made(vec![2]),
            file(40, 49),
            file(60, 69),
            file(0, 5),
        ];
        for (gap, end) in [(0, 29), (9, 29), (10, 69), (100, 69)] {
            assert_eq!(
                stretch(&pieces, gap),
                Some(Part { start: 10, end }),
                "{gap}"
            );
        }
        assert_eq!(stretch(&pieces[..1], 100), None);
        assert_eq!(
            stretch(&[file(u64::MAX, u64::MAX), file(0, 1)], u64::MAX),
            Some(Part {
                start: u64::MAX,
                end: u64::MAX
            })
        );
    }

    proptest! {
        #[test]
        fn a_slice_is_that_part_of_the_whole(
            shapes in proptest::collection::vec((any::<bool>(), 1_u64..9, 0_u64..50), 1..8),
            start in 0_u64..60,
            more in 0_u64..60,
        ) {
            let file_bytes: Vec<u8> = (0..100).collect();
            let pieces: Vec<Piece> = shapes.into_iter().map(|(made, length, place)| match made {
                true => Piece::Made(vec![200; usize::try_from(length).unwrap_or(1)]),
                false => file(place, place + length - 1),
            }).collect();
            let render = |pieces: &[Piece]| -> Vec<u8> {
                pieces.iter().flat_map(|piece| match piece {
                    Piece::Made(bytes) => bytes.clone(),
                    Piece::File(part) => file_bytes[part.start as usize..=part.end as usize].to_vec(),
                }).collect()
            };
            let whole = render(&pieces);
            prop_assert_eq!(length(&pieces), whole.len() as u64);
            let expected: Vec<u8> = whole.iter().copied().skip(start as usize).take(more as usize + 1).collect();
            let sliced = slice(pieces, Part { start, end: start + more });
            prop_assert_eq!(render(&sliced), expected);
            prop_assert!(sliced.iter().all(|piece| piece.length() > 0));
        }
    }
}
