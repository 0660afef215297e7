//! storage-service: uploads that resume.

use serde_json::json;

use crate::operation::{Access, Operation};

/// The media type of a body of tus.
const TUS_BODY: &str = "application/offset+octet-stream";
/// The media type of a body of the IETF draft.
const PARTIAL: &str = "application/partial-upload";

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        options("/v1/uploads", "getUploadOptions"),
        create(),
        direct(),
        options("/v1/uploads/:id", "getUploadOptionsOfOne"),
        offset(),
        append(),
        overridden(),
        terminate(),
        complete(),
    ]
}

fn options(path: &'static str, id: &str) -> Operation {
    Operation::new("OPTIONS", path, Access::Open, id, "What uploads can do")
        .answers_nothing(200, "What is offered, in headers.")
        .with_header(200, "Tus-Version", "The versions of tus.")
        .with_header(200, "Tus-Extension", "The extensions of tus.")
        .with_header(200, "Tus-Max-Size", "The largest upload, in bytes.")
        .with_header(
            200,
            "Tus-Checksum-Algorithm",
            "The algorithms of `Upload-Checksum`.",
        )
        .with_header(200, "Upload-Limit", "The limits of the IETF draft.")
}

/// What all but the options demand: a protocol.
fn protocol(operation: Operation) -> Operation {
    operation
        .header("Tus-Resumable", false, "`1.0.0`, for tus.")
        .header(
            "Upload-Draft-Interop-Version",
            false,
            "`6` or `8`, for the IETF draft.",
        )
        .refuses(
            400,
            &["malformed_header"],
            "A header is not what it must be.",
        )
        .refuses(
            412,
            &["unsupported_version"],
            "No protocol is named that is spoken here; `Tus-Version` names one.",
        )
}

fn create() -> Operation {
    let operation = Operation::new("POST", "/v1/uploads", Access::User, "createUpload", "Begin an upload")
        .describes(
            "With its last byte it is a file and a video. The first bytes may come with it. By tus, `Upload-Metadata` has \
             `filename`, `filetype`, `title`, `visibility` and `video_id` (a replacement); by the draft the name comes \
             in `Content-Disposition`.",
        )
        .header("Upload-Length", false, "How many bytes will come.")
        .header("Upload-Defer-Length", false, "`1`: that is not known yet.")
        .header("Upload-Metadata", false, "Names, and values in base64 (tus).")
        .header("Upload-Concat", false, "`partial`, or `final;` and the addresses of the parts (tus).")
        .header("Upload-Checksum", false, "An algorithm and a digest of this body in base64 (tus).")
        .header("Upload-Complete", false, "`?1`: this body is all of it (draft).")
        .header("X-HTTP-Method-Override", false, "What this request stands for.");
    protocol(operation)
        .answers_nothing(201, "It is begun.")
        .with_header(201, "Location", "The upload's address.")
        .with_header(201, "Upload-Offset", "How many bytes came with it.")
        .with_header(201, "Upload-Expires", "How long it lives (tus).")
        .refuses(
            400,
            &["invalid_file_name", "invalid_media_type"],
            "The metadata cannot be a file's.",
        )
        .refuses(
            403,
            &["quota_exceeded", "bandwidth_exceeded"],
            "It does not fit; no byte was read.",
        )
        .refuses(404, &["not_found"], "There is no such video or part.")
        .refuses(409, &["file_exists"], "There is a file of that name.")
        .refuses(
            413,
            &["upload_too_large"],
            "It is larger than any upload may be.",
        )
        .refuses(
            415,
            &["unsupported_media_type"],
            "The body is of another media type.",
        )
        .refuses(
            429,
            &["too_many_uploads"],
            "As many are open as a user may have.",
        )
        .refuses(460, &["checksum_mismatch"], "The digest is another one.")
}

fn offset() -> Operation {
    let operation = Operation::new(
        "GET",
        "/v1/uploads/:id",
        Access::User,
        "getUploadOffset",
        "How far an upload came",
    )
    .only_head();
    protocol(operation)
        .answers_nothing(200, "How far it came, in headers.")
        .with_header(200, "Upload-Offset", "How many bytes are there.")
        .with_header(200, "Upload-Length", "How many there will be.")
        .with_header(200, "Upload-Metadata", "As it was given.")
        .with_header(200, "Upload-Expires", "How long it lives.")
        .answers_nothing(204, "The same, by the draft.")
        .refuses(404, &["not_found"], "There is no such upload.")
        .refuses(410, &["upload_gone"], "It has expired.")
}

fn append() -> Operation {
    let operation = Operation::new(
        "PATCH",
        "/v1/uploads/:id",
        Access::User,
        "appendToUpload",
        "Send bytes of an upload",
    )
    .header("Upload-Offset", true, "Where these bytes begin.")
    .header(
        "Upload-Checksum",
        false,
        "An algorithm and a digest of this body in base64 (tus).",
    )
    .header(
        "Upload-Complete",
        false,
        "`?1`: these are the last bytes (draft).",
    )
    .takes_bytes(&[TUS_BODY, PARTIAL], "Any number of bytes.");
    protocol(operation)
        .answers_nothing(204, "They are kept.")
        .with_header(204, "Upload-Offset", "How many bytes are there.")
        .with_header(204, "Upload-Expires", "How long it lives.")
        .answers_nothing(200, "They were the last ones (draft).")
        .refuses(
            400,
            &["unknown_algorithm", "malformed_request"],
            "The bytes are not what the headers say.",
        )
        .refuses(
            403,
            &["bandwidth_exceeded", "quota_exceeded"],
            "They do not fit; no byte was read.",
        )
        .refuses(404, &["not_found"], "There is no such upload.")
        .refuses(
            409,
            &[
                "offset_mismatch",
                "file_exists",
                "upload_displaced",
                "upload_corrupt",
            ],
            "They do not go on where the upload is, or it cannot become a file.",
        )
        .refuses(410, &["upload_gone"], "It has expired.")
        .refuses(
            413,
            &["upload_too_long", "checked_body_too_large"],
            "There are too many of them.",
        )
        .refuses(
            415,
            &["unsupported_media_type"],
            "The body is of another media type.",
        )
        .refuses(
            460,
            &["checksum_mismatch"],
            "The digest is another one; none of them was kept.",
        )
}

fn overridden() -> Operation {
    let operation = Operation::new(
        "POST",
        "/v1/uploads/:id",
        Access::User,
        "overrideUploadMethod",
        "PATCH or DELETE by POST",
    )
    .header("X-HTTP-Method-Override", true, "`PATCH` or `DELETE`.");
    protocol(operation)
        .answers_nothing(204, "It is done.")
        .refuses(404, &["not_found"], "There is no such upload.")
        .refuses(
            405,
            &["method_not_allowed"],
            "It stands for no other method.",
        )
}

fn terminate() -> Operation {
    let operation = Operation::new(
        "DELETE",
        "/v1/uploads/:id",
        Access::User,
        "endUpload",
        "End an upload",
    )
    .describes("Of one that is a file, the file is deleted.");
    protocol(operation)
        .answers_nothing(204, "It is over.")
        .refuses(404, &["not_found"], "There is no such upload.")
}

fn direct() -> Operation {
    let request = json!({
        "type": "object",
        "required": ["filename", "size"],
        "properties": {
            "filename": {"type": "string"}, "size": {"type": "integer", "minimum": 0},
            "content_type": {"type": "string"}, "title": {"type": "string"},
            "visibility": {"$ref": "#/components/schemas/Visibility"}
        }
    });
    let begun = json!({
        "type": "object",
        "required": ["id", "upload_url", "method", "headers", "expires_at"],
        "properties": {
            "id": {"type": "string"},
            "upload_url": {"type": "string", "format": "uri", "description": "Of the bucket; it is a credential."},
            "method": {"type": "string"},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "expires_at": {"type": "string", "format": "date-time"}
        }
    });
    Operation::new("POST", "/v1/uploads/direct", Access::User, "beginDirectUpload", "Upload straight to the bucket")
        .describes("Send the bytes to `upload_url`, by that method and with those headers, then complete the upload.")
        .takes_json(request)
        .answers_json(201, "Where the bytes go.", begun)
        .refuses(403, &["quota_exceeded"], "It does not fit.")
        .refuses(409, &["file_exists"], "There is a file of that name.")
        .refuses(429, &["too_many_uploads"], "As many are open as a user may have.")
}

fn complete() -> Operation {
    Operation::new(
        "POST",
        "/v1/uploads/:id/complete",
        Access::User,
        "completeDirectUpload",
        "The bucket has the bytes",
    )
    .answers::<spinreel_api::videos::Video>(200, "The video, by what the bucket holds.")
    .refuses(404, &["not_found"], "There is no such upload.")
    .refuses(
        409,
        &["upload_incomplete"],
        "The bucket does not have them yet.",
    )
    .refuses(
        422,
        &["size_mismatch"],
        "The bucket has another number of bytes: they go, and the quota comes back.",
    )
}
