//! usage-service: bandwidth, actions, alerts.

use serde_json::json;
use spinreel_api::alerts::Alert;
use spinreel_api::usage::{Action, DayUsage};

use crate::operation::{Access, Operation};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        today("/v1/usage/today", Access::User, "getOwnUsageToday"),
        daily("/v1/usage/daily", Access::User, "listOwnUsageByDay"),
        actions("/v1/usage/actions", Access::User, "listOwnActions"),
        Operation::new(
            "GET",
            "/v1/usage/alerts",
            Access::User,
            "listAlerts",
            "The own alerts, newest first",
        )
        .list()
        .answers_page::<Alert>("A page of alerts."),
        today("/v1/usage/users/:id/today", Access::Admin, "getUsageToday"),
        daily("/v1/usage/users/:id/daily", Access::Admin, "listUsageByDay"),
        actions("/v1/usage/users/:id/actions", Access::Admin, "listActions"),
    ]
}

fn today(path: &'static str, access: Access, id: &str) -> Operation {
    of_user(
        Operation::new("GET", path, access, id, "What was moved today (UTC)"),
        access,
    )
    .answers::<DayUsage>(200, "The day so far.")
}

fn daily(path: &'static str, access: Access, id: &str) -> Operation {
    let days = json!({"type": "integer", "minimum": 1, "maximum": 90, "default": 30});
    let page = json!({
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {
            "items": {"type": "array", "items": {"$ref": "#/components/schemas/DayUsage"}},
            "next_cursor": {"type": "null"}
        }
    });
    of_user(
        Operation::new(
            "GET",
            path,
            access,
            id,
            "What was moved, day by day, newest first",
        ),
        access,
    )
    .query("days", days, "How many days, today included.")
    .answers_json(200, "The days.", page)
    .refuses(
        422,
        &["invalid_request"],
        "A parameter is not what it must be.",
    )
}

fn actions(path: &'static str, access: Access, id: &str) -> Operation {
    of_user(
        Operation::new("GET", path, access, id, "What was done, newest first"),
        access,
    )
    .list()
    .answers_page::<Action>("A page of actions.")
}

/// What an admin asks of a user may be asked of one who is not there.
fn of_user(operation: Operation, access: Access) -> Operation {
    match access {
        Access::Admin => operation.refuses(404, &["not_found"], "There is no such user."),
        _ => operation,
    }
}
