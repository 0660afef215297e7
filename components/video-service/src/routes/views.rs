//! `POST /v1/videos/{id}/views`.

use std::rc::Rc;

use http::StatusCode;
use http::header::USER_AGENT;
use serde_json::json as fields;
use spinreel_api::actions::Action;
use spinreel_api::logs::Level;
use spinreel_service::{Call, Caller, Context, Outcome, empty};

use crate::domain::catalogue::UpdateError;
use crate::domain::pseudonym::Person;
use crate::domain::views::{self, Counted};
use crate::routes::{ledger_problem, playable_video};

/// A player says that it plays: counted once for each viewer and day.
pub(crate) async fn count(call: Call) -> Outcome {
    let record = playable_video(&call).await?;
    let context = &call.context;
    let address = context.client_address();
    let person = match &call.caller {
        Caller::User(user) => Person::User(&user.user_id),
        Caller::Anonymous | Caller::Service(_) => {
            Person::Address(address.and_then(|address| address.parse().ok()))
        }
    };
    let viewer = views::viewer(person, call.request.header(USER_AGENT));
    let (store, clock) = (&context.store, &context.clock);
    let counted = views::count(store, clock, &context.random, &record.id, &viewer)
        .await
        .map_err(ledger_problem)?;
    if let Some(counted) = counted {
        let after = Rc::clone(context);
        context.after_answer(async move {
            if let Err(error) = see_to(&after, &record.id, counted).await {
                log_failure(&after, &record.id, &error);
            }
        });
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

/// What nobody waits for after a view that was counted.
async fn see_to(context: &Context, id: &str, counted: Counted) -> Result<(), UpdateError> {
    let (store, clock) = (&context.store, &context.clock);
    let is_new_day = counted.is_new_day;
    views::confirm(store, clock, counted).await?;
    match is_new_day {
        true => views::fold(store, clock, id).await,
        false => Ok(()),
    }
}

/// Brings the views of days that are over into the record, when the answer has been sent.
pub(super) fn fold_later(context: &Rc<Context>, id: String) {
    let after = Rc::clone(context);
    context.after_answer(async move {
        if let Err(error) = views::fold(&after.store, &after.clock, &id).await {
            log_failure(&after, &id, &error);
        }
    });
}

fn log_failure(context: &Context, id: &str, error: &UpdateError) {
    context.log.internal(
        Level::Warn,
        Action::VideoViewsUnfolded,
        error.to_string(),
        fields!({ "video.id": id }),
    );
}
