//! Pictures: what a stranger's bytes are, by their own account.
//!
//! The structure of the whole file is walked, so what is cut off anywhere is refused. No pixel is decoded: that costs
//! nothing that grows with what a header claims.

mod jpeg;
mod png;
mod webp;

use thiserror::Error;

/// The longest side of a picture, in pixels.
pub const MAX_SIDE: u32 = 8_192;

/// What a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    /// Its media type.
    pub content_type: &'static str,
    /// Pixels, 1 to [`MAX_SIDE`].
    pub width: u32,
    /// Pixels, 1 to [`MAX_SIDE`].
    pub height: u32,
}

/// Why bytes are no picture that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PictureError {
    /// They do not begin as one of these.
    #[error("must be a JPEG, PNG or WebP picture")]
    Unknown,
    /// They begin as one, and are not whole.
    #[error("is a broken {0} picture: {1}")]
    Broken(&'static str, &'static str),
    /// It has no pixels, or too many.
    #[error("must have 1 to {MAX_SIDE} pixels a side, not {0} × {1}")]
    Size(u32, u32),
}

/// Reads what a picture is.
pub fn read(bytes: &[u8]) -> Result<Picture, PictureError> {
    let (content_type, size) = if bytes.starts_with(png::SIGNATURE) {
        let size = png::size(bytes).map_err(|reason| PictureError::Broken("PNG", reason))?;
        ("image/png", size)
    } else if bytes.starts_with(jpeg::SIGNATURE) {
        let size = jpeg::size(bytes).map_err(|reason| PictureError::Broken("JPEG", reason))?;
        ("image/jpeg", size)
    } else if webp::is_one(bytes) {
        let size = webp::size(bytes).map_err(|reason| PictureError::Broken("WebP", reason))?;
        ("image/webp", size)
    } else {
        return Err(PictureError::Unknown);
    };
    let (width, height) = size;
    let sides = 1..=MAX_SIDE;
    if !sides.contains(&width) || !sides.contains(&height) {
        return Err(PictureError::Size(width, height));
    }
    Ok(Picture {
        content_type,
        width,
        height,
    })
}

/// Width and height in pixels, or what is wrong.
type Size = Result<(u32, u32), &'static str>;

/// The first `length` bytes and the rest; `None` where there are fewer.
fn split(bytes: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(length)
}

#[cfg(test)]
mod tests;
