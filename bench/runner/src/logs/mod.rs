//! `logs`: what the log costs, those who ask for it and those who do not.
//!
//! - `volume`: lines coming in, pages of few and of many, the room that they need; `lines`: these lines; `table`: the peer
//! - `hindrance`: requests while logging-service is healthy, gone, broken or slow

mod hindrance;
mod lines;
mod table;
mod volume;

use anyhow::Result;
use serde_json::json;

use crate::report::{Report, Table};

/// Measures everything in one run.
pub(crate) async fn run() -> Result<Report> {
    let volume = volume::measure().await?;
    let hindrance = hindrance::measure().await?;
    let mut rows = volume.rows();
    rows.extend(hindrance.rows());
    let mut notes = volume.notes();
    notes.extend(hindrance.notes());
    Ok(Report {
        name: "logs",
        table: Table {
            title: "logs: the log, and requests beside it".to_owned(),
            heads: vec!["", "median", "lowest–highest", "beside its peer"],
            rows,
            notes,
        },
        data: json!({ "volume": volume.data(), "hindrance": hindrance.data() }),
    })
}
