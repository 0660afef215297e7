//! A file that comes in as pieces, as the chunks that a bucket takes.

use bytes::Bytes;
use spinreel_gcs::Crc32c;

use super::upload::{FileSource, SourceError};

/// A stretch of a file, as the pieces that came in.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) pieces: Vec<Bytes>,
    pub(super) length: u64,
    /// Whether the file ends with it.
    pub(super) last: bool,
}

/// Cuts a source into chunks, and counts and sums what goes through.
#[derive(Debug)]
pub(super) struct Chunks<'a, F> {
    source: &'a mut F,
    rest: Bytes,
    checksum: Crc32c,
}

impl<'a, F: FileSource> Chunks<'a, F> {
    pub(super) fn new(source: &'a mut F) -> Self {
        Self {
            source,
            rest: Bytes::new(),
            checksum: Crc32c::new(),
        }
    }

    /// Goes on after `checksum`, with `rest` before what the source gives.
    pub(super) fn resume(source: &'a mut F, rest: Bytes, checksum: Crc32c) -> Self {
        Self {
            source,
            rest,
            checksum,
        }
    }

    /// Where the bytes come from.
    pub(super) fn source(&self) -> &F {
        self.source
    }

    /// The next `size` bytes, or what is left of the file.
    pub(super) async fn next(&mut self, size: u64) -> Result<Chunk, SourceError> {
        let mut chunk = Chunk::default();
        while chunk.length < size {
            let mut piece = std::mem::take(&mut self.rest);
            if piece.is_empty() {
                match self.source.next().await? {
                    Some(next) => piece = next,
                    None => {
                        chunk.last = true;
                        break;
                    }
                }
            }
            let room = usize::try_from(size - chunk.length).unwrap_or(usize::MAX);
            if piece.len() > room {
                self.rest = piece.split_off(room);
            }
            self.checksum.update(&piece);
            chunk.length += piece.len() as u64;
            chunk.pieces.push(piece);
        }
        Ok(chunk)
    }

    /// CRC32C of all that [`next`](Self::next) has given.
    pub(super) fn crc32c(&self) -> u32 {
        self.checksum.value()
    }

    /// The same with its length, and what it was resumed with before it.
    pub(super) fn checksum(&self) -> Crc32c {
        self.checksum
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::testing::PieceSource;

    proptest! {
        #[test]
        fn chunks_are_full_until_the_last_and_lose_nothing(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..30),
            size in 1_u64..50,
        ) {
            let whole = pieces.concat();
            let mut source = PieceSource::new(pieces);
            let mut chunks = Chunks::new(&mut source);
            let mut joined = Vec::new();
            loop {
                let chunk = block_on(chunks.next(size)).unwrap();
                prop_assert!(chunk.last || chunk.length == size);
                joined.extend(chunk.pieces.concat());
                if chunk.last {
                    break;
                }
            }
            prop_assert_eq!(chunks.crc32c(), Crc32c::of(&whole).value());
            prop_assert_eq!(joined, whole);
        }
    }
}
