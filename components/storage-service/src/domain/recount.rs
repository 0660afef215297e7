//! The counter of used bytes, made the sum of the files again.
//!
//! `increment` is not exactly-once: an error may come after the effect, and a crash leaves it open. Whoever cannot know
//! whether the counter was moved leaves a [`Rest`](super::record::Rest) that asks for a recount.

use std::collections::{BTreeMap, BTreeSet};

use spinreel_gcs::TokenCache;
use spinreel_ledger::{LedgerError, Patience};
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::peers::Peers;
use super::record::{Intent, Operation, Record, Rest, UserFiles};
use super::storage::{SettleError, Storage, signed};

/// What came of a recount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recounted {
    /// The counter is the sum of the files and of what is being uploaded.
    Done,
    /// Operations are going on, so that nobody can tell.
    NotNow,
}

/// What a counter should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Count {
    /// The last number that had been given.
    pub(super) head: u64,
    /// How many files and resumable uploads there are, and deletions that are over and left their intents.
    records: u64,
    /// By how much the counter is too high, in bytes.
    pub(super) drift: i64,
    /// What operations left undone, by number.
    rests: BTreeMap<u64, Rest>,
}

impl Count {
    /// Whether there is no file, none that is coming, and nothing that an operation left.
    pub(super) fn is_empty(&self) -> bool {
        self.records == 0 && self.rests.is_empty()
    }
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Makes the counter what it should be. One at a time: two that added the same correction would be wrong.
    pub(super) async fn recount(
        &self,
        files: &UserFiles,
        patience: Patience,
    ) -> Result<Recounted, SettleError> {
        let held = self.lock(&files.recount_lock(), patience).await?;
        let work = async {
            let Some(count) = self.count(files, patience).await? else {
                return Ok(Recounted::NotNow);
            };
            if count.drift != 0
                && let Err(error) = self.correct(files, count.drift).await
            {
                // Perhaps it is right now, perhaps not; who comes later counts again.
                self.postpone(files, &count).await?;
                return Err(error.into());
            }
            self.clear(files, count).await?;
            Ok(Recounted::Done)
        };
        self.under(held, work).await
    }

    /// Counts, if nothing goes on that moves the counter; `None` otherwise.
    ///
    /// Every operation takes a number, then writes its intent, and only then moves the counter; its last move is done
    /// before its intent becomes a file or goes, or the file that it deletes goes. So when all numbers up to the head
    /// are accounted for, and the head is the same after the counter was read, the files and the counter belong together.
    pub(super) async fn count(
        &self,
        files: &UserFiles,
        patience: Patience,
    ) -> Result<Option<Count>, LedgerError> {
        let head = files.roster.head(&self.store).await?;
        let mark = files.intents.mark(&self.store).await?;
        let (mut records, mut sum) = (0, 0_i64);
        let mut rests = BTreeMap::new();
        let (mut deleted, mut open) = (BTreeSet::new(), Vec::new());
        let mut walk = files.roster.walk(&self.store, None, head).lazy();
        while let Some(number) = walk.next().await? {
            let now_ms = self.clock.now_ms();
            let intent = match files.record(number).get(&self.store).await? {
                Some(Record::File(file)) => {
                    records += 1;
                    sum = sum.saturating_add(signed(file.counted()));
                    continue;
                }
                Some(Record::Intent(intent)) => intent,
                None => {
                    walk.was_empty();
                    if deleted.contains(&number) || mark.is_over(number, now_ms, patience) {
                        continue;
                    }
                    return Ok(None);
                }
            };
            let (rest, until_ms) = match intent.operation {
                Operation::Upload(_) => return Ok(None),
                Operation::Resumable(upload) => {
                    if upload.moves_the_counter() {
                        return Ok(None);
                    }
                    records += 1;
                    sum = sum.saturating_add(signed(upload.reserved));
                    open.push((number, upload));
                    continue;
                }
                Operation::Rest(rest) => (rest, intent.until_ms),
                Operation::Deletion(deletion) => {
                    let Some(ended) = self.ended(files, number, &deletion).await? else {
                        return Ok(None);
                    };
                    deleted.insert(deletion.number);
                    ended
                }
            };
            if rest == Rest::default() {
                records += 1;
            } else if patience == Patience::Offline || until_ms < now_ms {
                rests.insert(number, rest);
            } else {
                // Something that was tried may have an effect yet.
                return Ok(None);
            }
        }
        let used = files.used.get(&self.store).await?;
        if files.roster.head(&self.store).await? != head {
            return Ok(None);
        }
        // Each of these is written anew before it moves the counter, and is never again what it was.
        for (number, upload) in open {
            match files.intent(&self.store, number).await? {
                Some(Intent {
                    operation: Operation::Resumable(now),
                    ..
                }) if now == upload => {}
                Some(_) | None => return Ok(None),
            }
        }
        Ok(Some(Count {
            head,
            records,
            drift: used.saturating_sub(sum),
            rests,
        }))
    }

    /// Moves a counter that is too high by `drift` bytes.
    pub(super) async fn correct(&self, files: &UserFiles, drift: i64) -> Result<(), LedgerError> {
        match u64::try_from(drift) {
            Ok(too_much) => self.give_back(files, too_much).await,
            Err(_) => files.used.add(&self.store, -drift).await.map(drop),
        }
    }

    async fn postpone(&self, files: &UserFiles, count: &Count) -> Result<(), LedgerError> {
        if let Some((number, rest)) = count.rests.first_key_value() {
            let rest = Rest {
                recount: true,
                ..rest.clone()
            };
            let intent = Intent::rest(rest, self.clock.now_ms());
            files.set_intent(&self.store, *number, intent).await?;
        }
        Ok(())
    }

    /// Ends what asked for the recount.
    async fn clear(&self, files: &UserFiles, count: Count) -> Result<(), LedgerError> {
        let (mut dead, mut over) = (Vec::new(), Vec::new());
        for (number, rest) in count.rests {
            if rest.notice.is_none() {
                dead.push(number);
                over.extend(rest.keys);
                continue;
            }
            let rest = Rest {
                recount: false,
                ..rest
            };
            let intent = Intent::rest(rest, self.clock.now_ms());
            files.set_intent(&self.store, number, intent).await?;
        }
        // The records last: what they name is gone then.
        let records = dead.iter().map(|number| files.record(*number));
        over.extend(records.map(|record| record.key().to_owned()));
        self.store.delete_many(&over).await?;
        // One that is not struck costs readers a look.
        let _ = files.roster.bury(&self.store, &dead).await;
        Ok(())
    }
}
