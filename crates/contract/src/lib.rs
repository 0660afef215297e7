#![forbid(unsafe_code)]
//! The public HTTP contract as an [OpenAPI 3.1](https://spec.openapis.org/oas/v3.1.1.html) document, and as a page.
//!
//! # Layout
//! - [`operations`]: every public route, described in a module for each group.
//! - [`document`]: the whole of it; [`page`]: the same for people.
//!
//! What is said of a type (members, what they mean) is said at the type, in `spinreel-api`.

mod accounts;
mod health;
mod legacy;
mod logs;
mod operation;
mod page;
mod uploads;
mod usage;
mod videos;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

pub use operation::{Access, Operation};
pub use page::page;

/// A group of operations: its name, what it is about, and the operations.
pub type Group = (&'static str, &'static str, Vec<Operation>);

/// Every public route, in groups.
pub fn operations() -> Vec<Group> {
    vec![
        (
            "Accounts",
            "Signing up, sessions, the own account, and what admins do with others'.",
            accounts::operations(),
        ),
        (
            "Videos",
            "The catalogue: what a video is called, who may see it, and its bytes.",
            videos::operations(),
        ),
        (
            "Uploads",
            "Bytes that come in over many requests: tus 1.0.0, and the IETF draft at the same addresses.",
            uploads::operations(),
        ),
        (
            "Legacy storage",
            "The contract of older clients: uploads as forms, deletion by name, the status.",
            legacy::operations(),
        ),
        (
            "Usage",
            "What was moved in a day, what was done, and alerts.",
            usage::operations(),
        ),
        (
            "Logs",
            "What happened, for admins and for those whom it is about.",
            logs::operations(),
        ),
        (
            "Health",
            "Whether it works, and how much it has to do.",
            health::operations(),
        ),
    ]
}

/// The OpenAPI document.
pub fn document() -> Value {
    let mut schemas = operation::Schemas::new();
    schemas.insert("Problem".to_owned(), problem());
    let mut tags = Vec::new();
    let mut paths: Map<String, Value> = Map::new();
    for (name, about, operations) in operations() {
        tags.push(json!({"name": name, "description": about}));
        for operation in operations {
            let method = operation.key();
            let (path, operation) = operation.into_document(name, &mut schemas);
            let path = paths.entry(path).or_insert_with(|| json!({}));
            path[method] = operation;
        }
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Spinreel",
            "summary": "The backend of a short-video application",
            "description": "Sizes are bytes, times are RFC 3339 in UTC, ids are opaque. Every answer has `X-Request-Id`. \
                Unknown members and query parameters are ignored. A wrong method is 405 with `Allow`.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}
        },
        "servers": [{"url": "/"}],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "accessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "An access token of `POST /v1/sessions` (RFC 9068), good for 15 minutes."},
                "serviceToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "Services call each other with it."},
                "metricsToken": {"type": "http", "scheme": "bearer",
                    "description": "The value of the variable `metrics_token`."}
            }
        }
    });
    tidy(&mut document);
    document
}

/// An error (RFC 9457), as `spinreel-http` writes it.
fn problem() -> Value {
    json!({
        "type": "object",
        "description": "An error (RFC 9457).",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "A sentence for a person."},
            "code": {"type": "string", "description": "A stable word for a program.", "pattern": "^[a-z_]+$"},
            "request_id": {"type": "string", "description": "The request's id in the log."},
            "errors": {
                "type": "array",
                "description": "What is wrong, member by member (422).",
                "items": {
                    "type": "object",
                    "required": ["field", "detail"],
                    "properties": {"field": {"type": "string"}, "detail": {"type": "string"}}
                }
            }
        }
    })
}

/// Descriptions come from the types' documentation, where a link to another item stands in brackets: here it is a name.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" => {
                        *text = text.replace("[`", "`").replace("`]", "`");
                    }
                    member => tidy(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// Methods and paths of every public route that is described, as lists of routes name them, with who may call it.
pub fn routes() -> BTreeSet<(String, String, &'static str)> {
    let operations = operations()
        .into_iter()
        .flat_map(|(_, _, operations)| operations);
    operations
        .map(|operation| {
            let path = operation.path.to_owned();
            (operation.method.to_owned(), path, operation.access.name())
        })
        .collect()
}
