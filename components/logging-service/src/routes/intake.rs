//! `POST /v1/logs`.

use std::rc::Rc;

use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;
use spinreel_api::actions::Action;
use spinreel_api::logs::Level;
use spinreel_http::Problem;
use spinreel_platform::Clock;
use spinreel_service::{Call, Caller, Outcome};

use super::{book, problem};
use crate::domain::batch::{Form, read};

/// Takes in a batch of another service: 202 with the number of entries, all of them or none.
pub(crate) async fn intake(mut call: Call) -> Outcome {
    let Caller::Service(service) = &call.caller else {
        return Err(Problem::forbidden());
    };
    let context = &call.context;
    let form = Form::of(call.request.header(CONTENT_TYPE));
    let bytes = call.request.bytes().await?;
    let entries = read(&bytes, form, &service.from, context.clock.now_ms())?;
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
