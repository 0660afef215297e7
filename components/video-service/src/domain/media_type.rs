//! Under which media type a stranger's bytes go out.

/// Says nothing of the bytes; browsers offer them for saving.
pub const UNKNOWN: &str = "application/octet-stream";

/// The media type for an answer: the declared one where it is video, audio or a picture, else [`UNKNOWN`].
///
/// The bytes are a stranger's, so nothing goes out that a browser would run as a page of ours: no HTML, no SVG or other
/// XML. Parameters are left out: what follows a comma or a semicolon could be read as another type (the Fetch
/// standard, "extract a MIME type").
pub fn for_delivery(declared: &str) -> String {
    let essence = declared.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    let harmless = essence.split_once('/').is_some_and(|(kind, subtype)| {
        matches!(kind, "video" | "audio" | "image")
            && is_token(subtype)
            && !subtype.ends_with("xml")
    });
    if harmless {
        essence
    } else {
        UNKNOWN.to_owned()
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn video_audio_and_pictures_keep_their_type() {
        for (declared, delivered) in [
            ("video/mp4", "video/mp4"),
            ("Video/MP4; codecs=\"avc1.42E01E\"", "video/mp4"),
            ("audio/mpeg", "audio/mpeg"),
            ("image/webp", "image/webp"),
            (" video/x-matroska ", "video/x-matroska"),
        ] {
            assert_eq!(for_delivery(declared), delivered, "{declared}");
        }
    }

    #[test]
    fn everything_else_is_bytes() {
        for declared in [
            "",
            "video",
            "video/",
            "text/html",
            "application/javascript",
            "image/svg+xml",
            "video/mp4,text/html",
            "video/mp4 text/html",
            "video/mp4\r\nset-cookie: a=b",
            "vidéo/mp4",
            "xvideo/mp4",
        ] {
            assert_eq!(for_delivery(declared), UNKNOWN, "{declared:?}");
        }
    }
}
