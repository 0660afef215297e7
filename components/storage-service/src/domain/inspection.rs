//! What a file is as a video, found out while its bytes pass. So the catalogue need not read the file, and keeps the
//! answer with the record that it writes anyway.
//!
//! Only what is in memory is looked at: a file that passes in one chunk, and of a larger one whether its first bytes are
//! those of a container. The others are inspected by the catalogue, after the upload's answer.

use bytes::{Bytes, BytesMut};
use spinreel_api::internal::Inspection;
use spinreel_media::{Limits, ReadAt, ReadError, Unplayable, has_known_container, inspection_of};

/// How many bytes tell whether a file is a container.
const FIRST: u64 = 8;

/// Inspects a file whose first chunk has these pieces; `None` where they do not tell. `is_whole`: whether they are all of the
/// file.
pub(super) async fn inspect_passing(pieces: &[Bytes], is_whole: bool) -> Option<Inspection> {
    let mut passing = Passing {
        pieces,
        size: pieces.iter().map(|piece| piece.len() as u64).sum(),
    };
    if is_whole {
        return inspection_of(&mut passing, Limits::default()).await.ok();
    }
    let first = passing.read_at(0, FIRST).await.ok()?;
    let reason = Unplayable::UnknownContainer;
    (!has_known_container(&first)).then(|| Inspection::Unplayable(reason.to_string()))
}

/// A part of a file that is in memory.
struct Passing<'a> {
    pieces: &'a [Bytes],
    size: u64,
}

impl ReadAt for Passing<'_> {
    async fn read_at(&mut self, offset: u64, length: u64) -> Result<Bytes, ReadError> {
        let range = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let (mut skip, mut left) = (range(offset), range(length));
        let mut bytes = BytesMut::new();
        for piece in self.pieces {
            let start = skip.min(piece.len());
            skip -= start;
            let end = piece.len().min(start.saturating_add(left));
            left -= end - start;
            if bytes.is_empty() && left == 0 {
                return Ok(piece.slice(start..end));
            }
            bytes.extend_from_slice(&piece[start..end]);
            if left == 0 {
                return Ok(bytes.freeze());
            }
        }
        Err(ReadError("these bytes are not in memory".to_owned()))
    }

    fn size(&self) -> u64 {
        self.size
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_range_is_found_across_pieces(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..8),
            offset in 0_u64..100,
            length in 1_u64..100,
        ) {
            let whole = pieces.concat();
            let pieces: Vec<Bytes> = pieces.into_iter().map(Bytes::from).collect();
            let mut passing = Passing { pieces: &pieces, size: whole.len() as u64 };
            let range = usize::try_from(offset).unwrap()..usize::try_from(offset + length).unwrap();
            let read = block_on(passing.read_at(offset, length));
            match whole.get(range) {
                Some(bytes) => prop_assert_eq!(&read.unwrap()[..], bytes),
                None => prop_assert!(read.is_err()),
            }
        }
    }

    #[test]
    fn what_is_no_container_is_known_by_its_first_bytes_alone() {
        let pieces = [Bytes::from_static(b"plain"), Bytes::from_static(b" text")];
        let unplayable = Some(Inspection::Unplayable(
            Unplayable::UnknownContainer.to_string(),
        ));
        assert_eq!(block_on(inspect_passing(&pieces, false)), unplayable);
        assert_eq!(block_on(inspect_passing(&pieces, true)), unplayable);
        let few = [Bytes::from_static(b"plain")];
        assert_eq!(block_on(inspect_passing(&few, false)), None);
        assert_eq!(block_on(inspect_passing(&few, true)), unplayable);
        let empty = Some(Inspection::Unplayable(Unplayable::Empty.to_string()));
        assert_eq!(block_on(inspect_passing(&[], true)), empty);
        let film = [Bytes::from_static(b"\0\0\0\x18ftypmp42 and so on")];
        assert_eq!(block_on(inspect_passing(&film, false)), None);
    }
}
