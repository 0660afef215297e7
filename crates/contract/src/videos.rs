//! video-service: the catalogue, playback, and what stands beside a video.

use serde_json::{Value, json};
use spinreel_api::videos::Video;

use crate::operation::{Access, Operation};

/// The media types of posters.
const IMAGES: [&str; 3] = ["image/jpeg", "image/png", "image/webp"];
/// The media type of captions.
const VTT: &str = "text/vtt; charset=utf-8";
/// How videos are deleted, and what is said where that is neither way.
const ENDS: &str = "Ends it at once.";
const PERMANENT: &str = "`permanent` is neither `true` nor `false`.";
/// What a private video is to everybody else.
const NO_VIDEO: &str = "There is no such video, or not for the caller.";

pub(crate) fn operations() -> Vec<Operation> {
    let mut all = lists();
    all.extend(life());
    all.extend(content());
    all.extend(playback());
    all.extend(beside());
    all
}

fn lists() -> Vec<Operation> {
    let found = |operation: Operation| {
        operation
            .list()
            .query("tag", json!({"type": "string"}), "One of its tags.")
            .query(
                "q",
                json!({"type": "string"}),
                "Words of title, description and tags; beginnings of three letters and more find, too.",
            )
    };
    vec![
        found(Operation::new(
            "GET",
            "/v1/videos",
            Access::User,
            "listOwnVideos",
            "The own videos, newest first",
        ))
        .query(
            "status",
            json!({"$ref": "#/components/schemas/Status"}),
            "Those with that status; without it, all that are not in the trash.",
        )
        .answers_page::<Video>("A page of videos."),
        found(Operation::new(
            "GET",
            "/v1/feed",
            Access::Open,
            "getFeed",
            "Public videos, newest first",
        ))
        .answers_page::<Video>("A page of videos.")
        .with_header(200, "ETag", "For `If-None-Match`.")
        .answers_nothing(304, "It is the one that the client has."),
        Operation::new(
            "GET",
            "/v1/users/:id/videos",
            Access::Open,
            "listVideosOfUser",
            "A user's public videos, newest first",
        )
        .list()
        .answers_page::<Video>("A page of videos.")
        .refuses(404, &["not_found"], "There is no such user."),
    ]
}

/// What a client says of a video.
fn details() -> Value {
    json!({
        "title": {"type": "string"},
        "description": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 30},
        "visibility": {"$ref": "#/components/schemas/Visibility"}
    })
}

fn life() -> Vec<Operation> {
    let mut new = details();
    new["filename"] = json!({"type": "string"});
    new["size"] = json!({"type": "integer", "minimum": 0, "description": "Where it is known."});
    let announced = json!({"type": "object", "required": ["filename"], "properties": new});
    let mut form = details();
    form["file"] = json!({"type": "string", "format": "binary"});
    let form = json!({"type": "object", "required": ["file"], "properties": form});
    vec![
        Operation::new(
            "POST",
            "/v1/videos",
            Access::User,
            "createVideo",
            "Announce a video, or upload one as a form",
        )
        .describes("Of an announced video the bytes come by `links.upload`, an upload of tus.")
        .takes_json(announced)
        .takes_form_too(form)
        .answers::<Video>(201, "The video.")
        .with_header(201, "Location", "The video's address.")
        .refuses(
            403,
            &["quota_exceeded", "bandwidth_exceeded"],
            "It does not fit.",
        )
        .refuses(409, &["file_exists"], "There is a file of that name.")
        .refuses(
            429,
            &["too_many_uploads"],
            "As many are open as a user may have.",
        ),
        Operation::new(
            "DELETE",
            "/v1/videos",
            Access::User,
            "deleteAllVideos",
            "Delete all own videos, a page a call",
        )
        .query(
            "permanent",
            json!({"type": "boolean", "default": false}),
            ENDS,
        )
        .answers_json(200, "What was done.", json!({"type": "object"}))
        .refuses(422, &["invalid_request"], PERMANENT),
        Operation::new(
            "GET",
            "/v1/videos/:id",
            Access::Optional,
            "getVideo",
            "A video",
        )
        .answers::<Video>(200, "The video.")
        .with_header(
            200,
            "ETag",
            "For `If-None-Match`, and for `If-Match` of a change.",
        )
        .answers_nothing(304, "It is the one that the client has.")
        .refuses(404, &["not_found"], NO_VIDEO),
        Operation::new(
            "PATCH",
            "/v1/videos/:id",
            Access::User,
            "changeVideo",
            "Change what is said of a video",
        )
        .header(
            "If-Match",
            true,
            "The entity tag of the version that is changed.",
        )
        .takes_json(json!({"type": "object", "properties": details()}))
        .answers::<Video>(200, "The video.")
        .with_header(200, "ETag", "Of the new version.")
        .refuses(404, &["not_found"], NO_VIDEO)
        .refuses(412, &["precondition_failed"], "It was changed meanwhile.")
        .refuses(428, &["precondition_required"], "There is no `If-Match`."),
        Operation::new(
            "DELETE",
            "/v1/videos/:id",
            Access::User,
            "deleteVideo",
            "Move a video to the trash, or end it",
        )
        .query(
            "permanent",
            json!({"type": "boolean", "default": false}),
            ENDS,
        )
        .answers_nothing(204, "It is there, or gone.")
        .refuses(404, &["not_found"], NO_VIDEO)
        .refuses(412, &["precondition_failed"], "It was changed meanwhile.")
        .refuses(422, &["invalid_request"], PERMANENT),
        Operation::new(
            "POST",
            "/v1/videos/:id/restore",
            Access::User,
            "restoreVideo",
            "Take a video out of the trash",
        )
        .answers::<Video>(200, "The video.")
        .refuses(404, &["not_found"], NO_VIDEO)
        .refuses(409, &["not_in_trash"], "It is not in the trash."),
        Operation::new(
            "POST",
            "/v1/videos/:id/replacement",
            Access::User,
            "replaceVideo",
            "New bytes under the same id",
        )
        .answers::<Video>(
            201,
            "The video, with `links.upload`; the old bytes serve until the new ones are whole.",
        )
        .refuses(404, &["not_found"], NO_VIDEO)
        .refuses(
            429,
            &["too_many_uploads"],
            "As many are open as a user may have.",
        ),
        Operation::new(
            "POST",
            "/v1/videos/:id/views",
            Access::Optional,
            "countView",
            "A player says that it plays",
        )
        .answers_nothing(204, "It is counted, once a viewer and day.")
        .refuses(404, &["not_found"], NO_VIDEO),
    ]
}

/// Bytes, whole or in part.
fn bytes(operation: Operation) -> Operation {
    operation
        .header(
            "Range",
            false,
            "One range of bytes or several (RFC 9110, section 14).",
        )
        .header("If-Range", false, "The entity tag that the range is of.")
        .header("If-None-Match", false, "Entity tags that the client has.")
        .query("download", json!({}), "`1` names the file, for saving.")
        .answers_bytes(200, "All of it.", &["*/*"])
        .answers_bytes(
            206,
            "The part, or the parts as `multipart/byteranges`.",
            &["*/*"],
        )
        .with_header(206, "Content-Range", "Which part it is.")
        .answers_nothing(304, "It is the one that the client has.")
        .answers_nothing(
            307,
            "The bucket has it, at `Location` (where `delivery` is `redirect`).",
        )
        .refuses(404, &["not_found"], NO_VIDEO)
        .refuses(
            412,
            &["precondition_failed"],
            "It is another one than the condition names.",
        )
        .refuses(
            416,
            &["range_not_satisfiable"],
            "It has no such part; `Content-Range` has its size.",
        )
        .refuses(
            429,
            &["bandwidth_exceeded"],
            "The owner's bandwidth is used up for today.",
        )
}

fn content() -> Vec<Operation> {
    vec![bytes(Operation::new(
        "GET",
        "/v1/videos/:id/content",
        Access::Optional,
        "getContent",
        "The bytes of a video",
    ))]
}

fn playback() -> Vec<Operation> {
    let wanted = json!({
        "type": "object",
        "properties": {
            "expires_in": {"type": ["integer", "null"], "minimum": 1, "description": "Seconds."},
            "max_bytes": {"type": ["integer", "null"], "minimum": 1},
            "referrer": {"type": ["string", "null"], "description": "The origin of the page that plays it."}
        }
    });
    let url = || json!({"type": ["string", "null"], "format": "uri"});
    let links = json!({
        "type": "object",
        "required": ["expires_at", "content_url", "hls_url", "dash_url", "poster_url", "captions"],
        "properties": {
            "expires_at": {"type": "string", "format": "date-time"},
            "content_url": {"type": "string", "format": "uri"},
            "hls_url": url(), "dash_url": url(), "poster_url": url(),
            "captions": {"type": "array", "items": {
                "type": "object",
                "required": ["lang", "url"],
                "properties": {"lang": {"type": "string"}, "url": {"type": "string", "format": "uri"}}
            }}
        }
    });
    let mut all = vec![
        Operation::new(
            "POST",
            "/v1/videos/:id/playback",
            Access::User,
            "createLinks",
            "Links that play without a token",
        )
        .takes_json(wanted)
        .may_be_empty()
        .answers_json(201, "The links; null where one cannot be had.", links)
        .refuses(404, &["not_found"], NO_VIDEO),
        Operation::new(
            "DELETE",
            "/v1/videos/:id/playback",
            Access::User,
            "endLinks",
            "End all links of a video",
        )
        .answers_nothing(204, "They are over.")
        .refuses(404, &["not_found"], NO_VIDEO),
    ];
    all.extend(packaged(
        Access::Optional,
        [
            ("/v1/videos/:id/master.m3u8", "getMasterPlaylist"),
            ("/v1/videos/:id/manifest.mpd", "getManifest"),
            ("/v1/videos/:id/tracks/:version/:track/:part", "getPart"),
        ],
    ));
    all.extend(packaged(
        Access::Open,
        [
            ("/v1/playback/:grant/master.m3u8", "getMasterPlaylistByLink"),
            ("/v1/playback/:grant/manifest.mpd", "getManifestByLink"),
            (
                "/v1/playback/:grant/tracks/:version/:track/:part",
                "getPartByLink",
            ),
        ],
    ));
    all.push(by_link(bytes(Operation::new(
        "GET",
        "/v1/playback/:grant/content",
        Access::Open,
        "getContentByLink",
        "The bytes of a video, by a link",
    ))));
    all.push(by_link(bytes_of(
        Operation::new(
            "GET",
            "/v1/playback/:grant/poster",
            Access::Open,
            "getPosterByLink",
            "The poster, by a link",
        ),
        &IMAGES,
    )));
    all.push(by_link(bytes_of(
        Operation::new(
            "GET",
            "/v1/playback/:grant/captions/:lang",
            Access::Open,
            "getCaptionsByLink",
            "Captions, by a link",
        ),
        &[VTT],
    )));
    all
}

/// What a link may come to besides.
fn by_link(operation: Operation) -> Operation {
    operation.refuses(
        403,
        &["referrer_refused", "range_too_long"],
        "The link is for another page, or for less.",
    )
}

/// The playlist, the manifest and the parts of a packaged video.
fn packaged(access: Access, paths: [(&'static str, &str); 3]) -> Vec<Operation> {
    const MEDIA_TYPES: [&[&str]; 3] = [
        &["application/vnd.apple.mpegurl"],
        &["application/dash+xml"],
        &["application/vnd.apple.mpegurl", "video/mp4", "audio/mp4"],
    ];
    let each = paths.into_iter().zip(MEDIA_TYPES);
    each.map(|((path, id), media_types)| {
        let summary = "A part of a packaged video: a playlist, a manifest or a segment";
        let operation = Operation::new("GET", path, access, id, summary)
            .header("If-None-Match", false, "Entity tags that the client has.")
            .answers_bytes(200, "The part.", media_types)
            .with_header(200, "ETag", "For `If-None-Match`.")
            .answers_bytes(206, "A range of it.", &["*/*"])
            .answers_nothing(304, "It is the one that the client has.")
            .refuses(
                404,
                &["not_found"],
                "There is no such video, it cannot be packaged, or it has no such part.",
            )
            .refuses(
                412,
                &["precondition_failed"],
                "It is another one than the condition names.",
            )
            .refuses(416, &["range_not_satisfiable"], "It has no such range.")
            .refuses(
                429,
                &["bandwidth_exceeded"],
                "The owner's bandwidth is used up for today.",
            );
        match access {
            Access::Open => by_link(operation),
            _ => operation,
        }
    })
    .collect()
}

fn beside() -> Vec<Operation> {
    let lang = json!({
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {"items": {"type": "array", "items": {
            "type": "object",
            "required": ["lang", "size", "links"],
            "properties": {
                "lang": {"type": "string", "description": "BCP 47."},
                "size": {"type": "integer"},
                "links": {"type": "object", "properties": {"self": {"type": "string"}}}
            }
        }}, "next_cursor": {"type": "null"}}
    });
    let written = |operation: Operation| {
        operation
            .refuses(403, &["quota_exceeded"], "It does not fit.")
            .refuses(404, &["not_found"], NO_VIDEO)
            .refuses(413, &["body_too_large"], "It has more than 1 MiB.")
    };
    vec![
        bytes_of(
            Operation::new(
                "GET",
                "/v1/videos/:id/poster",
                Access::Optional,
                "getPoster",
                "The poster",
            ),
            &IMAGES,
        ),
        written(
            Operation::new(
                "PUT",
                "/v1/videos/:id/poster",
                Access::User,
                "putPoster",
                "Set the poster",
            )
            .takes_bytes(&IMAGES, "A picture, told by its bytes."),
        )
        .answers_nothing(201, "It is set.")
        .answers_nothing(204, "It is another one now.")
        .refuses(
            415,
            &["unsupported_media_type"],
            "It is no JPEG, PNG or WebP.",
        )
        .refuses(
            422,
            &["invalid_request"],
            "It is broken, or too large in pixels.",
        ),
        Operation::new(
            "DELETE",
            "/v1/videos/:id/poster",
            Access::User,
            "deletePoster",
            "Remove the poster",
        )
        .answers_nothing(204, "It is gone.")
        .refuses(404, &["not_found"], NO_VIDEO),
        Operation::new(
            "GET",
            "/v1/videos/:id/captions",
            Access::Optional,
            "listCaptions",
            "The languages that have captions",
        )
        .answers_json(200, "The languages.", lang)
        .refuses(404, &["not_found"], NO_VIDEO),
        bytes_of(
            Operation::new(
                "GET",
                "/v1/videos/:id/captions/:lang",
                Access::Optional,
                "getCaptions",
                "Captions in a language",
            ),
            &[VTT],
        ),
        written(
            Operation::new(
                "PUT",
                "/v1/videos/:id/captions/:lang",
                Access::User,
                "putCaptions",
                "Set captions in a language",
            )
            .takes_bytes(&["text/vtt"], "WebVTT."),
        )
        .answers_nothing(201, "They are set.")
        .answers_nothing(204, "They are others now.")
        .refuses(
            409,
            &["too_many_captions"],
            "A video has captions in 100 languages at most.",
        )
        .refuses(
            422,
            &["invalid_request"],
            "They are no WebVTT, or the language is none.",
        ),
        Operation::new(
            "DELETE",
            "/v1/videos/:id/captions/:lang",
            Access::User,
            "deleteCaptions",
            "Remove captions in a language",
        )
        .answers_nothing(204, "They are gone.")
        .refuses(404, &["not_found"], NO_VIDEO),
    ]
}

/// A small file beside a video.
fn bytes_of(operation: Operation, media_types: &[&str]) -> Operation {
    operation
        .header("If-None-Match", false, "Entity tags that the client has.")
        .answers_bytes(200, "Its bytes.", media_types)
        .with_header(200, "ETag", "For `If-None-Match`.")
        .answers_nothing(304, "It is the one that the client has.")
        .refuses(404, &["not_found"], "There is none, or not for the caller.")
}
