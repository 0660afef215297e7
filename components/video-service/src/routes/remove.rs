use std::rc::Rc;

use http::StatusCode;
use serde::Serialize;
use serde_json::json as fields;
use spinreel_api::Timestamp;
use spinreel_api::actions::Action;
use spinreel_api::videos::Status;
use spinreel_http::{FieldError, Problem};
use spinreel_platform::Clock;
use spinreel_service::{Call, Context, Outcome, empty, json};

use super::change::check;
use crate::domain::catalogue::{page, try_update};
use crate::domain::conditions::IfMatch;
use crate::domain::ending;
use crate::domain::filter::Filter;
use crate::domain::record::Record;
use crate::routes::{end_later, ledger_problem, own_video, update_problem};

/// How many videos one call of `DELETE /v1/videos` removes at most.
const PAGE: usize = 50;
const DAY_MS: u64 = 86_400_000;

/// What one call of `DELETE /v1/videos` did.
#[derive(Debug, Serialize)]
struct Removed {
    /// Videos that it removed.
    removed: u64,
    /// Whether there are more: make the call again.
    more: bool,
}

/// `DELETE /v1/videos/{id}`: moves a video to the trash; `?permanent=true`: ends it. Harmless when repeated.
pub(crate) async fn remove(call: Call) -> Outcome {
    let record = own_video(&call).await?;
    let condition = IfMatch::of(&call.request.headers);
    let may = |record: &Record| {
        condition
            .iter()
            .try_for_each(|condition| check(condition, record))
    };
    may(&record)?;
    match is_permanent(&call)? {
        true => end(&call.context, &record.id, may).await?,
        false => trash(&call.context, &record.id, may).await?,
    };
    Ok(empty(StatusCode::NO_CONTENT))
}

/// `DELETE /v1/videos`: the same with all videos of the caller, the newest first, a page a call.
pub(crate) async fn remove_all(call: Call) -> Outcome {
    let context = &call.context;
    let owner = &call.caller.user()?.user_id;
    let is_permanent = is_permanent(&call)?;
    let now_ms = context.clock.now_ms();
    let (mut removed, mut below) = (0, None);
    let more = loop {
        // What is in the trash already has only to be ended.
        let filter = Filter {
            now_ms,
            any_status: is_permanent,
            ..Filter::default()
        };
        let page = page(&context.store, owner, below, PAGE, &filter)
            .await
            .map_err(ledger_problem)?;
        for record in &page.records {
            let nothing_asked = |_: &Record| Ok(());
            let done = match is_permanent {
                true => end(context, &record.id, nothing_asked).await?,
                false => trash(context, &record.id, nothing_asked).await?,
            };
            removed += u64::from(done);
        }
        below = page.next;
        if below.is_none() || removed > 0 {
            break below.is_some();
        }
    };
    json(StatusCode::OK, &Removed { removed, more })
}

fn is_permanent(call: &Call) -> Result<bool, Problem> {
    match call.request.query.get("permanent") {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::invalid(vec![FieldError::new(
            "permanent",
            "It is `true` or `false`.",
        )])),
    }
}

/// Moves a video to the trash, and says whether that is news.
async fn trash(
    context: &Context,
    id: &str,
    may: impl Fn(&Record) -> Result<(), Problem>,
) -> Result<bool, Problem> {
    let now_ms = context.clock.now_ms();
    let days = u64::try_from(context.settings.number("trash_days")).unwrap_or(0);
    let end_ms = now_ms.saturating_add(days.saturating_mul(DAY_MS));
    let mut is_news = false;
    let trashed = try_update(&context.store, &context.clock, id, |record| {
        may(record)?;
        is_news = record.status() != Status::Deleted;
        if is_news {
            record.deleted_at = Some(Timestamp::from_ms(now_ms));
            record.ends_at = Some(Timestamp::from_ms(end_ms));
        }
        Ok::<(), Problem>(())
    })
    .await
    .map_err(update_problem)?;
    if let Some(record) = trashed.transpose()?
        && is_news
    {
        context.log.info(
            Action::VideoTrashed,
            "A video was moved to the trash",
            fields!({ "video.id": id, "video.owner": record.stored.owner, "video.ends_at": record.ends_at }),
        );
    }
    Ok(is_news)
}

/// Marks a video as ending, and says whether that is news. The rest follows after the answer.
async fn end(
    context: &Rc<Context>,
    id: &str,
    may: impl Fn(&Record) -> Result<(), Problem>,
) -> Result<bool, Problem> {
    let begun = ending::begin(&context.store, &context.clock, id, may)
        .await
        .map_err(update_problem)?;
    let Some(record) = begun.transpose()? else {
        return Ok(false);
    };
    context.log.info(
        Action::VideoEnding,
        "A video ends for good",
        fields!({ "video.id": id, "video.owner": record.stored.owner }),
    );
    end_later(context, [record.id]);
    Ok(true)
}
