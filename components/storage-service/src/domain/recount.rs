//! The counter of used bytes, made the sum of the files again.
//!
//! `increment` is not exactly-once: an error may come after the effect, and a crash leaves it open. Whoever cannot know
//! whether the counter was moved leaves a [`Rest`](super::record::Rest) that asks for a recount.

use std::collections::BTreeMap;

use spinreel_gcs::TokenCache;
use spinreel_ledger::{LEASE_MS, LedgerError, Patience};
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::peers::Peers;
use super::record::{Intent, Operation, Rest, UserFiles};
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
    /// How many files there are.
    files: u64,
    /// By how much the counter is too high, in bytes.
    pub(super) drift: i64,
    /// What operations left undone, by number, and whether there is a file of that number.
    rests: BTreeMap<u64, (Rest, bool)>,
}

impl Count {
    /// Whether there is no file, and nothing that an operation left undone.
    pub(super) fn is_empty(&self) -> bool {
        self.files == 0 && self.rests.is_empty()
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
    /// before its intent goes and before its file or its death can be seen. So when all numbers up to the head are
    /// accounted for, and the head is the same after the counter was read, the files and the counter belong together.
    pub(super) async fn count(
        &self,
        files: &UserFiles,
        patience: Patience,
    ) -> Result<Option<Count>, LedgerError> {
        let head = files.roster.head(&self.store).await?;
        let mark = files.intents.mark(&self.store).await?;
        let Some(mut rests) = self.rests(files, head, patience).await? else {
            return Ok(None);
        };
        let now_ms = self.clock.now_ms();
        let (mut number_of_files, mut sum) = (0, 0_i64);
        let mut walk = files.roster.walk(&self.store, None, head);
        while let Some(number) = walk.next().await? {
            if let Some(file) = files.file(number).get(&self.store).await? {
                number_of_files += 1;
                sum = sum.saturating_add(signed(file.object.size));
                if let Some((_, has_file)) = rests.get_mut(&number) {
                    *has_file = true;
                }
            } else if !rests.contains_key(&number) && !mark.is_over(number, now_ms, patience) {
                return Ok(None);
            }
        }
        let used = files.used.get(&self.store).await?;
        if files.roster.head(&self.store).await? != head {
            return Ok(None);
        }
        let drift = used.saturating_sub(sum);
        Ok(Some(Count {
            head,
            files: number_of_files,
            drift,
            rests,
        }))
    }

    /// All that operations left undone; `None` where one goes on, or may have an effect yet.
    async fn rests(
        &self,
        files: &UserFiles,
        head: u64,
        patience: Patience,
    ) -> Result<Option<BTreeMap<u64, (Rest, bool)>>, LedgerError> {
        let mut rests = BTreeMap::new();
        let mut after = 0;
        loop {
            let open = files
                .intents
                .look::<Intent>(&self.store, &self.clock, head, after, patience)
                .await?;
            let now_ms = self.clock.now_ms();
            for (number, intent) in open.intents {
                match &intent.operation {
                    Operation::Rest(rest) if intent.is_abandoned(now_ms, patience) => {
                        rests.insert(number, (rest.clone(), false));
                    }
                    Operation::Upload(_) | Operation::Deletion(_) | Operation::Rest(_) => {
                        return Ok(None);
                    }
                }
            }
            match open.more {
                true => after = open.last,
                false => return Ok(Some(rests)),
            }
        }
    }

    /// Moves a counter that is too high by `drift` bytes.
    pub(super) async fn correct(&self, files: &UserFiles, drift: i64) -> Result<(), LedgerError> {
        match u64::try_from(drift) {
            Ok(too_much) => self.give_back(files, too_much).await,
            Err(_) => files.used.add(&self.store, -drift).await.map(drop),
        }
    }

    async fn postpone(&self, files: &UserFiles, count: &Count) -> Result<(), LedgerError> {
        let until_ms = self.clock.now_ms() + LEASE_MS;
        if let Some((number, (rest, _))) = count.rests.first_key_value() {
            let operation = Operation::Rest(Rest {
                recount: true,
                ..rest.clone()
            });
            let intent = Intent {
                until_ms,
                operation,
            };
            files.intent(*number).set(&self.store, &intent).await?;
        }
        Ok(())
    }

    /// Ends what asked for the recount.
    async fn clear(&self, files: &UserFiles, count: Count) -> Result<(), LedgerError> {
        let mut over = Vec::new();
        let mut dead = Vec::new();
        for (number, (rest, has_file)) in count.rests {
            let cell = files.intent(number);
            if rest.withdraw.is_some() {
                let rest = Rest {
                    recount: false,
                    ..rest
                };
                let intent = Intent::rest(rest, self.clock.now_ms());
                cell.set(&self.store, &intent).await?;
                continue;
            }
            over.push(cell.key().to_owned());
            if !has_file {
                dead.push(number);
            }
        }
        self.store.delete_many(&over).await?;
        let _ = files.roster.bury(&self.store, &dead).await;
        Ok(())
    }
}
