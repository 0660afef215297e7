//! The service's handlers, and the sink for its own lines.

pub(crate) mod health;
pub(crate) mod intake;
pub(crate) mod list;
pub(crate) mod overall;
pub(crate) mod own;

use spinreel_http::Problem;
use spinreel_ledger::LedgerError;
use spinreel_service::{Context, WasiClock, WasiStore};

use crate::domain::book::Book;

/// The domain on the request's surroundings.
fn book(context: &Context) -> Book<'_, WasiStore, WasiClock> {
    let days = context.settings.number("log_retention_days");
    Book::new(
        &context.store,
        &context.clock,
        u64::try_from(days).unwrap_or(0),
    )
}

/// What an error of the domain is for a client.
fn problem(error: LedgerError) -> Problem {
    match error {
        LedgerError::Corrupt { .. } => Problem::internal(error),
        LedgerError::Store(_) => Problem::unavailable(error),
    }
}
