//! The end of an account: everything that is kept of its user goes.
//!
//! The request shuts the account: it is marked as leaving, its address is blanked, its sessions end. From then on it is
//! as good as gone for everybody, but its record still holds its names. The rest is a job that can be begun again
//! wherever it stopped, by the request itself after its answer or by a sweep: the other services remove what they have,
//! then the sessions' keys go, the entry in the directory, and the record, in one call; and at last what tells that the
//! account had its names. They are free from the moment when the record is gone.
//!
//! The job is written down in the call that marks the account, before that, so that no account is left marked without
//! one. A job whose account is not marked is one whose request died in that call, or is on its way: it is dropped when it
//! is so old that the request cannot mark the account any more. Two that run one job at once do the same work twice.
//!
//! What stays: the numbers that were given (in counters, maps of dead numbers, claims of names), for some time the id in
//! the list of [revocations](super::revocations), the locks of those that died, and that a session has ended where one
//! ran the job while another one had forgotten the sessions.
//!
//! The last admin may go, too: the one that the variables name is made anew at its next login.

use serde::{Deserialize, Serialize};
use spinreel_api::Timestamp;
use spinreel_ledger::{Cell, DEAD_AFTER_MS, Found, Held, LedgerError, Lock, Roster};
use spinreel_platform::{Clock, Store, is_fresh};
use thiserror::Error;

use super::accounts::{self, ChangeError, change_together, find};
use super::attempts::Attempts;
use super::names::Name;
use super::peers::{Kept, PeerFailure, Peers};
use super::validation::Email;
use super::{changes, directory, endings, resets, sessions};

const PREFIX: &str = "users/departures";
/// How long after its job got its number an account may be marked as leaving, in milliseconds. A good deal less than the
/// time after which the job is dropped.
const MARK_WITHIN_MS: u64 = DEAD_AFTER_MS / 2;
/// How long it takes at most until all services know that a user's tokens were revoked, in milliseconds: what is removed
/// before may have something added.
const KNOWN_WITHIN_MS: u64 = 10_000;
/// The most calls of other services in a run.
const MAX_CALLS: usize = 60;
/// The most jobs that one sweep looks at.
const SWEEP_PAGE: usize = 8;

/// A job, as it is stored.
#[derive(Clone, Serialize, Deserialize)]
struct Job {
    user_id: String,
    /// The names, which the record does not say when it is gone.
    email_digest: Option<String>,
    username: String,
    written_at: Timestamp,
}

/// How far a run came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing is left of this user.
    Finished { user_id: String },
    /// There was nothing to do: somebody else had finished, or the account is not leaving.
    Nothing,
    /// It is to be gone on with later.
    Pending,
}

/// Why a run stopped.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum DepartureError {
    /// Another service did not remove what it has.
    #[error(transparent)]
    Peer(#[from] PeerFailure),
    /// The store failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What a sweep did.
#[derive(Debug, Default)]
pub(crate) struct Swept {
    /// Jobs that were looked at.
    pub(crate) departures: u64,
    /// The users of whom nothing is left.
    pub(crate) finished: Vec<String>,
    /// Jobs that could not be finished.
    pub(crate) pending: u64,
    /// Why, for those that failed.
    pub(crate) failures: Vec<DepartureError>,
    /// Where the next sweep begins; `None` where all jobs were looked at.
    pub(crate) next: Option<u64>,
}

/// Departures and what they need of the world.
pub(crate) struct Departures<'a, S, C, P> {
    pub(crate) store: &'a S,
    pub(crate) clock: &'a C,
    pub(crate) peers: &'a P,
    /// The caller vouches that no other request is running, so that nothing need be waited for.
    pub(crate) offline: bool,
}

impl<S: Store, C: Clock, P: Peers> Departures<'_, S, C, P> {
    /// Shuts an account for good; gives the number of the job that removes the rest. `None` where an earlier request has
    /// shut it. An account that is disabled is unknown here. Costs 5 writes.
    pub(crate) async fn begin(&self, user_id: &str) -> Result<Option<u64>, ChangeError> {
        let account = find(self.store, user_id).await?;
        let account = account.filter(|account| !account.disabled);
        let account = account.ok_or(ChangeError::Unknown)?;
        let mut begun = None;
        if account.leaving_since.is_none() {
            begun = self.mark(user_id).await?;
        }
        // One may have begun beside it.
        endings::end_all(self.store, self.clock, user_id).await?;
        Ok(begun)
    }

    /// Writes the job down, marks the account, and ends its sessions; `None` where another request was quicker.
    async fn mark(&self, user_id: &str) -> Result<Option<u64>, ChangeError> {
        let number = roster().allocate_timely(self.store, self.clock, 1).await?;
        let numbered_at = self.now();
        let marking = change_together(self.store, self.clock, user_id, async |account| {
            let ends = endings::end_of_all(self.store, self.clock, user_id).await?;
            if !is_fresh(numbered_at.as_ms(), self.clock.now_ms(), MARK_WITHIN_MS + 1) {
                return Err(ChangeError::Busy);
            }
            let job = Job {
                user_id: account.id.clone(),
                email_digest: Email::parse(&account.email).map(|email| email.digest().to_owned()),
                username: account.username.clone(),
                written_at: self.now(),
            };
            account.leaving_since = Some(self.now());
            account.email = String::new();
            let mut together = vec![cell(number).pair(&job)?];
            together.extend(ends);
            Ok(together)
        });
        match marking.await {
            Ok(_) => Ok(Some(number)),
            Err(ChangeError::Unknown) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Goes on with a page of jobs, the newest first, from below number `before` (the newest where `None`).
    pub(crate) async fn sweep(&self, before: Option<u64>) -> Result<Swept, LedgerError> {
        let mut old: Option<u64> = None;
        let look = async |number| -> Result<Found<()>, LedgerError> {
            let Some(job) = cell(number).get(self.store).await? else {
                return Ok(Found::Nothing);
            };
            if self.is_old(&job) {
                old.get_or_insert(number);
            }
            Ok(Found::Item(()))
        };
        let page = roster().page(self.store, before, SWEEP_PAGE, look).await?;
        // Numbers are given in order: those below an old job's are as old, so that whoever got one is dead.
        let is_dead = |number: &u64| self.offline || old.is_some_and(|old| *number < old);
        let dead: Vec<u64> = page.empty.into_iter().filter(is_dead).collect();
        roster().bury(self.store, &dead).await?;
        let mut swept = Swept {
            next: page.next,
            ..Swept::default()
        };
        for (number, ()) in page.items {
            swept.departures += 1;
            match self.run(number).await {
                Ok(Progress::Finished { user_id }) => swept.finished.push(user_id),
                Ok(Progress::Nothing) => {}
                Ok(Progress::Pending) => swept.pending += 1,
                Err(error) => {
                    swept.pending += 1;
                    swept.failures.push(error);
                }
            }
        }
        Ok(swept)
    }

    /// Goes on with a job, as far as it can.
    pub(crate) async fn run(&self, number: u64) -> Result<Progress, DepartureError> {
        let Some(job) = cell(number).get(self.store).await? else {
            return Ok(Progress::Nothing);
        };
        let lock = Lock::new(format!("users/departure-lock/{}", job.user_id));
        if self.offline {
            lock.break_open(self.store, self.clock).await?;
            let of_record = changes::lock(&job.user_id);
            of_record.break_open(self.store, self.clock).await?;
        }
        let Some(held) = lock.acquire(self.store, self.clock).await? else {
            return Ok(Progress::Pending);
        };
        let progress = self.go_on(number, &job, &held).await;
        if held.is_good(self.clock) {
            // A lock that stays is in nobody's way for long.
            let _ = held.release(self.store).await;
        }
        progress
    }

    async fn go_on(&self, number: u64, job: &Job, held: &Held) -> Result<Progress, DepartureError> {
        if let Some(account) = find(self.store, &job.user_id).await? {
            let Some(since) = account.leaving_since else {
                if !self.is_old(job) {
                    return Ok(Progress::Pending);
                }
                self.forget(number, Vec::new()).await?;
                return Ok(Progress::Nothing);
            };
            // One may have begun beside the mark.
            endings::end_all(self.store, self.clock, &job.user_id).await?;
            if !self.purge(&job.user_id, since, held).await? {
                return Ok(Progress::Pending);
            }
            let mut keys = sessions::keys_of_all(self.store, &job.user_id).await?;
            keys.extend(Attempts::at_own(&job.user_id).keys());
            keys.push(resets::record(&job.user_id).key().to_owned());
            match accounts::remove(self.store, self.clock, &account, &keys).await {
                Ok(()) => {}
                Err(ChangeError::Ledger(error)) => return Err(error.into()),
                Err(ChangeError::Busy | ChangeError::Unknown) => return Ok(Progress::Pending),
            }
            // Where this is not done, readers of the directory do it.
            directory::bury(self.store, &[account.number]).await?;
        }
        self.forget_names(number, job).await?;
        Ok(Progress::Finished {
            user_id: job.user_id.clone(),
        })
    }

    /// Removes what tells that the account had its names, and then the job.
    async fn forget_names(&self, number: u64, job: &Job) -> Result<(), LedgerError> {
        let email = job.email_digest.as_deref().map(Name::email_digest);
        let (mut skips, mut keys) = (Vec::new(), Vec::new());
        for name in email.into_iter().chain([Name::username(&job.username)]) {
            if let Some((skip, attempt)) = name.release(self.store, &job.user_id).await? {
                skips.push(skip);
                keys.push(attempt);
            }
        }
        if !skips.is_empty() {
            self.store.set_many(&skips).await?;
        }
        self.forget(number, keys).await
    }

    /// Has the other services remove what they have: first the files, whose end video-service and usage-service are told
    /// of. Whether all is gone, and nothing can come any more.
    async fn purge(
        &self,
        user_id: &str,
        since: Timestamp,
        held: &Held,
    ) -> Result<bool, PeerFailure> {
        let mut calls = 0;
        loop {
            let began_at = self.now();
            for kept in [Kept::Files, Kept::Videos, Kept::Usage] {
                loop {
                    if calls == MAX_CALLS || !held.is_good(self.clock) {
                        return Ok(false);
                    }
                    calls += 1;
                    let purged = self.peers.purge(kept, user_id).await?;
                    if purged.done {
                        break;
                    }
                    if purged.removed == 0 {
                        // Something goes on there that has to end first.
                        return Ok(false);
                    }
                }
            }
            let known_ms = since.as_ms().saturating_add(KNOWN_WITHIN_MS);
            if self.offline || began_at.as_ms() >= known_ms {
                return Ok(true);
            }
            let now_ms = self.clock.now_ms();
            // No longer than it can be, should the clock be set back meanwhile.
            let left_ms = known_ms.saturating_sub(now_ms);
            self.clock.sleep_ms(left_ms.min(KNOWN_WITHIN_MS)).await;
        }
    }

    /// Removes a job, after these keys.
    async fn forget(&self, number: u64, mut keys: Vec<String>) -> Result<(), LedgerError> {
        keys.push(cell(number).key().to_owned());
        self.store.delete_many(&keys).await?;
        roster().bury(self.store, &[number]).await
    }

    /// Whether the request that wrote this job cannot mark its account any more.
    fn is_old(&self, job: &Job) -> bool {
        let age_ms = self.clock.now_ms().abs_diff(job.written_at.as_ms());
        self.offline || age_ms > DEAD_AFTER_MS
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.clock.now_ms())
    }
}

fn roster() -> Roster {
    Roster::new(PREFIX)
}

fn cell(number: u64) -> Cell<Job> {
    roster().cell(number)
}

#[cfg(test)]
#[path = "departure_tests.rs"]
mod tests;
