//! The service's handlers, and the sink for its own lines.

pub(crate) mod export;
pub(crate) mod health;
pub(crate) mod intake;
pub(crate) mod list;
pub(crate) mod metrics;
pub(crate) mod overall;
pub(crate) mod own;
pub(crate) mod tail;

use spinreel_http::Problem;
use spinreel_ledger::LedgerError;
use spinreel_service::{Call, Context, WasiClock, WasiStore};

use crate::domain::book::{Book, Retention};
use crate::domain::class::Class;
use crate::domain::filter::{Filter, Reader};
use crate::domain::search::Search;

/// The domain on the request's surroundings.
fn book(context: &Context) -> Book<'_, WasiStore, WasiClock> {
    let number = |name| u64::try_from(context.settings.number(name)).unwrap_or(0);
    let retention = Retention {
        days: number("log_retention_days"),
        entries: Class::ALL.map(|class| match class {
            Class::Access => number("log_retention_access_entries"),
            Class::Event => number("log_retention_entries"),
            Class::Audit => number("log_retention_audit_entries"),
        }),
    };
    Book::new(&context.store, &context.clock, retention)
}

/// What the caller asks for, of what it may see: an admin everything, a user the entries about itself.
fn search(call: &Call) -> Result<Search, Problem> {
    let reader = match call.caller.is_admin() {
        true => Reader::Admin,
        false => Reader::User(call.caller.user()?.user_id.clone()),
    };
    Ok(Search::new(
        reader,
        Filter::from_query(&call.request.query)?,
    ))
}

/// What an error of the domain is for a client.
fn problem(error: LedgerError) -> Problem {
    match error {
        LedgerError::Corrupt { .. } => Problem::internal(error),
        LedgerError::Store(_) => Problem::unavailable(error),
    }
}
