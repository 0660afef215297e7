//! `POST /upload`.

use std::rc::Rc;

use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;
use spinreel_api::Timestamp;
use spinreel_api::actions;
use spinreel_api::logs::Level;
use spinreel_api::storage::Message;
use spinreel_api::usage::{Action, ActionKind};
use spinreel_http::Problem;
use spinreel_http::problem::Unauthenticated;
use spinreel_identity::User;
use spinreel_platform::Clock;
use spinreel_service::{Call, Context, Outcome, RequestBody, json, judge_again};

use super::{bucket_problem, owner, report_use, storage, tidy_after};
use crate::domain::file_name;
use crate::domain::peers::Peers;
use crate::domain::record::{Purpose, VideoHead};
use crate::domain::upload::{FileSource, NewFile, SourceError, UploadError, Uploaded};
use crate::multipart::{FIELDS_LIMIT, Form, FormError, boundary};
use crate::peers::HttpPeers;

/// What clients declare that know nothing of a file.
pub(super) const UNKNOWN_MEDIA_TYPE: &str = "application/octet-stream";

/// What a client hears whose form cannot be read to the end of its file.
const MALFORMED: &str = "Malformed form";

/// What a client hears who has as much stored as one may have.
const STORAGE_EXCEEDED: &str = "Exceeds storage limit, cannot upload video..!!";

/// What a file was not stored for although nobody refused it.
const CUT_OFF: &str = "upload_cut_off";
const EXPIRED: &str = "upload_expired";

/// Stores the form's file under its name. Every try ends in one line of the log.
pub async fn upload(call: Call) -> Outcome {
    let context = call.context.clone();
    let outcome = store(call).await;
    if let Err(problem) = &outcome {
        log_unstored(&context, problem);
    }
    outcome
}

/// Says in the log why a file was not stored.
pub(super) fn log_unstored(context: &Context, problem: &Problem) {
    let code = problem.code;
    let (level, action, what) = if is_failure(problem) {
        (Level::Warn, actions::Action::UploadFailed, "failed")
    } else {
        (Level::Info, actions::Action::UploadRefused, "was refused")
    };
    let message = format!("An upload {what}: {code}");
    let fields = json!({ "upload.reason": code });
    context.log.line(level, action, message, fields);
}

/// Whether an upload ended by what nobody decided.
fn is_failure(problem: &Problem) -> bool {
    problem.status.is_server_error() || [CUT_OFF, EXPIRED].contains(&problem.code)
}

async fn store(mut call: Call) -> Outcome {
    let context = call.context.clone();
    let user = call.caller.user()?;
    let owner = owner(user);
    let content_type = call.request.header(CONTENT_TYPE);
    let boundary = boundary(content_type).map_err(form_problem)?;
    let mut form = Form::new(&boundary, call.request.take_body()?);
    let head = form.find_file().await.map_err(form_problem)?;
    if !file_name::is_valid(&head.name) {
        return Err(bad_request("invalid_file_name", "Invalid file name"));
    }
    let file = NewFile {
        id: context.new_id(),
        purpose: Purpose::Video,
        video: VideoHead::default(),
        expected: head.expected_size(call.request.content_length(), &boundary),
        content_type: media_type(head.content_type, &head.name),
        name: head.name,
    };
    let mut source = Judged {
        form,
        context: &context,
        user,
        refusal: None,
    };
    let uploaded = storage(&context)?.upload(&owner, file, &mut source).await;
    let uploaded = uploaded.map_err(|error| source.problem(error))?;
    context.log.info(
        actions::Action::FileUploaded,
        format!("Stored {} bytes", uploaded.file.object.size),
        json!({ "video.id": uploaded.file.head.id, "file.bytes": uploaded.file.object.size }),
    );
    let (user_id, number) = (owner.user_id, uploaded.number);
    let after = context.clone();
    context.after_answer(async move {
        let moved = uploaded.file.object.size;
        settle(&HttpPeers::new(&after), &user_id, uploaded, moved).await;
        report_use(&after, &user_id).await;
        tidy_after(&after, &user_id, number).await;
    });
    let message = "File uploaded successfully".to_owned();
    json(StatusCode::OK, &Message { message })
}

/// A form's file that has come to its end only if its user is still let in then: it may have been a long time coming.
struct Judged<'a> {
    form: Form<RequestBody>,
    context: &'a Rc<Context>,
    user: &'a User,
    refusal: Option<Problem>,
}

impl FileSource for Judged<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        let next = self.form.next().await?;
        if next.is_none()
            && let Err(refusal) = judge_again(self.context, self.user).await
        {
            let reason = refusal.code.to_owned();
            self.refusal = Some(refusal);
            return Err(SourceError(reason));
        }
        Ok(next)
    }
}

impl Judged<'_> {
    /// What the client is told. What the domain knows of a file that did not come is only that.
    fn problem(self, error: UploadError) -> Problem {
        match (error, self.refusal, self.form.failure()) {
            (UploadError::Source(_), Some(refusal), _) => refusal,
            (UploadError::Source(_), None, Some(failure)) => form_problem(failure.clone()),
            (error, _, _) => upload_problem(error),
        }
    }
}

/// Writes the upload down, and gives back what was reserved beyond the bytes that were `moved`.
pub(super) async fn settle(peers: &HttpPeers<'_>, user_id: &str, uploaded: Uploaded, moved: u64) {
    let action = Action {
        at: Timestamp::from_ms(peers.context.clock.now_ms()),
        action: ActionKind::Upload,
        video_id: Some(uploaded.file.head.id.clone()),
        bytes: uploaded.file.object.size,
    };
    let reservations = &uploaded.reservations;
    let settled = peers
        .settle_bandwidth(user_id, reservations, moved, Some(action))
        .await;
    if let Err(error) = settled {
        peers.context.log.internal(
            Level::Warn,
            actions::Action::UsageUnsettled,
            error.to_string(),
            json!({ "video.id": uploaded.file.head.id }),
        );
    }
}

/// The declared media type; where a client declares none of its own, what the name's ending says.
pub(super) fn media_type(declared: Option<String>, name: &str) -> String {
    if let Some(declared) = declared.filter(|declared| declared != UNKNOWN_MEDIA_TYPE) {
        return declared;
    }
    let ending = name
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_ascii_lowercase());
    let known = match ending.as_deref() {
        Some("mp4" | "m4v") => "video/mp4",
        Some("mov") => "video/quicktime",
        Some("webm") => "video/webm",
        Some("mkv") => "video/x-matroska",
        _ => UNKNOWN_MEDIA_TYPE,
    };
    known.to_owned()
}

pub(super) fn bad_request(code: &'static str, error: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code, error)
}

pub(super) fn form_problem(error: FormError) -> Problem {
    match error {
        FormError::NoFilePart => bad_request("no_file_part", "No file part"),
        FormError::NoSelectedFile => bad_request("no_selected_file", "No selected file"),
        FormError::TwoFiles => bad_request("more_than_one_file", "More than one file part"),
        FormError::TooLarge => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "form_too_large",
            format!("A form may have {FIELDS_LIMIT} bytes besides its file"),
        ),
        FormError::Broken(_) => bad_request("malformed_form", MALFORMED).because(error),
        FormError::CutOff | FormError::Body(_) => bad_request(CUT_OFF, MALFORMED).because(error),
    }
}

/// What is told of a file that was not stored.
pub(super) fn upload_problem(error: UploadError) -> Problem {
    match error {
        UploadError::NameTaken => {
            Problem::conflict("file_exists", "File with the same name already exists.")
        }
        UploadError::StorageExceeded => {
            Problem::new(StatusCode::FORBIDDEN, "quota_exceeded", STORAGE_EXCEEDED)
        }
        UploadError::TooManyFiles => {
            Problem::new(StatusCode::FORBIDDEN, "too_many_files", STORAGE_EXCEEDED)
        }
        UploadError::BandwidthExceeded => Problem::new(
            StatusCode::FORBIDDEN,
            "bandwidth_exceeded",
            "Exceeds daily bandwidth limit, cannot upload video..!!",
        ),
        UploadError::UserGone => Problem::unauthenticated(Unauthenticated::Revoked).because(error),
        UploadError::Source(_) => bad_request(CUT_OFF, MALFORMED).because(error),
        UploadError::Expired => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            EXPIRED,
            "The upload took too long.",
        ),
        UploadError::Bucket(error) => bucket_problem(&error),
        UploadError::NameNotFreeYet | UploadError::Ledger(_) | UploadError::Peer(_) => {
            Problem::unavailable(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use spinreel_gcs::Error as BucketError;
    use spinreel_platform::TransportError;

    use super::*;
    use crate::domain::upload::SourceError;

    #[test]
    fn what_somebody_decided_is_refused_and_all_else_failed() {
        let cut = || "the connection failed".to_owned();
        for (problem, reason, failed) in [
            (upload_problem(UploadError::NameTaken), "file_exists", false),
            (
                upload_problem(UploadError::StorageExceeded),
                "quota_exceeded",
                false,
            ),
            (
                upload_problem(UploadError::BandwidthExceeded),
                "bandwidth_exceeded",
                false,
            ),
            (form_problem(FormError::NoFilePart), "no_file_part", false),
            (
                form_problem(FormError::Broken("a head is no UTF-8")),
                "malformed_form",
                false,
            ),
            (
                form_problem(FormError::TwoFiles),
                "more_than_one_file",
                false,
            ),
            (form_problem(FormError::TooLarge), "form_too_large", false),
            (form_problem(FormError::CutOff), CUT_OFF, true),
            (
                form_problem(FormError::Body(TransportError::Timeout)),
                CUT_OFF,
                true,
            ),
            (
                upload_problem(UploadError::Source(SourceError(cut()))),
                CUT_OFF,
                true,
            ),
            (upload_problem(UploadError::Expired), EXPIRED, true),
            (
                upload_problem(UploadError::Bucket(BucketError::PreconditionFailed)),
                "internal_error",
                true,
            ),
            (
                upload_problem(UploadError::NameNotFreeYet),
                "unavailable",
                true,
            ),
        ] {
            assert_eq!((problem.code, is_failure(&problem)), (reason, failed));
        }
    }

    #[test]
    fn a_name_tells_the_media_type_where_the_client_does_not() {
        for (declared, name, expected) in [
            (Some(UNKNOWN_MEDIA_TYPE), "a.MP4", "video/mp4"),
            (None, "a.MP4", "video/mp4"),
            (Some(UNKNOWN_MEDIA_TYPE), "a.webm", "video/webm"),
            (Some(UNKNOWN_MEDIA_TYPE), "a.txt", UNKNOWN_MEDIA_TYPE),
            (None, "mp4", UNKNOWN_MEDIA_TYPE),
            (Some("video/webm"), "a.mp4", "video/webm"),
        ] {
            assert_eq!(
                media_type(declared.map(str::to_owned), name),
                expected,
                "{declared:?} {name}"
            );
        }
    }
}
