use serde_json::json as fields;
use spinreel_api::actions::Action;
use spinreel_http::Problem;
use spinreel_service::{Call, Outcome};

use crate::domain::catalogue::try_update;
use crate::domain::record::Record;
use crate::routes::{own_video, update_problem, video_answer};

/// `POST /v1/videos/{id}/restore`: takes a video out of the trash.
pub(crate) async fn restore(call: Call) -> Outcome {
    let record = own_video(&call).await?;
    let context = &call.context;
    let restored = try_update(&context.store, &context.clock, &record.id, take_out)
        .await
        .map_err(update_problem)?;
    let record = restored.ok_or_else(Problem::not_found)??;
    context.log.info(
        Action::VideoRestored,
        "A video came out of the trash",
        fields!({ "video.id": record.id, "video.owner": record.stored.owner }),
    );
    Ok(video_answer(&record)?.0)
}

fn take_out(record: &mut Record) -> Result<(), Problem> {
    if record.deleted_at.take().is_none() {
        return Err(Problem::conflict(
            "not_in_trash",
            "The video is not in the trash.",
        ));
    }
    record.ends_at = None;
    Ok(())
}
