//! EBML elements (RFC 8794).

use bytes::Bytes;

use crate::inspected::Unplayable;

/// The longest header of an element, in bytes: an id of 4 and a size of 8.
pub(super) const HEADER: u64 = 12;

/// An element's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// The id with its marker, as the tables of RFC 9559 write it.
    pub(super) id: u32,
    /// Bytes of the header.
    pub(super) header: u64,
    /// Bytes of the content; `None`: not known (RFC 8794, 6.2).
    pub(super) size: Option<u64>,
}

/// Reads a header, from its first [`HEADER`] bytes or as many as there are.
pub(super) fn header(bytes: &[u8]) -> Result<Header, Unplayable> {
    let (id, id_length) = number(bytes, 4, true)?;
    let rest = bytes.get(id_length..).unwrap_or_default();
    let (size, size_length) = number(rest, 8, false)?;
    let unknown = (1 << (7 * size_length)) - 1;
    Ok(Header {
        id: u32::try_from(id).map_err(|_| Unplayable::Damaged)?,
        header: (id_length + size_length) as u64,
        size: (size != unknown).then_some(size),
    })
}

/// A number of variable length, and how many bytes it has (RFC 8794, 4).
pub(super) fn number(
    bytes: &[u8],
    most: usize,
    keep_marker: bool,
) -> Result<(u64, usize), Unplayable> {
    let first = *bytes.first().ok_or(Unplayable::Damaged)?;
    let length = first.leading_zeros() as usize + 1;
    let bytes = bytes.get(..length).ok_or(Unplayable::Damaged)?;
    if length > most {
        return Err(Unplayable::Damaged);
    }
    let value = bytes
        .iter()
        .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    let marker = 1_u64 << (7 * length);
    Ok((if keep_marker { value } else { value ^ marker }, length))
}

/// The elements that are in `bytes`, one after the other: id and content.
#[derive(Debug, Clone)]
pub(super) struct Elements(Bytes);

impl Elements {
    pub(super) fn of(bytes: &Bytes) -> Self {
        Self(bytes.clone())
    }
}

impl Iterator for Elements {
    type Item = Result<(u32, Bytes), Unplayable>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let item = header(&self.0).and_then(|header| {
            let start = header.header as usize;
            let size = header.size.and_then(|size| usize::try_from(size).ok());
            let end = size.and_then(|size| start.checked_add(size));
            let end = end.filter(|end| *end <= self.0.len());
            let end = end.ok_or(Unplayable::Damaged)?;
            Ok((header.id, self.0.slice(start..end), end))
        });
        match item {
            Ok((id, content, end)) => {
                let _ = self.0.split_to(end);
                Some(Ok((id, content)))
            }
            Err(error) => {
                self.0.clear();
                Some(Err(error))
            }
        }
    }
}

/// An unsigned number (RFC 8794, 7.2).
pub(super) fn unsigned(content: &[u8]) -> Result<u64, Unplayable> {
    if content.len() > 8 {
        return Err(Unplayable::Damaged);
    }
    let add = |value, byte: &u8| value << 8 | u64::from(*byte);
    Ok(content.iter().fold(0, add))
}

/// A floating-point number (RFC 8794, 7.3).
pub(super) fn float(content: &[u8]) -> Result<f64, Unplayable> {
    match content.len() {
        0 => Ok(0.0),
        4 => content
            .try_into()
            .map(|bytes| f64::from(f32::from_be_bytes(bytes)))
            .map_err(|_| Unplayable::Damaged),
        _ => content
            .try_into()
            .map(f64::from_be_bytes)
            .map_err(|_| Unplayable::Damaged),
    }
}

/// A string (RFC 8794, 7.4); it may be filled up with zeros.
pub(super) fn text(content: &[u8]) -> Result<String, Unplayable> {
    let end = content.iter().position(|byte| *byte == 0);
    let content = content.get(..end.unwrap_or(content.len()));
    let text = std::str::from_utf8(content.unwrap_or_default());
    text.map(str::to_owned).map_err(|_| Unplayable::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_all_lengths_are_read() {
        let of = |id, header, size| Ok(Header { id, header, size });
        assert_eq!(header(&[0xec, 0x85]), of(0xec, 2, Some(5)));
        assert_eq!(
            header(&[0x1a, 0x45, 0xdf, 0xa3, 0x40, 0x02]),
            of(0x1a45_dfa3, 6, Some(2))
        );
        assert_eq!(header(&[0xec, 0xff]), of(0xec, 2, None));
        let long = [
            0x18, 0x53, 0x80, 0x67, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        ];
        assert_eq!(header(&long), of(0x1853_8067, 12, None));
        for damaged in [
            &[][..],
            &[0],
            &[0x08, 0, 0, 0, 0, 0x81],
            &[0xec],
            &[0xec, 0],
            &[0xec, 0x40],
        ] {
            assert_eq!(header(damaged), Err(Unplayable::Damaged), "{damaged:?}");
        }
    }

    #[test]
    fn an_element_that_is_longer_than_its_parent_is_damaged() {
        let bytes = Bytes::from_static(&[0xec, 0x81, 7, 0xbf, 0x82, 1]);
        let read: Vec<_> = Elements::of(&bytes).collect();
        assert_eq!(
            read,
            [
                Ok((0xec, Bytes::from_static(&[7]))),
                Err(Unplayable::Damaged)
            ]
        );
        let unknown = Bytes::from_static(&[0xec, 0xff, 7]);
        assert_eq!(
            Elements::of(&unknown).next(),
            Some(Err(Unplayable::Damaged))
        );
    }

    #[test]
    fn numbers_and_texts_are_read() {
        assert_eq!(unsigned(&[1, 0]), Ok(256));
        assert_eq!(unsigned(&[0; 9]), Err(Unplayable::Damaged));
        assert_eq!(float(&1.5_f32.to_be_bytes()), Ok(1.5));
        assert_eq!(float(&2.5_f64.to_be_bytes()), Ok(2.5));
        assert_eq!(float(&[1]), Err(Unplayable::Damaged));
        assert_eq!(text(b"webm\0\0"), Ok("webm".to_owned()));
        assert_eq!(text(&[0xff]), Err(Unplayable::Damaged));
    }
}
