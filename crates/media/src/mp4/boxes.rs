//! Boxes (ISO/IEC 14496-12, 4.2), and QuickTime's atoms, which are the same.

use bytes::Bytes;

use crate::cursor::Cursor;
use crate::inspected::Unplayable;

/// A box's type: four characters.
pub(crate) type Name = [u8; 4];

/// The longest header, in bytes: size, type, and a size of 64 bits.
pub(super) const HEADER: u64 = 16;

/// A box's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) name: Name,
    /// Bytes of the header itself.
    pub(super) header: u64,
    /// Bytes of the whole box, at least the header's; `None`: to the end of the file.
    pub(super) size: Option<u64>,
}

/// Reads a header, from its first [`HEADER`] bytes or as many as there are.
pub(super) fn header(bytes: &Bytes) -> Result<Header, Unplayable> {
    let mut cursor = Cursor::new(bytes);
    let short = cursor.u32()?;
    let name = cursor.array()?;
    let (header, size) = match short {
        0 => (8, None),
        1 => (16, Some(cursor.u64()?)),
        size => (8, Some(size.into())),
    };
    if size.is_some_and(|size| size < header) {
        return Err(Unplayable::Damaged);
    }
    Ok(Header { name, header, size })
}

/// The boxes that are in `bytes`, one after the other: name and content. Ends at fewer than eight bytes, and at
/// QuickTime's terminator, four bytes of 0.
#[derive(Debug, Clone)]
pub(crate) struct Boxes(Bytes);

impl Boxes {
    pub(crate) fn of(bytes: &Bytes) -> Self {
        Self(bytes.clone())
    }

    /// The content of the first box of that name.
    pub(crate) fn find(bytes: &Bytes, name: Name) -> Result<Option<Bytes>, Unplayable> {
        for child in Self::of(bytes) {
            let (found, content) = child?;
            if found == name {
                return Ok(Some(content));
            }
        }
        Ok(None)
    }

    /// The whole first box of that name, with its header.
    pub(super) fn first_whole(bytes: &Bytes) -> Result<(Name, Bytes), Unplayable> {
        let header = header(bytes)?;
        let size = header.size.unwrap_or(bytes.len() as u64);
        let size = usize::try_from(size).map_err(|_| Unplayable::Damaged)?;
        if size > bytes.len() {
            return Err(Unplayable::Damaged);
        }
        Ok((header.name, bytes.slice(..size)))
    }
}

impl Iterator for Boxes {
    type Item = Result<(Name, Bytes), Unplayable>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.len() < 8 || (self.0.len() < 12 && self.0.starts_with(&[0; 4])) {
            return None;
        }
        let item = Self::first_whole(&self.0).and_then(|(name, whole)| {
            let header = header(&whole)?;
            let content = whole.slice(header.header as usize..);
            Ok((name, content, whole.len()))
        });
        match item {
            Ok((name, content, size)) => {
                let _ = self.0.split_to(size);
                Some(Ok((name, content)))
            }
            Err(error) => {
                self.0.clear();
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn sizes_of_all_kinds_are_read() {
        let header = |bytes: &[u8]| header(&Bytes::copy_from_slice(bytes));
        let free = *b"free";
        let of = |header, size| {
            Ok(Header {
                name: free,
                header,
                size,
            })
        };
        assert_eq!(header(b"\0\0\0\x08free"), of(8, Some(8)));
        assert_eq!(header(b"\0\0\0\0free"), of(8, None));
        let wide = b"\0\0\0\x01free\0\0\0\x01\0\0\0\0";
        assert_eq!(header(wide), of(16, Some(1 << 32)));
        for damaged in [
            b"\0\0\0\x07free".as_slice(),
            b"\0\0\0\x01free\0\0\0\0\0\0\0\x0f",
            b"\0\0\0",
        ] {
            assert_eq!(header(damaged), Err(Unplayable::Damaged), "{damaged:?}");
        }
    }

    #[test]
    fn children_end_with_their_parent_or_are_damaged() {
        let bytes = Bytes::from_static(b"\0\0\0\x09free1\0\0\0\x08skip\0\0\0\0");
        let names: Vec<_> = Boxes::of(&bytes).map(|child| child.unwrap().0).collect();
        assert_eq!(names, [*b"free", *b"skip"]);
        assert_eq!(Boxes::find(&bytes, *b"skip"), Ok(Some(Bytes::new())));
        let beyond = Bytes::from_static(b"\0\0\0\x20free1");
        assert_eq!(Boxes::find(&beyond, *b"skip"), Err(Unplayable::Damaged));
    }
}
