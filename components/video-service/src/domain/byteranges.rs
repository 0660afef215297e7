//! `multipart/byteranges` (RFC 9110, section 14.6).

use spinreel_http::range::Part;

use super::pieces::Piece;

/// The value of `Content-Type`. The boundary must be of characters that need no quotes.
pub fn content_type(boundary: &str) -> String {
    format!("multipart/byteranges; boundary={boundary}")
}

/// The body with these parts of a file of `size` bytes and of this media type.
pub fn body(parts: &[Part], size: u64, media_type: &str, boundary: &str) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(2 * parts.len() + 1);
    for (number, part) in parts.iter().enumerate() {
        let before = if number == 0 { "" } else { "\r\n" };
        let Part { start, end } = part;
        let head = format!(
            "{before}--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: bytes {start}-{end}/{size}\r\n\r\n"
        );
        pieces.push(Piece::Made(head.into_bytes()));
        pieces.push(Piece::File(*part));
    }
    pieces.push(Piece::Made(format!("\r\n--{boundary}--\r\n").into_bytes()));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_says_what_it_is_and_which_bytes_it_has() {
        let parts = [Part { start: 0, end: 1 }, Part { start: 8, end: 8 }];
        let text: String = body(&parts, 10, "video/mp4", "b0")
            .iter()
            .map(|piece| match piece {
                Piece::Made(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Piece::File(part) => format!("<{}-{}>", part.start, part.end),
            })
            .collect();
        assert_eq!(
            text,
            "--b0\r\nContent-Type: video/mp4\r\nContent-Range: bytes 0-1/10\r\n\r\n<0-1>\
             \r\n--b0\r\nContent-Type: video/mp4\r\nContent-Range: bytes 8-8/10\r\n\r\n<8-8>\
             \r\n--b0--\r\n"
        );
        assert_eq!(content_type("b0"), "multipart/byteranges; boundary=b0");
    }
}
