//! Pages of entries.

use spinreel_api::logs::LogEntry;
use spinreel_ledger::{LedgerError, SEGMENT};
use spinreel_platform::{Clock, Store};

use super::{Book, Position};
use crate::domain::filter::Order;
use crate::domain::index::{Candidates, Direction, Next};
use crate::domain::journal::Block;
use crate::domain::search::Search;

/// The most cells of the journal that one page looks at, however few entries it finds.
const MAX_CELLS: u64 = 4_096;
/// What a stretch counts at least, of these: reading it is a call, however little there is left of it.
const LEAST_CELLS: u64 = 16;
/// The most values of the index that one page reads.
const MAX_INDEX_READS: u32 = 256;

/// What one look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Entries with their positions, by their times, in the reader's order.
    pub items: Vec<(Position, LogEntry)>,
    /// Where the next page begins; `None` where there is nothing more.
    pub next: Option<Position>,
}

impl<S: Store, C: Clock> Book<'_, S, C> {
    /// A page of what `search` is for, beyond the position `from` in the order of its filter.
    ///
    /// Pages follow each other in the order of arrival; within a page entries are in the order of the times that they
    /// say. A page may be short, or empty, and still have a `next`: one call looks at a bounded number of entries.
    pub async fn page(
        &self,
        search: &Search,
        from: Option<Position>,
        limit: usize,
    ) -> Result<Found, LedgerError> {
        let head = self.journal.head(self.store).await?;
        match search.filter().order {
            Order::Desc => {
                let from = from.unwrap_or(Position::END);
                self.walk(search, Direction::Down, from, head, limit).await
            }
            Order::Asc => {
                let from = from.unwrap_or(Position::BEGINNING);
                self.walk(search, Direction::Up, from, head, limit).await
            }
        }
    }

    /// As [`page`](Self::page), among the cells up to `head`.
    pub(super) async fn walk(
        &self,
        search: &Search,
        direction: Direction,
        from: Position,
        head: u64,
        limit: usize,
    ) -> Result<Found, LedgerError> {
        let beginning = self.journal.dropped(self.store).await? * SEGMENT;
        let mut page = Page {
            search,
            direction,
            from,
            limit,
            kept_since: self.kept_since(),
            items: Vec::new(),
        };
        let (lowest, highest) = match direction {
            Direction::Down => (beginning + 1, from.0.min(head)),
            Direction::Up => (from.0.max(beginning + 1), head),
        };
        if lowest > highest {
            return Ok(page.end(None));
        }
        let (first, last) = ((lowest - 1) / SEGMENT, (highest - 1) / SEGMENT);
        let wanted = search.wanted();
        let mut candidates =
            Candidates::new(self.store, wanted, direction, MAX_INDEX_READS).await?;
        let mut cells_left = MAX_CELLS;
        let mut stretch = match direction {
            Direction::Down => last,
            Direction::Up => first,
        };
        loop {
            stretch = match candidates.next(stretch).await? {
                Next::At(found) if cells_left > 0 => found,
                Next::At(stands) | Next::Pause(stands) => {
                    let is_over = !(first..=last).contains(&stands);
                    return Ok(page.end((!is_over).then(|| border(direction, stands))));
                }
                Next::End => return Ok(page.end(None)),
            };
            if !(first..=last).contains(&stretch) {
                return Ok(page.end(None));
            }
            let cells = self
                .journal
                .stretch::<Block>(self.store, stretch, lowest..=highest)
                .await?;
            cells_left = cells_left.saturating_sub(LEAST_CELLS.max(cells.len() as u64));
            match page.look_at(cells) {
                Look::Full(Position(cell, 0)) if direction == Direction::Down && cell == lowest => {
                    return Ok(page.end(None));
                }
                Look::Full(next) => return Ok(page.end(Some(next))),
                // Stretches follow each other by their age, so that is all.
                Look::TooOld if direction == Direction::Down => return Ok(page.end(None)),
                Look::TooOld | Look::On => {}
            }
            stretch = match direction {
                Direction::Up => stretch + 1,
                Direction::Down => match stretch.checked_sub(1) {
                    Some(below) => below,
                    None => return Ok(page.end(None)),
                },
            };
        }
    }
}

/// The position at which a reader stands that has looked at nothing of a stretch yet.
fn border(direction: Direction, stretch: u64) -> Position {
    match direction {
        Direction::Up => Position::after(stretch * SEGMENT),
        Direction::Down => Position::before((stretch + 1) * SEGMENT + 1),
    }
}

/// A page that is being filled.
struct Page<'a> {
    search: &'a Search,
    direction: Direction,
    from: Position,
    limit: usize,
    kept_since: u64,
    items: Vec<(Position, LogEntry)>,
}

/// What came of a look at a stretch.
enum Look {
    /// There is room left.
    On,
    /// There is not; this was the last position that was looked at.
    Full(Position),
    /// All of it is past the retention.
    TooOld,
}

impl Page<'_> {
    /// Takes what is wanted of a stretch's cells, which come oldest first.
    fn look_at(&mut self, mut cells: Vec<(u64, Block)>) -> Look {
        let is_too_old = |block: &Block| block.received_ms < self.kept_since;
        if !cells.is_empty() && cells.iter().all(|(_, block)| is_too_old(block)) {
            return Look::TooOld;
        }
        cells.retain(|(_, block)| !is_too_old(block));
        if self.direction == Direction::Down {
            cells.reverse();
        }
        for (cell, block) in &cells {
            let texts = block.texts().enumerate();
            let look = match self.direction {
                Direction::Up => self.look_at_cell(*cell, texts),
                Direction::Down => self.look_at_cell(*cell, texts.rev()),
            };
            if let Some(full) = look {
                return Look::Full(full);
            }
        }
        Look::On
    }

    /// Takes what is wanted of a cell's texts; the position at which the page was full.
    fn look_at_cell<'a>(
        &mut self,
        cell: u64,
        texts: impl Iterator<Item = (usize, &'a str)>,
    ) -> Option<Position> {
        for (number, text) in texts {
            let position = Position(cell, number as u32);
            let is_beyond = match self.direction {
                Direction::Up => position > self.from,
                Direction::Down => position < self.from,
            };
            if !is_beyond {
                continue;
            }
            if let Some(entry) = self.search.take(text) {
                self.items.push((position, entry));
                if self.items.len() == self.limit {
                    return Some(position);
                }
            }
        }
        None
    }

    fn end(mut self, next: Option<Position>) -> Found {
        // Services hand their lines in when they have answered, so a request's lines arrive in another order than they
        // were written. Sorting is stable: what says the same time stays in the order of arrival.
        match self.direction {
            Direction::Up => self.items.sort_by_key(|(_, entry)| entry.at),
            Direction::Down => self
                .items
                .sort_by_key(|(_, entry)| std::cmp::Reverse(entry.at)),
        }
        Found {
            items: self.items,
            next,
        }
    }
}
