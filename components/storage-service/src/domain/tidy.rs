//! Looking for what others left: what is half-done is finished, what means nothing any more is removed.

use std::collections::BTreeSet;

use spinreel_gcs::TokenCache;
use spinreel_ledger::{LOOK_EVERY, LedgerError, Look, Patience};
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::peers::Peers;
use super::record::{Deletion, Intent, Operation, Record, Rest, UserFiles};
use super::recount::Recounted;
use super::settle::Settled;
use super::storage::{SettleError, Storage};

/// How much somebody wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eagerness {
    /// After the operation of this number: if it is the turn of that, as it is of one in [`LOOK_EVERY`], or nobody has
    /// looked for a while. Then what means nothing any more is left, as long as it is little.
    InPassing(u64),
    /// In any case.
    Now,
    /// In any case, and nobody else is at work: so says the caller.
    Offline,
}

impl Eagerness {
    /// Whom to take for dead.
    pub fn patience(self) -> Patience {
        match self {
            Self::InPassing(_) | Self::Now => Patience::Leases,
            Self::Offline => Patience::Offline,
        }
    }

    /// Whether what only costs others reads can be left to them.
    fn can_wait(self) -> bool {
        match self {
            Self::InPassing(number) => !number.is_multiple_of(LOOK_EVERY),
            Self::Now | Self::Offline => false,
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Operations that were brought to their end.
    pub settled: u64,
    /// Whether the counter was made the sum of the files.
    pub recounted: bool,
    /// Operations that go on, or could not be finished now.
    pub pending: u64,
    /// Whether there are more than one look goes through.
    pub more: bool,
}

impl Tidied {
    /// Whether there may be room now that there was not before.
    pub(super) fn made_room(self) -> bool {
        self.settled > 0 || self.recounted
    }
}

/// The operations that a look found over.
#[derive(Debug, Default)]
struct Over {
    /// Their numbers, and those of deleted files.
    numbers: BTreeSet<u64>,
    /// Those of them that have nothing, or will have nothing when `keys` are gone.
    dead: Vec<u64>,
    /// Keys that mean nothing any more.
    keys: Vec<String>,
    /// How many deletions left them.
    deletions: u64,
    /// Whether something that was abandoned could not be finished.
    failed: bool,
    /// What goes on and need not hold the mark back: the mark names it.
    open: BTreeSet<u64>,
}

impl Over {
    fn is_dead(&mut self, number: u64) {
        self.numbers.insert(number);
        self.open.remove(&number);
        self.dead.push(number);
    }

    fn is_file(&mut self, number: u64) {
        self.numbers.insert(number);
        self.open.remove(&number);
    }

    fn is_open(&mut self, number: u64) {
        self.numbers.insert(number);
        self.open.insert(number);
    }
}

/// Whether an upload that is a file now may have left something, or what it replaced: the next look removes that.
fn leaves_something(intent: &Intent) -> bool {
    matches!(intent.operation, Operation::Resumable(_))
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Finishes what is abandoned among a user's operations, at most a page of them, and removes what deletions left.
    ///
    /// In calls of the store, where nothing is abandoned: 1 `get` in passing, as a rule. A look is 1 `get` for the mark, 1
    /// for the head, 1 for each number since the mark and 3 more for each deletion, and those of a
    /// [burial](spinreel_ledger::Roster::burial); where there is something to remove or the mark to move on, 1
    /// `delete_many` and 1 `set_many`.
    pub async fn tidy(
        &self,
        files: &UserFiles,
        eagerness: Eagerness,
    ) -> Result<Tidied, LedgerError> {
        if eagerness.can_wait() && !files.intents.mark(&self.store).await?.is_old(&self.clock) {
            return Ok(Tidied::default());
        }
        let patience = eagerness.patience();
        let head = files.roster.head(&self.store).await?;
        let look = files
            .intents
            .look::<Record>(&self.store, &self.clock, head, 0)
            .await?;
        let mut tidied = Tidied {
            more: look.more,
            ..Tidied::default()
        };
        let mut over = Over::default();
        let (mut recount, mut bucket_fails) = (false, false);
        for (number, record) in &self.looked_at(files, &look).await? {
            if look.mark.open.contains(number) {
                // Until it is over, only the mark leads to it.
                over.is_open(*number);
            }
            let intent = match record {
                Record::Intent(intent) => intent,
                Record::File(file) => {
                    if let Some(replaced) = &file.head.video.replaces
                        && self.remove_replaced(files, replaced).await.is_err()
                    {
                        tidied.pending += 1;
                        // The next look comes back to it, wherever the mark is.
                        over.is_open(*number);
                        continue;
                    }
                    if file.resumable {
                        let left = self.left_by_writers(files, *number, &file.head).await?;
                        if left.may_grow && patience != Patience::Offline {
                            over.is_open(*number);
                            continue;
                        }
                        over.keys.extend(left.keys);
                    }
                    over.is_file(*number);
                    continue;
                }
            };
            if let Operation::Resumable(upload) = &intent.operation {
                over.is_open(*number);
                let due = self.is_upload_due(files, *number, intent, upload, patience);
                if bucket_fails || !due.await? {
                    tidied.pending += u64::from(!upload.waits());
                    continue;
                }
            }
            if self
                .is_done(files, *number, intent, patience, &mut over)
                .await?
            {
                continue;
            }
            if bucket_fails || !intent.is_abandoned(self.clock.now_ms(), patience) {
                tidied.pending += 1;
                continue;
            }
            match self.settle(files, *number, intent, patience).await {
                Ok(Settled::File) => {
                    tidied.settled += 1;
                    match leaves_something(intent) {
                        true => over.is_open(*number),
                        false => over.is_file(*number),
                    }
                }
                Ok(Settled::Open) => {
                    tidied.settled += 1;
                    over.is_open(*number);
                }
                Ok(Settled::Gone) => {
                    tidied.settled += 1;
                    over.is_dead(*number);
                }
                Ok(Settled::Recount) => recount = true,
                Ok(Settled::RecountLater) => {
                    tidied.settled += 1;
                    tidied.pending += 1;
                    // Nothing that was tried can have an effect any more where nobody is alive.
                    recount |= patience == Patience::Offline;
                }
                Err(error) => {
                    tidied.pending += 1;
                    over.failed = true;
                    // The next ones would wait for the bucket in vain, too.
                    bucket_fails |= matches!(error, SettleError::Bucket(_));
                }
            }
        }
        self.clean(files, &look, over, eagerness).await?;
        if recount {
            match self.recount(files, patience).await {
                Ok(Recounted::Done) => tidied.recounted = true,
                Ok(Recounted::NotNow) | Err(_) => tidied.pending += 1,
            }
        }
        Ok(tidied)
    }

    /// The records of a look, those that its mark names first.
    async fn looked_at(
        &self,
        files: &UserFiles,
        look: &Look<Record>,
    ) -> Result<Vec<(u64, Record)>, LedgerError> {
        let mut records = Vec::new();
        for number in &look.mark.open {
            let record = files.record(*number).get(&self.store).await?;
            records.extend(record.map(|record| (*number, record)));
        }
        records.extend(look.records.iter().cloned());
        Ok(records)
    }

    /// Whether an intent is that of a deletion that is over and left nothing undone; what it left is noted.
    async fn is_done(
        &self,
        files: &UserFiles,
        number: u64,
        intent: &Intent,
        patience: Patience,
        over: &mut Over,
    ) -> Result<bool, LedgerError> {
        let Operation::Deletion(deletion) = &intent.operation else {
            return Ok(false);
        };
        match self.ended(files, number, deletion).await? {
            Some((rest, _)) if rest == Rest::default() => {}
            Some(_) | None => return Ok(false),
        }
        if deletion.file.resumable {
            let (number, head) = (deletion.number, &deletion.file.head);
            let left = self.left_by_writers(files, number, head).await?;
            if left.may_grow && patience != Patience::Offline {
                return Ok(false);
            }
            over.keys.extend(left.keys);
        }
        over.keys.extend(self.name_of(files, deletion).await?);
        over.keys.push(files.record(number).key().to_owned());
        over.is_dead(number);
        over.is_dead(deletion.number);
        over.deletions += 1;
        Ok(true)
    }

    /// What a deletion that is over left undone, and until when that is to be left alone; `None` while its file is there.
    /// Two `get`.
    pub(super) async fn ended(
        &self,
        files: &UserFiles,
        operation: u64,
        deletion: &Deletion,
    ) -> Result<Option<(Rest, u64)>, LedgerError> {
        let file = files.record(deletion.number).get(&self.store).await?;
        if file.is_some() {
            return Ok(None);
        }
        // Read again, after the file: what is left undone is written down just before the file goes.
        let intent = files.intent(&self.store, operation).await?;
        Ok(Some(match intent {
            Some(Intent {
                until_ms,
                operation: Operation::Deletion(deletion),
            }) => (deletion.rest, until_ms),
            Some(Intent {
                until_ms,
                operation: Operation::Rest(rest),
            }) => (rest, until_ms),
            Some(_) | None => (Rest::default(), 0),
        }))
    }

    /// Removes what is over, and moves the mark past it.
    async fn clean(
        &self,
        files: &UserFiles,
        look: &Look<Record>,
        mut over: Over,
        eagerness: Eagerness,
    ) -> Result<(), LedgerError> {
        let passed = look.over(eagerness.patience(), |number| {
            over.numbers.contains(&number)
        });
        let open: Vec<u64> = over.open.iter().copied().collect();
        let mark = look.moved_mark(passed, &open);
        // Where nothing came of it, nobody tries again for a while.
        let moves = over.failed
            || match eagerness.can_wait() {
                true => {
                    let is_stuck = look.is_far_from_head(passed) && look.mark.is_old(&self.clock);
                    passed >= look.mark.over + LOOK_EVERY || is_stuck
                }
                false => mark.is_news(&look.mark),
            };
        if eagerness.can_wait() && !moves && over.deletions < LOOK_EVERY {
            return Ok(());
        }
        // First of all: below the mark nobody looks for them.
        if !over.keys.is_empty() {
            self.store.delete_many(&over.keys).await?;
        }
        if moves {
            let aged = look.empty.iter().filter(|number| **number <= passed);
            over.dead.extend(aged);
        }
        let burial = files.roster.burial(&self.store, &over.dead).await?;
        let mut pairs = burial.pairs.clone();
        if moves {
            pairs.push(files.intents.mark_cell().pair(&mark)?);
        }
        if !pairs.is_empty() {
            self.store.set_many(&pairs).await?;
        }
        burial.finish(&self.store).await
    }
}
