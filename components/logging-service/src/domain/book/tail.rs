//! Entries as they arrive.

use spinreel_api::logs::LogEntry;
use spinreel_ledger::{LedgerError, SEGMENT};
use spinreel_platform::{Clock, Store};

use super::{Book, Position};
use crate::domain::index::Direction;
use crate::domain::journal::Block;
use crate::domain::search::Search;

/// How long a reader waits for a cell whose number was given to a writer, in milliseconds: writers fill them within
/// a few. What comes later than that is in the log, but not in this reader's tail.
const PATIENCE_MS: u64 = 2_000;
/// The most entries of one look.
const LIMIT: usize = 200;

/// A reader that follows the log.
#[derive(Debug, Clone)]
pub struct Tail {
    at: Position,
    /// The first cell that is still empty although a later number was given, and when that was noticed.
    gap: Option<(u64, u64)>,
}

/// What one look brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Entries with their positions, in the order of their arrival.
    pub items: Vec<(Position, LogEntry)>,
    /// Whether there may be more at once.
    pub more: bool,
}

impl Tail {
    /// Follows from a position on, which need not exist; from now on where there is none.
    pub async fn begin<S: Store, C: Clock>(
        book: &Book<'_, S, C>,
        after: Option<Position>,
    ) -> Result<Self, LedgerError> {
        let head = Position::after(book.journal.head(book.store).await?);
        let at = after.map_or(head, |after| after.min(head));
        Ok(Self { at, gap: None })
    }

    /// Where the reader stands: everything before was seen.
    pub fn position(&self) -> Position {
        self.at
    }

    /// What has arrived since the last look, of what `search` is for; a bounded part of it.
    pub async fn look<S: Store, C: Clock>(
        &mut self,
        book: &Book<'_, S, C>,
        search: &Search,
    ) -> Result<Arrived, LedgerError> {
        let head = book.journal.head(book.store).await?;
        // What is sealed changes no more, and is looked up as by any other reader.
        let sealed = book.journal.sealed(book.store).await? * SEGMENT;
        if self.at < Position::after(sealed) {
            let found = book
                .walk(search, Direction::Up, self.at, sealed, LIMIT)
                .await?;
            self.at = found.next.unwrap_or(Position::after(sealed));
            let mut items = found.items;
            items.sort_by_key(|(position, _)| *position);
            return Ok(Arrived { items, more: true });
        }
        let first = match self.at {
            Position(cell, u32::MAX) => cell + 1,
            Position(cell, _) => cell,
        };
        if first > head {
            return Ok(Arrived {
                items: Vec::new(),
                more: false,
            });
        }
        let stretch = (first - 1) / SEGMENT;
        let last = head.min((stretch + 1) * SEGMENT);
        let cells = book
            .journal
            .stretch::<Block>(book.store, stretch, first..=last)
            .await?;
        let mut items = Vec::new();
        let mut cells = cells.into_iter().peekable();
        for cell in first..=last {
            match cells.next_if(|(found, _)| *found == cell) {
                Some((_, block)) => {
                    let fresh = (0..)
                        .zip(block.texts())
                        .map(|(number, text)| (Position(cell, number), text))
                        .filter(|(position, _)| *position > self.at);
                    items.extend(
                        fresh.filter_map(|(position, text)| Some((position, search.take(text)?))),
                    );
                }
                None if self.waits_for(cell, book.clock.now_ms()) => {
                    return Ok(Arrived { items, more: false });
                }
                None => {}
            }
            self.at = Position::after(cell);
        }
        Ok(Arrived {
            items,
            more: last < head,
        })
    }

    /// Whether an empty cell is worth waiting for.
    fn waits_for(&mut self, cell: u64, now_ms: u64) -> bool {
        match self.gap {
            // A clock that was set back ends the wait.
            Some((gap, noticed_ms)) if gap == cell => now_ms
                .checked_sub(noticed_ms)
                .is_some_and(|waited_ms| waited_ms < PATIENCE_MS),
            _ => {
                self.gap = Some((cell, now_ms));
                true
            }
        }
    }
}
