//! A file that comes in as pieces, as the chunks that a bucket takes.

use bytes::{Bytes, BytesMut};
use spinreel_gcs::Crc32c;

use super::upload::{FileSource, SourceError};

/// Pieces that are shorter are copied together, in bytes: what is kept of a piece besides its bytes weighs little then.
const SHORT: usize = 4 * 1024;
/// As long as they may become by that, in bytes.
const JOINED: usize = 64 * 1024;

/// A stretch of a file, as the pieces that came in, but for short ones: those are joined.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) pieces: Vec<Bytes>,
    pub(super) length: u64,
    /// Whether the file ends with it.
    pub(super) last: bool,
    /// Short pieces, not yet among the others.
    short: BytesMut,
}

impl Chunk {
    fn push(&mut self, piece: Bytes) {
        self.length += piece.len() as u64;
        if piece.len() < SHORT {
            self.short.extend_from_slice(&piece);
            if self.short.len() >= JOINED {
                self.join();
            }
        } else {
            self.join();
            self.pieces.push(piece);
        }
    }

    fn join(&mut self) {
        if !self.short.is_empty() {
            self.pieces.push(self.short.split().freeze());
        }
    }
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
            chunk.push(piece);
        }
        chunk.join();
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

        #[test]
        fn short_pieces_are_joined_and_long_ones_stay(
            lengths in proptest::collection::vec(prop_oneof![1_usize..10, 1_usize..3 * SHORT], 1..300),
        ) {
            let pieces: Vec<Vec<u8>> = lengths
                .iter()
                .enumerate()
                .map(|(at, length)| vec![u8::try_from(at % 251).unwrap(); *length])
                .collect();
            let whole = pieces.concat();
            let mut source = PieceSource::new(pieces);
            let chunk = block_on(Chunks::new(&mut source).next(u64::MAX)).unwrap();
            prop_assert!(chunk.pieces.len() <= 2 * (whole.len() / SHORT) + 1);
            prop_assert_eq!(chunk.pieces.concat(), whole);
        }
    }

    #[test]
    fn single_bytes_leave_few_pieces() {
        let whole = vec![7; 3 * JOINED + 1];
        let mut source = PieceSource::new(whole.iter().map(|byte| vec![*byte]));
        let chunk = block_on(Chunks::new(&mut source).next(u64::MAX)).unwrap();
        let lengths: Vec<usize> = chunk.pieces.iter().map(Bytes::len).collect();
        assert_eq!(lengths, [JOINED, JOINED, JOINED, 1]);
    }
}
