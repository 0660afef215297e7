use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// A running CRC32C (Castagnoli, RFC 3720 appendix B.4) and the number of bytes that it covers.
///
/// It can be stored between two parts of an upload and goes on where it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crc32c {
    value: u32,
    length: u64,
}

impl Crc32c {
    /// The checksum of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The checksum of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut checksum = Self::new();
        checksum.update(bytes);
        checksum
    }

    /// A checksum that is known of so many bytes.
    pub fn known(value: u32, length: u64) -> Self {
        Self { value, length }
    }

    /// The checksum of these bytes and `next`'s after them.
    #[must_use]
    pub fn followed_by(self, next: Self) -> Self {
        // The combination of two checksums goes by bits of the second's length: on 32 bits, 2 GiB at a time.
        let mut value = self.value;
        let mut left = next.length;
        while left > 0 {
            let step = left.min(1 << 30);
            left -= step;
            let zeros = usize::try_from(step).unwrap_or(0);
            value = crc32c::crc32c_combine(value, 0, zeros);
        }
        Self {
            value: value ^ next.value,
            length: self.length + next.length,
        }
    }

    /// Takes in the bytes that follow.
    pub fn update(&mut self, bytes: &[u8]) {
        self.value = crc32c::crc32c_append(self.value, bytes);
        self.length += bytes.len() as u64;
    }

    /// The checksum of all bytes so far.
    pub fn value(&self) -> u32 {
        self.value
    }

    /// How many bytes it covers.
    pub fn length(&self) -> u64 {
        self.length
    }
}

/// The form in which the bucket writes checksums: base64 of the big-endian number
/// (<https://cloud.google.com/storage/docs/data-validation>).
pub(crate) fn to_base64(crc32c: u32) -> String {
    STANDARD.encode(crc32c.to_be_bytes())
}

/// Reads what [`to_base64`] writes; `None` where it is anything else.
pub(crate) fn from_base64(text: &str) -> Option<u32> {
    let bytes = STANDARD.decode(text).ok()?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_algorithm_comes_out() {
        assert_eq!(Crc32c::of(b"123456789").value(), 0xe306_9283);
    }

    #[test]
    fn a_stored_checksum_goes_on_where_it_was() {
        let first = serde_json::to_string(&Crc32c::of(b"12345")).expect("it is plain data");
        let mut checksum: Crc32c = serde_json::from_str(&first).expect("it was just written");
        checksum.update(b"6789");
        assert_eq!(checksum, Crc32c::of(b"123456789"));
        assert_eq!(checksum.length(), 9);
    }

    #[test]
    fn checksums_of_two_parts_make_that_of_the_whole() {
        for cut in 0..=9 {
            let (first, second) = b"123456789".split_at(cut);
            let whole = Crc32c::of(first).followed_by(Crc32c::of(second));
            assert_eq!(whole, Crc32c::of(b"123456789"), "{cut}");
        }
        let (zeros, part) = (vec![0; 70_000], Crc32c::known(0x1234_5678, 3 << 30));
        let in_two = part.followed_by(Crc32c::of(&zeros[1..]));
        assert_eq!(
            in_two.followed_by(Crc32c::of(&zeros[..1])),
            part.followed_by(Crc32c::of(&zeros))
        );
    }

    #[test]
    fn the_text_form_is_base64_of_the_big_endian_number() {
        assert_eq!(to_base64(0xe306_9283), "4waSgw==");
        assert_eq!(from_base64("4waSgw=="), Some(0xe306_9283));
    }

    #[test]
    fn other_text_is_no_checksum() {
        for text in ["", "4waSgw", "4waS", "4waSg!==", "AAAAAAA="] {
            assert_eq!(from_base64(text), None, "{text:?}");
        }
    }
}
