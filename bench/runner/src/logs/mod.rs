//! `logs`: what the log costs those who do not ask for it.
//!
//! - `hindrance`: requests while logging-service is healthy, gone, broken or slow

mod hindrance;

use anyhow::Result;
use serde_json::json;

use crate::report::{Report, Table};

/// Measures everything in one run.
pub(crate) async fn run() -> Result<Report> {
    let hindrance = hindrance::measure().await?;
    Ok(Report {
        name: "logs",
        table: Table {
            title: "logs: requests beside the log".to_owned(),
            heads: vec!["", "median", "lowest–highest", "× healthy"],
            rows: hindrance.rows(),
            notes: hindrance.notes(),
        },
        data: json!({ "hindrance": hindrance.data() }),
    })
}
