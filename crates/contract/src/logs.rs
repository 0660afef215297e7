//! logging-service: log lines in and out.

use serde_json::json;
use spinreel_api::logs::LogEntry;

use crate::operation::{Access, Operation};

pub(crate) fn operations() -> Vec<Operation> {
    let accepted = json!({
        "type": "object", "required": ["accepted"], "properties": {"accepted": {"type": "integer"}}
    });
    let batch = json!({
        "type": "array", "maxItems": 1000, "items": {"$ref": "#/components/schemas/LogEntry"}
    });
    vec![
        Operation::new(
            "POST",
            "/v1/logs",
            Access::Service,
            "appendLogs",
            "Hand log lines over",
        )
        .takes_json(batch)
        .answers_json(202, "They are taken.", accepted)
        .refuses(503, &["log_behind"], "The log has more to do than it can."),
        filtered(
            Operation::new("GET", "/v1/logs", Access::User, "listLogs", "Log lines")
                .describes("Admins see all, users those about themselves.")
                .list(),
        )
        .answers_page::<LogEntry>("A page of lines."),
        filtered(Operation::new(
            "GET",
            "/v1/logs/export",
            Access::User,
            "exportLogs",
            "All log lines that the list would show, oldest first",
        ))
        .answers_bytes(200, "A line of JSON for each.", &["application/x-ndjson"])
        .refuses(
            422,
            &["invalid_request"],
            "A parameter is not what it must be.",
        ),
        filtered(Operation::new(
            "GET",
            "/v1/logs/tail",
            Access::Admin,
            "tailLogs",
            "Log lines as they arrive (Server-Sent Events)",
        ))
        .header("Last-Event-ID", false, "Goes on after that event.")
        .answers_bytes(200, "An event for each line.", &["text/event-stream"])
        .refuses(
            422,
            &["invalid_request"],
            "A parameter is not what it must be.",
        ),
    ]
}

/// The parameters by which lines are chosen.
fn filtered(operation: Operation) -> Operation {
    let text = || json!({"type": "string"});
    let time = || json!({"type": "string", "format": "date-time"});
    operation
        .query("service", text(), "The component's id.")
        .query(
            "level",
            json!({"type": "string", "enum": ["debug", "info", "warn", "error"]}),
            "That one or worse.",
        )
        .query("action", text(), "What was done.")
        .query("user_id", text(), "Whom it is about.")
        .query("request_id", text(), "The request that it belongs to.")
        .query("since", time(), "Not before that.")
        .query("until", time(), "Before that.")
        .query("q", text(), "A part of the message, in any case.")
        .query(
            "order",
            json!({"type": "string", "enum": ["desc", "asc"], "default": "desc"}),
            "`asc`: the oldest first.",
        )
}
