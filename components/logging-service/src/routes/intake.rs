//! `POST /v1/logs`.

use std::rc::Rc;

use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;
use spinreel_api::actions::Action;
use spinreel_api::logs::Level;
use spinreel_http::Problem;
use spinreel_platform::Clock;
use spinreel_service::{Call, LOG_BEHIND, Outcome};

use super::{book, problem};
use crate::domain::batch::{Form, read};

/// Takes in a batch of another service: 202 with the number of entries, all of them or none; 503 at once where the store
/// lets others wait so long that the caller would give up.
pub(crate) async fn intake(mut call: Call) -> Outcome {
    let context = &call.context;
    let began_ms = context.clock.now_ms();
    // A read waits in the same queue as a write, and costs nothing else.
    book(context).look().await.map_err(problem)?;
    let waited_ms = context.clock.now_ms().saturating_sub(began_ms);
    let wait_ms = u64::try_from(context.settings.number("log_wait_ms")).unwrap_or(0);
    if is_behind(waited_ms, wait_ms) {
        return Err(Problem {
            code: LOG_BEHIND,
            ..Problem::unavailable(format!("a read took {waited_ms} ms"))
        });
    }
    let form = Form::of(call.request.header(CONTENT_TYPE));
    let bytes = call.request.bytes().await?;
    let entries = read(&bytes, form, context.clock.now_ms())?;
    let accepted = entries.len();
    let full = book(context).append(&entries).await.map_err(problem)?;
    if full {
        let after = Rc::clone(context);
        context.after_answer(async move {
            if let Err(error) = book(&after).tidy().await {
                after.log.internal(
                    Level::Warn,
                    Action::LogsTidyFailed,
                    error.to_string(),
                    json!({}),
                );
            }
        });
    }
    spinreel_service::json(StatusCode::ACCEPTED, &json!({ "accepted": accepted }))
}

/// Whether a caller that waits `wait_ms` for all of it would probably give up, where a read alone took `waited_ms`: two
/// writes are to follow.
fn is_behind(waited_ms: u64, wait_ms: u64) -> bool {
    waited_ms.saturating_mul(3) >= wait_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_that_took_a_third_of_the_callers_time_is_too_long() {
        for (waited_ms, wait_ms, expected) in [
            (0, 250, false),
            (83, 250, false),
            (84, 250, true),
            (0, 0, true),
        ] {
            assert_eq!(is_behind(waited_ms, wait_ms), expected, "{waited_ms}");
        }
    }
}
