//! `POST /internal/storage/forms`: a form with a file, passed on by the catalogue as it comes.

use std::rc::Rc;

use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json as fields};
use spinreel_api::actions;
use spinreel_api::videos::Details;
use spinreel_http::Problem;
use spinreel_service::{Call, Context, Outcome, RequestBody, json, judge_session};

use super::upload::{bad_request, form_problem, log_unstored, media_type, settle, upload_problem};
use super::uploads::details;
use super::{report_use, storage, tidy_after};
use crate::domain::file_name;
use crate::domain::record::{Owner, Purpose, VideoHead, is_user_id};
use crate::domain::upload::{FileSource, NewFile, SourceError, UploadError};
use crate::multipart::{Form, boundary};
use crate::peers::HttpPeers;

/// The fields that say something of the video.
const FIELDS: &[&str] = &["title", "description", "tags", "visibility"];

/// Stores the form's file as the video `id`, and tells the catalogue what its fields say: 201. As for the public call, the
/// session of the user is judged once more before the last bytes are stored.
pub async fn store(call: Call) -> Outcome {
    let context = call.context.clone();
    let outcome = take(call).await;
    if let Err(problem) = &outcome {
        log_unstored(&context, problem);
    }
    outcome
}

async fn take(mut call: Call) -> Outcome {
    let context = call.context.clone();
    let query = &call.request.query;
    let text = |name: &str| query.get(name).unwrap_or_default().to_owned();
    let (id, session_id) = (text("id"), text("session_id"));
    let owner = Owner {
        user_id: text("user_id"),
        username: text("username"),
    };
    if !is_user_id(&id) || !is_user_id(&owner.user_id) || !is_prefix(&owner.username) {
        return Err(Problem::malformed("The call names no video or no user."));
    }
    call.caller.must_be_about(&owner.user_id)?;
    let content_type = call.request.header(CONTENT_TYPE);
    let boundary = boundary(content_type).map_err(form_problem)?;
    let mut form = Form::new(&boundary, call.request.take_body()?).keeping(FIELDS);
    let head = form.find_file().await.map_err(form_problem)?;
    if !file_name::is_valid(&head.name) {
        return Err(bad_request("invalid_file_name", "Invalid file name"));
    }
    let file = NewFile {
        id,
        purpose: Purpose::Video,
        expected: head.expected_size(call.request.content_length(), &boundary),
        content_type: media_type(head.content_type, &head.name),
        name: head.name,
        video: VideoHead::default(),
    };
    let mut source = Judged {
        form,
        context: &context,
        user_id: &owner.user_id,
        session_id: &session_id,
        details: None,
        refusal: None,
    };
    // What came before the file is checked before it is taken.
    source.check().await?;
    let uploaded = storage(&context)?.upload(&owner, file, &mut source).await;
    let uploaded = uploaded.map_err(|error| source.problem(error))?;
    let size = uploaded.file.object.size;
    context.log.info(
        actions::Action::FileUploaded,
        format!("Stored {size} bytes"),
        fields!({ "video.id": uploaded.file.head.id, "file.bytes": size }),
    );
    let answer = fields!({ "id": uploaded.file.head.id });
    let (user_id, number, after) = (owner.user_id, uploaded.number, context.clone());
    context.after_answer(async move {
        settle(&HttpPeers::new(&after), &user_id, uploaded, size).await;
        report_use(&after, &user_id).await;
        tidy_after(&after, &user_id, number).await;
    });
    json(StatusCode::CREATED, &answer)
}

/// Whether a text can begin the names of a user's objects.
fn is_prefix(username: &str) -> bool {
    !username.starts_with('.') && file_name::is_valid(username)
}

/// A form's file that has come to its end only if its user is still let in then, and the fields make sense.
struct Judged<'a> {
    form: Form<RequestBody>,
    context: &'a Rc<Context>,
    user_id: &'a str,
    session_id: &'a str,
    details: Option<Details>,
    refusal: Option<Problem>,
}

impl Judged<'_> {
    /// Has the catalogue look at the fields that came.
    async fn check(&mut self) -> Result<(), Problem> {
        let said = said(self.form.fields())?;
        self.details = details::checked(self.context, self.user_id, said).await?;
        Ok(())
    }

    async fn judge(&mut self) -> Result<(), Problem> {
        judge_session(self.context, self.user_id, self.session_id).await?;
        self.check().await
    }

    /// What the client is told. What the domain knows of a file that did not come is only that.
    fn problem(self, error: UploadError) -> Problem {
        match (error, self.refusal, self.form.failure()) {
            (UploadError::Source(_), Some(refusal), _) => refusal,
            (UploadError::Source(_), None, Some(failure)) => form_problem(failure.clone()),
            (error, _, _) => upload_problem(error),
        }
    }
}

impl FileSource for Judged<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        let next = self.form.next().await?;
        if next.is_none()
            && let Err(refusal) = self.judge().await
        {
            let reason = refusal.code.to_owned();
            self.refusal = Some(refusal);
            return Err(SourceError(reason));
        }
        Ok(next)
    }

    fn details(&self) -> Option<Details> {
        self.details.clone()
    }
}

/// The fields as the members of an object. Tags come as fields of their own, as a list with commas between them, or as a
/// list in JSON; of the others, each comes once.
fn said(fields: &[(&'static str, String)]) -> Result<Map<String, Value>, Problem> {
    let mut said = Map::new();
    let mut tags = Vec::new();
    for (name, value) in fields {
        if *name == "tags" {
            match serde_json::from_str(value) {
                Ok(Value::Array(list)) => tags.extend(list),
                _ => tags.extend(listed(value)),
            }
            said.insert((*name).to_owned(), Value::Null);
        } else if said
            .insert((*name).to_owned(), Value::from(value.clone()))
            .is_some()
        {
            let detail = format!("The field {name} comes twice.");
            return Err(bad_request("malformed_form", &detail));
        }
    }
    if let Some(list) = said.get_mut("tags") {
        *list = Value::from(tags);
    }
    Ok(said)
}

fn listed(text: &str) -> impl Iterator<Item = Value> {
    let tags = text.split(',').map(str::trim);
    tags.filter(|tag| !tag.is_empty()).map(Value::from)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tags_come_one_by_one_or_as_a_list() {
        let field = |name, value: &str| (name, value.to_owned());
        for fields in [
            &[field("tags", "sea"), field("tags", "two words")][..],
            &[field("tags", "sea, two words,")],
            &[field("tags", r#"["sea", "two words"]"#)],
        ] {
            let expected = fields!({ "tags": ["sea", "two words"] });
            assert_eq!(Value::from(said(fields).unwrap()), expected);
        }
        let fields = [field("title", "A"), field("visibility", "public")];
        let expected = fields!({ "title": "A", "visibility": "public" });
        assert_eq!(Value::from(said(&fields).unwrap()), expected);
        let twice = [field("title", "A"), field("title", "B")];
        assert_eq!(said(&twice).unwrap_err().code, "malformed_form");
    }
}
