//! What goes: whole stretches past the retention, and from those that stay, the classes of entries that are past theirs.

use spinreel_ledger::{Cell, LedgerError};
use spinreel_platform::{Clock, Store};

use super::Book;
use crate::domain::class::{Class, PerClass};
use crate::domain::index::zones;
use crate::domain::journal::Block;

/// For each class how many stretches were looked at, from the journal's first, to take its entries out.
fn stripped() -> Cell<PerClass> {
    Cell::new("logs/stripped")
}

impl<S: Store, C: Clock> Book<'_, S, C> {
    /// Drops the oldest segment, where it is before the segment `done` and past the retention, or every class of which it had
    /// entries is; returns whether it was.
    pub(super) async fn drop_oldest(&self, done: u64) -> Result<bool, LedgerError> {
        let oldest = self.journal.dropped(self.store).await?;
        if oldest >= done {
            return Ok(false);
        }
        // A zone that is gone says that the dropping of this segment was not finished.
        if let Some(before) = zones::before(self.store, oldest).await?
            && let Some(zone) = zones::of_segment(self.store, oldest).await?
            && zone.received_ms >= self.kept_since()
        {
            let has = |class: Class| zone.through[class.index()] > before[class.index()];
            let all = zones::through(self.store, done).await?;
            if !Class::ALL
                .into_iter()
                .all(|class| !has(class) || self.are_enough_after(class, zone.through, all))
            {
                return Ok(false);
            }
        }
        // The last zone of a node is needed for as long as the segment after it.
        let nodes = zones::followed_by(oldest);
        if !nodes.is_empty() {
            self.store.delete_many(&nodes).await?;
        }
        self.journal.drop_oldest(self.store).await
    }

    /// Takes the entries of classes that are past their retention out of segments before `done`, for at most so many
    /// segments of each, and until `is_over`. What stays keeps its position.
    pub(super) async fn strip(
        &self,
        done: u64,
        at_most: usize,
        is_over: impl Fn() -> bool,
    ) -> Result<(), LedgerError> {
        if self.retention.entries == PerClass::default() {
            return Ok(());
        }
        let were = stripped().get(self.store).await?.unwrap_or_default();
        let (mut are, dropped) = (were, self.journal.dropped(self.store).await?);
        let all = zones::through(self.store, done).await?;
        for class in Class::ALL {
            let next = &mut are[class.index()];
            for _ in 0..at_most {
                let segment = dropped.max(*next);
                if segment >= done || !self.strip_one(class, segment, all).await? {
                    break;
                }
                *next = segment + 1;
                if is_over() {
                    break;
                }
            }
        }
        // Where this is lost, the same is done again, and changes nothing.
        if are != were {
            stripped().set(self.store, &are).await?;
        }
        Ok(())
    }

    /// Takes the entries of a class out of a segment, where there are enough after it; returns whether there are.
    async fn strip_one(
        &self,
        class: Class,
        segment: u64,
        all: PerClass,
    ) -> Result<bool, LedgerError> {
        let Some(before) = zones::before(self.store, segment).await? else {
            return Ok(false);
        };
        let Some(zone) = zones::of_segment(self.store, segment).await? else {
            return Ok(false);
        };
        if !self.are_enough_after(class, zone.through, all) {
            return Ok(false);
        }
        if zone.through[class.index()] > before[class.index()] {
            let without = |block: Block| block.without(|entry| Class::of(entry) == class);
            self.journal.rewrite(self.store, segment, without).await?;
        }
        Ok(true)
    }

    /// Whether of a class as many entries as are kept lie after those that `through` counts; `all` counts all of them.
    fn are_enough_after(&self, class: Class, through: PerClass, all: PerClass) -> bool {
        let kept = self.retention.entries[class.index()];
        let after = all[class.index()].saturating_sub(through[class.index()]);
        kept > 0 && after >= kept
    }
}
