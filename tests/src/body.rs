//! Bodies of any size that need no memory: the byte at a position follows from the position.

use bytes::Bytes;
use futures::Stream;

/// One piece of a generated body, in bytes.
pub const PIECE: u64 = 256 * 1024;

/// The bytes of a generated file of `size` bytes, piece by piece.
pub fn pieces(size: u64) -> impl Iterator<Item = Bytes> + Send {
    (0..size.div_ceil(PIECE)).map(move |index| piece(index, PIECE.min(size - index * PIECE)))
}

/// A body to send: `before`, a generated file of `size` bytes, `after`.
pub fn around(
    before: Vec<u8>,
    size: u64,
    after: Vec<u8>,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send {
    let all = std::iter::once(Bytes::from(before))
        .chain(pieces(size))
        .chain(std::iter::once(Bytes::from(after)));
    futures::stream::iter(all.map(Ok))
}

/// The piece with this index: no two are alike, so that one that is lost, repeated or moved is noticed.
fn piece(index: u64, length: u64) -> Bytes {
    let mut state = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = Vec::with_capacity(length as usize + 8);
    while (bytes.len() as u64) < length {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length as usize);
    Bytes::from(bytes)
}
