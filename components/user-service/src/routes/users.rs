use http::StatusCode;
use serde_json::json as fields;
use spinreel_api::Page;
use spinreel_api::accounts::{ChangeUser, ManagedUser};
use spinreel_api::actions::Action;
use spinreel_http::query::encode_cursor;
use spinreel_http::{FieldError, Problem};
use spinreel_service::{Call, Context, Outcome, json};

use super::{unavailable, unchanged};
use crate::domain::administration::{ManageError, Managed, manage};
use crate::domain::directory;
use crate::peers::HttpPeers;

/// The name of the list in its cursors.
const LIST: &str = "users";
/// The highest limit, in bytes: beyond, numbers of JSON are not exact everywhere (RFC 8259, section 6).
const MAX_LIMIT: u64 = 1 << 53;

/// `GET /v1/users`: all accounts, newest first.
pub(crate) async fn list(call: Call) -> Outcome {
    let limit = call.request.query.limit()?;
    let before: Option<u64> = call.request.query.cursor(LIST)?;
    let context = &call.context;
    let page = directory::page(&context.store, &context.clock, before, limit)
        .await
        .map_err(unavailable)?;
    let answer: Page<ManagedUser> = Page {
        items: page.accounts,
        next_cursor: page.next.map(|next| encode_cursor(LIST, next)),
    };
    json(StatusCode::OK, &answer)
}

/// `PATCH /v1/users/{id}`: changes an account's role, its limits, or whether it is disabled.
pub(crate) async fn change(mut call: Call) -> Outcome {
    let wishes: ChangeUser = call.request.json().await?;
    check_limits(&wishes)?;
    let context = &call.context;
    let admin_id = &call.caller.user()?.user_id;
    let ids = (admin_id.as_str(), call.parameters.get("id"));
    let peers = HttpPeers(context);
    let managed = manage(&context.store, &context.clock, &peers, ids, &wishes)
        .await
        .map_err(refused)?;
    log_changes(context, admin_id, &managed);
    json(StatusCode::OK, &managed.after.managed())
}

fn check_limits(wishes: &ChangeUser) -> Result<(), Problem> {
    let limits = [
        ("storage_limit", wishes.storage_limit),
        ("bandwidth_limit", wishes.bandwidth_limit),
    ];
    let errors: Vec<_> = limits
        .into_iter()
        .filter(|(_, limit)| limit.flatten().is_some_and(|limit| limit > MAX_LIMIT))
        .map(|(field, _)| FieldError::new(field, format!("must be at most {MAX_LIMIT}")))
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Problem::invalid(errors))
    }
}

fn refused(error: ManageError) -> Problem {
    match error {
        ManageError::OwnAccount => Problem::conflict(
            "own_account",
            "Admins can neither disable nor demote themselves.",
        ),
        ManageError::Peer(failure) => Problem::unavailable(failure),
        ManageError::Change(error) => unchanged(error, Problem::not_found),
    }
}

/// The lines are about the user whose account it is, who may read them: they name the admin, but not where from.
fn log_changes(context: &Context, admin_id: &str, managed: &Managed) {
    let Managed { before, after } = managed;
    let name = &after.username;
    let line = |action, message: String, mut fields: serde_json::Value| {
        fields["actor.id"] = admin_id.into();
        context.log.info(action, message, fields);
    };
    context.log.set_user(&after.id);
    if before.role != after.role {
        line(
            Action::UserRoleChanged,
            format!("{name} has another role now"),
            fields!({ "user.role": after.role, "user.role_before": before.role }),
        );
    }
    match (before.disabled, after.disabled) {
        (false, true) => line(
            Action::UserDisabled,
            format!("{name} was disabled"),
            fields!({}),
        ),
        (true, false) => line(
            Action::UserEnabled,
            format!("{name} was enabled again"),
            fields!({}),
        ),
        _ => {}
    }
    if (before.storage_limit, before.bandwidth_limit)
        != (after.storage_limit, after.bandwidth_limit)
    {
        line(
            Action::UserLimitsChanged,
            format!("{name} has other limits now"),
            fields!({
                "storage.limit_bytes": after.storage_limit,
                "bandwidth.limit_bytes": after.bandwidth_limit,
            }),
        );
    }
    context.log.set_user(admin_id);
}
