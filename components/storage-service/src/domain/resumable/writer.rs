//! Who writes to an upload: of several requests, the newest.
//!
//! Each takes a generation by `increment`. One that finds the upload idle counts one on; one that finds a writer at work, or
//! dead, counts a whole [`EPOCH`] on, and has that epoch to itself. What was received is kept under a key of the epoch. So
//! there is one writer to a key at any time, and a displaced one that writes late writes where nobody reads any more.
//!
//! A writer looks whether it still is the newest after it wrote, and before it acknowledges. The next one reads after it took
//! its generation, so it sees whatever was acknowledged.

use bytes::Bytes;
use spinreel_gcs::TokenCache;
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::ResumableError;
use super::received::Received;
use crate::domain::peers::Peers;
use crate::domain::record::{FileHead, Intent, Operation, Phase, Record, UserFiles};
use crate::domain::storage::Storage;

/// How many generations an epoch has. A client that uses them up goes on in the next one.
const EPOCH: i64 = 1 << 20;
/// How often a request looks whether another one has come to its end, in milliseconds.
const PAUSE_MS: u64 = 50;
/// How many epochs may have died without a trace, one after the other.
const SILENT: u64 = 64;

/// What was received of an upload, and whether somebody writes to it.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) generation: i64,
    pub(super) received: Received,
    pub(super) is_idle: bool,
}

/// The right to write to an upload, until a newer one takes it.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) generation: i64,
    pub(super) received: Received,
}

pub(super) fn epoch_of(generation: i64) -> u64 {
    u64::try_from(generation / EPOCH).unwrap_or(0)
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// What was received: two `get` as a rule.
    pub(super) async fn current(
        &self,
        files: &UserFiles,
        number: u64,
        head: &FileHead,
    ) -> Result<Current, LedgerError> {
        let generation = files.writers(number).get(&self.store).await?;
        let received = self.received(files, number, head, generation).await?;
        Ok(Current {
            generation,
            is_idle: received.generation == generation && !received.busy,
            received,
        })
    }

    /// What was received, when nobody writes any more, or somebody still does after the time of our patience.
    pub(super) async fn idle_soon(
        &self,
        files: &UserFiles,
        number: u64,
        head: &FileHead,
    ) -> Result<Current, LedgerError> {
        let until_ms = self.clock.now_ms() + self.resumable.patience_ms;
        loop {
            let current = self.current(files, number, head).await?;
            if current.is_idle || self.clock.now_ms() >= until_ms {
                return Ok(current);
            }
            self.clock.sleep_ms(PAUSE_MS).await;
        }
    }

    /// The newest that was written by the writers up to this generation.
    async fn received(
        &self,
        files: &UserFiles,
        number: u64,
        head: &FileHead,
        generation: i64,
    ) -> Result<Received, LedgerError> {
        let last = epoch_of(generation);
        let mut found: Option<(u64, Received)> = None;
        for is_first in std::iter::once(true).chain(std::iter::repeat(false)) {
            let known = found.as_ref().map(|(epoch, _)| *epoch);
            let first = match known {
                Some(epoch) => epoch + 1,
                None => last.saturating_sub(SILENT),
            };
            for epoch in (first..=last).rev() {
                let key = files.received_key(number, epoch);
                if let Some(received) = Received::get(&self.store, &key).await? {
                    found = Some((epoch, received));
                    break;
                }
            }
            // Whoever began an epoch removes those before it. So what was found further down may be late, or nothing be
            // there any more, where a higher one has come since it was looked at.
            let now = found.as_ref().map(|(epoch, _)| *epoch);
            if last == 0 || now == Some(last) || (now == known && !is_first) {
                break;
            }
        }
        if let Some((_, received)) = found {
            return Ok(received);
        }
        Ok(Received::nothing(self.expires_ms(head, head.created_at_ms)))
    }

    /// Makes the caller the one who writes. One `increment` where nobody is at work, else those of
    /// [`displace`](Self::displace).
    pub(super) async fn take_over_upload(
        &self,
        files: &UserFiles,
        number: u64,
        head: &FileHead,
    ) -> Result<Writer, ResumableError> {
        let current = self.current(files, number, head).await?;
        if current.is_idle {
            let generation = files.writers(number).add(&self.store, 1).await?;
            // Nobody came in between, so what was read is what is there.
            if generation == current.generation + 1 {
                return Ok(Writer {
                    generation,
                    received: current.received,
                });
            }
        }
        self.displace(files, number, head, true).await
    }

    /// Makes the caller the one who writes, whoever does so now: an `increment`, a `set` and a `delete_many`. `busy`: it goes
    /// on; else the upload is idle from then on.
    ///
    /// # Errors
    /// [`ResumableError::Displaced`] where the next one has come already; [`ResumableError::Gone`] where the upload is over.
    pub(super) async fn displace(
        &self,
        files: &UserFiles,
        number: u64,
        head: &FileHead,
        busy: bool,
    ) -> Result<Writer, ResumableError> {
        let generation = files.writers(number).add(&self.store, EPOCH).await?;
        let mut received = self.received(files, number, head, generation).await?;
        let epoch = epoch_of(generation);
        let first = received.first_epoch;
        received.generation = generation;
        received.busy = busy;
        received.displaced_ms = self.clock.now_ms();
        received.first_epoch = first.max(epoch.saturating_sub(SILENT));
        received
            .set(&self.store, &files.received_key(number, epoch))
            .await?;
        // Whoever ended the upload meanwhile would not find what was written now; and one that is not the newest any more
        // may have looked where a newer one had removed everything.
        self.refuse_ended(files, number, generation).await?;
        self.refuse_displaced(files, number, generation).await?;
        if first < epoch {
            let keys: Vec<_> = (first..epoch)
                .map(|epoch| files.received_key(number, epoch))
                .collect();
            self.store
                .delete_many(&keys)
                .await
                .map_err(LedgerError::from)?;
        }
        Ok(Writer {
            generation,
            received,
        })
    }

    /// Writes down what was received, as the writer: one `set`.
    pub(super) async fn keep(
        &self,
        files: &UserFiles,
        number: u64,
        writer: &mut Writer,
        busy: bool,
    ) -> Result<(), LedgerError> {
        writer.received.generation = writer.generation;
        writer.received.busy = busy;
        let key = files.received_key(number, epoch_of(writer.generation));
        writer.received.set(&self.store, &key).await
    }

    /// Ends the work of a writer that is not the newest any more: one `get`.
    pub(super) async fn refuse_displaced(
        &self,
        files: &UserFiles,
        number: u64,
        generation: i64,
    ) -> Result<(), ResumableError> {
        match files.writers(number).get(&self.store).await? == generation {
            true => Ok(()),
            false => Err(ResumableError::Displaced),
        }
    }

    /// Ends the work of a writer whose upload was ended before it wrote, and removes what it wrote: one `get`.
    pub(super) async fn refuse_ended(
        &self,
        files: &UserFiles,
        number: u64,
        generation: i64,
    ) -> Result<(), ResumableError> {
        let mut keys = vec![files.received_key(number, epoch_of(generation))];
        match files.record(number).get(&self.store).await? {
            Some(Record::Intent(Intent {
                operation: Operation::Resumable(upload),
                ..
            })) => match upload.phase {
                Phase::Open | Phase::Finishing => return Ok(()),
                // A part that is whole is as a file.
                Phase::Whole => {}
                Phase::Creating
                | Phase::Ending
                | Phase::Waiting
                | Phase::Joining
                | Phase::Joined => {}
            },
            // Whoever made it a file looks there for what all of them left.
            Some(Record::File(_)) => {}
            Some(Record::Intent(_)) | None => keys.push(files.writers_key(number)),
        }
        let removed = self.store.delete_many(&keys).await;
        removed.map_err(LedgerError::from)?;
        Err(ResumableError::Gone)
    }
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// The keys that are left of the writers of an upload that is over: none, unless somebody died just then, or may write
    /// yet. One `get` as a rule; a `set` where one came and has not written, which is noted.
    pub(in crate::domain) async fn left_by_writers(
        &self,
        files: &UserFiles,
        number: u64,
        head: &FileHead,
    ) -> Result<Left, LedgerError> {
        let generation = files.writers(number).get(&self.store).await?;
        if generation == 0 {
            return Ok(Left::default());
        }
        let mut received = self.received(files, number, head, generation).await?;
        let (last, now_ms) = (epoch_of(generation), self.clock.now_ms());
        if received.generation != generation && !received.may_grow(now_ms) {
            // One came and has not written. When that was, nobody knows: so the time counts from now on.
            received.generation = generation;
            received.displaced_ms = now_ms;
            received.rest = Bytes::new();
            let key = files.received_key(number, last);
            received.set(&self.store, &key).await?;
        }
        Ok(Left {
            keys: leftovers(files, number, last.saturating_sub(SILENT), last),
            may_grow: received.may_grow(now_ms),
        })
    }
}

/// What the writers of an upload left that is over.
#[derive(Debug, Default)]
pub(in crate::domain) struct Left {
    /// Their keys.
    pub(in crate::domain) keys: Vec<String>,
    /// Whether one that was displaced may write yet.
    pub(in crate::domain) may_grow: bool,
}

/// The keys of the writers of an upload, who kept what was received in these epochs.
pub(super) fn leftovers(files: &UserFiles, number: u64, first: u64, last: u64) -> Vec<String> {
    let mut keys: Vec<_> = (first..=last)
        .map(|epoch| files.received_key(number, epoch))
        .collect();
    keys.push(files.writers_key(number));
    keys
}
