//! `POST /internal/usage/sweep`, and what every other request does for the webhook.

use std::rc::Rc;

use http::StatusCode;
use serde_json::json as fields;
use spinreel_api::Timestamp;
use spinreel_api::actions::Action;
use spinreel_api::logs::Level;
use spinreel_api::operations::{Sweep, SweptUsage};
use spinreel_ledger::LedgerError;
use spinreel_service::{Call, Context, Outcome, json};

use super::problem;
use crate::domain::UsageError;
use crate::domain::webhook::{Endpoint, Event, Outcome as Delivery, Run, Webhooks};

/// Wraps a handler so that what is due to the webhook is sent when its request has been answered, after all else that
/// the handler put off until then.
macro_rules! delivering {
    ($function:path) => {
        |call| {
            ::std::boxed::Box::pin(async move {
                let context = ::std::rc::Rc::clone(&call.context);
                let outcome = $function(call).await;
                $crate::routes::webhook::deliver_later(&context);
                outcome
            })
        }
    };
}
pub(crate) use delivering;

/// Where alerts are sent to; `None` where there is no webhook.
pub(super) fn endpoint(context: &Context) -> Option<Endpoint> {
    let text = |name| context.settings.text(name);
    Endpoint::new(
        text("alert_webhook_origin"),
        text("alert_webhook_path"),
        text("alert_webhook_secret"),
    )
}

/// Sends what is due, and answers how many that were.
pub(crate) async fn sweep(mut call: Call) -> Outcome {
    let request: Sweep = call.request.json_or_default().await?;
    let run = deliver(&call.context, request.offline)
        .await
        .map_err(|error| problem(UsageError::from(error)))?;
    let count = |is: fn(&Delivery) -> bool| {
        let those = run.events.iter().filter(|event| is(&event.outcome));
        those.count() as u64
    };
    let swept = SweptUsage {
        delivered: count(|outcome| matches!(outcome, Delivery::Delivered { .. })),
        failed: count(|outcome| matches!(outcome, Delivery::Failed { .. })),
        dropped: count(|outcome| {
            matches!(
                outcome,
                Delivery::GaveUp { .. } | Delivery::Gone | Delivery::Dropped
            )
        }),
        more: run.more,
    };
    json(StatusCode::OK, &swept)
}

/// Sends what is due when the answer has been sent.
pub(crate) fn deliver_later(context: &Rc<Context>) {
    let after = Rc::clone(context);
    context.after_answer(async move {
        if let Err(error) = deliver(&after, false).await {
            let reason = error.to_string();
            after.log.internal(
                Level::Error,
                Action::AlertDeliveriesFailed,
                reason,
                fields!({}),
            );
        }
    });
}

async fn deliver(context: &Context, offline: bool) -> Result<Run, LedgerError> {
    let Some(endpoint) = endpoint(context) else {
        return Ok(Run::default());
    };
    let webhooks = Webhooks {
        store: &context.store,
        clock: &context.clock,
        random: &context.random,
        http: &context.http,
        endpoint: &endpoint,
        offline,
    };
    let run = webhooks.deliver_due().await?;
    for event in &run.events {
        tell(context, event);
    }
    Ok(run)
}

/// Puts what happened into the log, for operators.
fn tell(context: &Context, event: &Event) {
    let attempts = event.attempts;
    let mut fields = fields!({
        "webhook.id": event.webhook_id,
        "alert.id": event.alert_id,
        "webhook.attempt": attempts,
    });
    let (level, action, message) = match &event.outcome {
        Delivery::Delivered { status } => {
            fields["http.status"] = (*status).into();
            let message = format!("An alert was delivered at attempt {attempts}");
            (Level::Info, Action::AlertDelivered, message)
        }
        Delivery::Failed { reason, next_ms } => {
            let next = Timestamp::from_ms(*next_ms);
            fields["webhook.next_at"] = next.to_string().into();
            let message = format!(
                "Attempt {attempts} to deliver an alert failed: {reason}; the next one is at {next}"
            );
            (Level::Warn, Action::AlertDeliveryFailed, message)
        }
        Delivery::GaveUp { reason } => {
            let message = format!("An alert was given up after {attempts} attempts: {reason}");
            (Level::Error, Action::AlertGaveUp, message)
        }
        Delivery::Gone => {
            let message = "The webhook's receiver says that it is gone: nothing more is sent to it";
            (Level::Error, Action::AlertEndpointGone, message.to_owned())
        }
        Delivery::Dropped => {
            let message = "An alert was not delivered, as the webhook's receiver is gone";
            (Level::Warn, Action::AlertEndpointGone, message.to_owned())
        }
    };
    context.log.internal(level, action, message, fields);
}
