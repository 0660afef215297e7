//! What others show of a link to a video's page: [Open Graph](https://ogp.me) in the page's head.
//!
//! The page asks as a stranger, so it says what a stranger may know: of a private video nothing, not even that it is there.

use std::borrow::Cow;
use std::fmt::Write as _;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, ETAG, VARY};
use http::{HeaderMap, Method, Response, StatusCode};
use spinreel_api::markup::escape;
use spinreel_api::videos::{Status, Video, Visibility};

use crate::answer::answer;

/// The part of the page that is replaced.
const TITLE: &str = "<title>Spinreel</title>";
/// How many characters of a description are shown.
const SHOWN: usize = 200;

/// The video whose page is asked for, where its id can be one.
pub(crate) fn video_of<'a>(method: &Method, target: &'a str) -> Option<&'a str> {
    if ![Method::GET, Method::HEAD].contains(method) {
        return None;
    }
    let path = target.split('?').next().unwrap_or_default();
    let id = path.strip_prefix("/app/watch/")?;
    let is_id = (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_id.then_some(id)
}

/// The page of a video: as it is for all videos where this one is not for everybody who has the link, or does not play.
pub(crate) fn with_video(
    plain: Response<Cow<'static, [u8]>>,
    method: &Method,
    video: &Video,
    origin: Option<&str>,
) -> Response<Cow<'static, [u8]>> {
    let is_page = [StatusCode::OK, StatusCode::NOT_MODIFIED].contains(&plain.status());
    if !is_page || video.visibility == Visibility::Private || video.status != Status::Ready {
        return plain;
    }
    // The page as it is, whatever coding and version the client asks for.
    let page = answer(&Method::GET, "/app/watch", &HeaderMap::new());
    let Ok(html) = std::str::from_utf8(page.body()) else {
        return plain;
    };
    let html = html.replacen(TITLE, &head(video, origin), 1);
    let (mut parts, _) = page.into_parts();
    for name in [ETAG, CONTENT_ENCODING, VARY] {
        parts.headers.remove(name);
    }
    parts.headers.insert(CONTENT_LENGTH, html.len().into());
    let body = match *method == Method::HEAD {
        true => Vec::new(),
        false => html.into_bytes(),
    };
    Response::from_parts(parts, Cow::Owned(body))
}

/// What stands in the head in the place of [`TITLE`].
fn head(video: &Video, origin: Option<&str>) -> String {
    let title = escape(&video.title);
    let mut head = format!("<title>{title} · Spinreel</title>\n");
    let mut add = |property: &str, content: &str| {
        let content = escape(content);
        // Writing to a string does not fail.
        let _ = writeln!(head, "<meta property=\"{property}\" content=\"{content}\">");
    };
    add("og:site_name", "Spinreel");
    add("og:type", "video.other");
    add("og:title", &video.title);
    let description: String = video.description.chars().take(SHOWN).collect();
    if !description.is_empty() {
        add("og:description", &description);
    }
    // Crawlers take absolute addresses only.
    if let Some(origin) = origin {
        add("og:url", &format!("{origin}/app/watch/{}", video.id));
        if let Some(poster) = &video.links.poster {
            add("og:image", &format!("{origin}{poster}"));
        }
    }
    if video.visibility == Visibility::Unlisted {
        head.push_str("<meta name=\"robots\" content=\"noindex\">\n");
    }
    head
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn video(visibility: &str, status: &str) -> Video {
        serde_json::from_value(serde_json::json!({
            "id": "v-1", "owner": "ada", "filename": "a.mp4", "title": "\"><script>alert(1)</script>",
            "description": "Tom & Jerry", "tags": [], "visibility": visibility, "status": status, "size": 1,
            "content_type": "video/mp4", "media": null, "views": 0, "created_at": "2026-11-22T05:57:38Z",
            "updated_at": "2026-11-22T05:57:38Z", "deleted_at": null,
            "links": {"self": "/v1/videos/v-1", "content": "/v1/videos/v-1/content", "poster": "/v1/videos/v-1/poster"}
        }))
        .unwrap()
    }

    #[test]
    fn only_pages_of_videos_have_one() {
        assert_eq!(video_of(&Method::GET, "/app/watch/v-1?x=1"), Some("v-1"));
        assert_eq!(video_of(&Method::POST, "/app/watch/v-1"), None);
        for target in [
            "/app/watch/",
            "/app/watch/a/b",
            "/app/watch/a%2Fb",
            "/app/videos",
            "/",
        ] {
            assert_eq!(video_of(&Method::GET, target), None, "{target}");
        }
    }

    #[test]
    fn markup_in_a_title_is_text() {
        let head = head(&video("public", "ready"), Some("https://films.example"));
        assert!(!head.contains("<script"), "{head}");
        assert!(head.contains(
            "<meta property=\"og:title\" content=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\">"
        ));
        assert!(head.contains("content=\"Tom &amp; Jerry\""));
        assert!(head.contains("content=\"https://films.example/v1/videos/v-1/poster\""));
        assert!(!head.contains("noindex"));
    }

    #[test]
    fn an_unlisted_one_is_not_to_be_found() {
        assert!(head(&video("unlisted", "ready"), None).contains("noindex"));
    }

    #[test]
    fn what_is_not_for_everybody_changes_nothing() {
        for video in [video("private", "ready"), video("public", "deleted")] {
            let plain = Response::new(Cow::Borrowed(&b"page"[..]));
            let page = with_video(plain, &Method::GET, &video, None);
            assert_eq!(page.body().as_ref(), b"page");
        }
    }
}
