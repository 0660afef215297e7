//! Everything that a reader looks for, as it stands at one moment.

use spinreel_api::logs::LogEntry;
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, Store};

use super::{Book, Position};
use crate::domain::index::Direction;
use crate::domain::search::Search;

/// The most entries of one step.
const LIMIT: usize = 200;

/// A walk from the oldest entry to the one that was the newest when it began.
#[derive(Debug, Clone)]
pub struct Export {
    search: Search,
    head: u64,
    /// Where the next step begins; `None` at the end.
    from: Option<Position>,
}

impl Export {
    /// Begins; the order that the filter says does not count.
    pub async fn begin<S: Store, C: Clock>(
        book: &Book<'_, S, C>,
        search: Search,
    ) -> Result<Self, LedgerError> {
        Ok(Self {
            search,
            head: book.journal.head(book.store).await?,
            from: Some(Position::BEGINNING),
        })
    }

    /// The next entries, a bounded number and perhaps none; `None` at the end.
    pub async fn next<S: Store, C: Clock>(
        &mut self,
        book: &Book<'_, S, C>,
    ) -> Result<Option<Vec<LogEntry>>, LedgerError> {
        let Some(from) = self.from else {
            return Ok(None);
        };
        let found = book
            .walk(&self.search, Direction::Up, from, self.head, LIMIT)
            .await?;
        self.from = found.next;
        Ok(Some(
            found.items.into_iter().map(|(_, entry)| entry).collect(),
        ))
    }
}
