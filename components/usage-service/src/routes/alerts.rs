//! `GET /v1/usage/alerts` and `PUT /internal/usage/alerts/{id}`.

use std::rc::Rc;

use http::StatusCode;
use serde_json::json;
use spinreel_api::actions::Action;
use spinreel_api::alerts::{AlertKind, RaiseAlert};
use spinreel_api::logs::Level;
use spinreel_platform::Clock;
use spinreel_service::{Call, Context, Outcome, empty};

use super::{note_unsealed, problem, usage};
use crate::domain::validation::check_alert;
use crate::domain::{Nearing, alerts_list};

/// A page of the caller's alerts.
pub(crate) async fn own(call: Call) -> Outcome {
    let user = call.caller.user()?.user_id.clone();
    let query = &call.request.query;
    let limit = query.limit()?;
    let before = query.cursor::<u64>(&alerts_list(&user))?;
    let page = usage(&call.context)
        .alerts(&user, before, limit)
        .await
        .map_err(problem)?;
    spinreel_service::json(StatusCode::OK, &page)
}

/// Writes an alert down: 201 and a line in the user's log the first time, 200 when repeated.
pub(crate) async fn raise(mut call: Call) -> Outcome {
    let request: RaiseAlert = call.request.json().await?;
    let context = &call.context;
    let id = call.parameters.get("id");
    check_alert(id, &request, context.clock.now_ms())?;
    call.caller.must_be_about(&request.user_id)?;
    let raised = usage(context).raise(id, &request).await.map_err(problem)?;
    if raised.first {
        tell(context, id, &request);
    }
    if raised.full {
        let after = Rc::clone(context);
        context.after_answer(async move { seal(&after, &request.user_id).await });
    }
    Ok(empty(if raised.first {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    }))
}

/// Tells a user who has used most of what may be moved on a day, when the answer has been sent.
pub(super) fn report_later(context: &Rc<Context>, user: String, nearing: Nearing) {
    let after = Rc::clone(context);
    context.after_answer(async move {
        match usage(&after).report(&user, nearing).await {
            Ok(None) => {}
            Ok(Some(crossing)) => {
                if crossing.raised.first {
                    tell(&after, &crossing.id, &crossing.alert);
                }
                if crossing.raised.full {
                    seal(&after, &user).await;
                }
            }
            Err(error) => {
                let reason = error.to_string();
                after
                    .log
                    .internal(Level::Warn, Action::AlertUnsent, reason, json!({}));
            }
        }
    });
}

async fn seal(context: &Context, user: &str) {
    note_unsealed(context, usage(context).seal_alerts(user).await);
}

/// Puts an alert into its user's log.
fn tell(context: &Context, id: &str, alert: &RaiseAlert) {
    let (action, crossed) = match alert.kind {
        AlertKind::Storage => (Action::AlertStorage, "Storage crossed"),
        AlertKind::Bandwidth => (Action::AlertBandwidth, "The day's bandwidth crossed"),
    };
    let message = format!(
        "{crossed} {} % of its limit: {} of {} bytes are used",
        alert.threshold_percent, alert.used_bytes, alert.limit_bytes
    );
    context.log.set_user(&alert.user_id);
    context.log.warn(
        action,
        message,
        json!({
            "alert.id": id,
            "alert.threshold_percent": alert.threshold_percent,
            "alert.used_bytes": alert.used_bytes,
            "alert.limit_bytes": alert.limit_bytes,
        }),
    );
}
