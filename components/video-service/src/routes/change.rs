use http::StatusCode;
use serde_json::{Map, Value, json as fields};
use spinreel_api::Timestamp;
use spinreel_api::actions::Action;
use spinreel_http::Problem;
use spinreel_platform::Clock;
use spinreel_service::{Call, Outcome};

use crate::domain::catalogue::try_update;
use crate::domain::conditions::IfMatch;
use crate::domain::edits::Edits;
use crate::domain::record::Record;
use crate::routes::{own_video, update_problem, version, video_answer};

/// `PATCH /v1/videos/{id}`: changes title, description, tags or visibility of the version that `If-Match` names.
pub(crate) async fn change(mut call: Call) -> Outcome {
    let object: Map<String, Value> = call.request.json().await?;
    let record = own_video(&call).await?;
    let condition = IfMatch::of(&call.request.headers).ok_or_else(condition_missing)?;
    check(&condition, &record)?;
    let edits = Edits::read(&object).map_err(Problem::invalid)?;
    let context = &call.context;
    let now = Timestamp::from_ms(context.clock.now_ms());
    let before = record.visibility;
    let changed = try_update(&context.store, &context.clock, &record.id, |record| {
        // Another change may have come first.
        check(&condition, record)?;
        edits.apply(record, now);
        Ok::<(), Problem>(())
    })
    .await
    .map_err(update_problem)?;
    let record = changed.ok_or_else(Problem::not_found)??;
    context.log.info(
        Action::VideoChanged,
        "A video was changed",
        fields!({
            "video.id": record.id,
            "video.owner": record.stored.owner,
            "video.visibility": record.visibility,
            "video.visibility_before": before,
        }),
    );
    Ok(video_answer(&record)?.0)
}

/// Whether the condition names this version: as it is now, or as it was before it was known what the file is. Nobody made
/// that change.
pub(super) fn check(condition: &IfMatch, record: &Record) -> Result<(), Problem> {
    let holds = |record: &Record| -> Result<bool, Problem> {
        Ok(condition.holds(&version(&record.to_video())?))
    };
    match holds(record)? || holds(&record.uninspected())? {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "precondition_failed",
            "The video is not the version that If-Match names: get it anew.",
        )),
    }
}

fn condition_missing() -> Problem {
    Problem::new(
        StatusCode::PRECONDITION_REQUIRED,
        "precondition_required",
        "This needs If-Match with the entity tag of the version that is to be changed.",
    )
}
