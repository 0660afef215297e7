//! Everything of a user goes: the files, then what is known of the user.

use spinreel_api::internal::Purged;
use spinreel_gcs::TokenCache;
use spinreel_ledger::{LedgerError, Patience};
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::delete::DeleteError;
use super::peers::Peers;
use super::record::{Record, Registration, UserFiles};
use super::storage::{SettleError, Storage};
use super::sweep::users;
use super::tidy::Eagerness;

/// How many files go at most in one call.
const PAGE: usize = 32;
/// After this long, a call begins with no further file, in milliseconds.
const LONGEST_MS: u64 = 20_000;

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Removes a part of everything of a user: first what is abandoned is brought to its end, then files go as in any
    /// other deletion. It is done when there is no file, and nothing goes on that may leave one: an upload that is
    /// still running holds it up. A call that died anywhere is made up for by the next one.
    ///
    /// Before anything else the user gets a tombstone, which stays: what begins after that is refused, and an upload that
    /// is running ends at its next chunk.
    ///
    /// A file that cannot be removed does not keep the others; where none can be, that is the error. A bucket that does
    /// not answer is not asked for the next file.
    pub async fn purge(&self, files: &UserFiles) -> Result<Purged, DeleteError> {
        self.bury(files).await?;
        self.tidy(files, Eagerness::Now).await?;
        let began_ms = self.clock.now_ms();
        for number in self.uploads_of(files).await? {
            if self.clock.now_ms().saturating_sub(began_ms) > LONGEST_MS {
                return Ok(Purged::default());
            }
            // One that somebody is completing is a file when the next call comes.
            match self.end_by_number(files, number).await {
                Ok(_) | Err(SettleError::Busy) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mark = files.intents.mark(&self.store).await?;
        let page = files
            .roster
            .page(&self.store, None, PAGE, async |number| {
                let record = files.record(number).get(&self.store).await?;
                Ok::<_, LedgerError>(Record::found(record))
            })
            .await?;
        let dead = page.empty.into_iter().filter(|number| *number <= mark.over);
        // One that is not struck costs readers a look.
        let _ = files
            .roster
            .bury(&self.store, &dead.collect::<Vec<_>>())
            .await;
        let mut purged = Purged::default();
        let mut failure = None;
        for (number, file) in page.items {
            if self.clock.now_ms().saturating_sub(began_ms) > LONGEST_MS {
                return Ok(purged);
            }
            match self.remove(files, number, file).await {
                Ok(_) => purged.removed += 1,
                Err(DeleteError::NotFound) => {}
                Err(error) => {
                    let is_over = is_everybodys(&error);
                    failure.get_or_insert(error);
                    if is_over {
                        break;
                    }
                }
            }
        }
        match failure {
            Some(failure) if purged.removed == 0 => return Err(failure),
            None if page.next.is_none() => {
                // What the deletions left goes with them.
                self.tidy(files, Eagerness::Now).await?;
                purged.done = self.is_gone(files).await?;
            }
            Some(_) | None => {}
        }
        Ok(purged)
    }

    /// Forgets the user if nothing is left; whether that is so.
    ///
    /// What stays is the tombstone, and numbers, under five keys at most where the user has not had millions of files:
    /// - `files/head`: a number must not be given twice. It is in the locations that others know, and in objects and
    ///   intents that a call brings which is late; with the same number these would be taken for another file's.
    /// - `files/dead/…` and `files/mark`: without them, every walk would go through all numbers up to the head again.
    /// - `used`: an upload that begins at this moment may have moved it already. Deleted, it would be too low.
    ///
    /// Names and locks of the dead, which nothing leads to any more, mean nothing.
    ///
    /// An upload takes its number first and looks for the tombstone after that. So of two that race, either the purge sees
    /// the number, or the upload the tombstone. A first upload that saw none may write its registration over it, but not
    /// after its number is over: where the tombstone is still there when all numbers are, it stays.
    async fn is_gone(&self, files: &UserFiles) -> Result<bool, LedgerError> {
        let Some(count) = self.count(files, Patience::Leases).await? else {
            return Ok(false);
        };
        if !count.is_empty()
            || !self.is_buried(files).await?
            || files.roster.head(&self.store).await? != count.head
        {
            return Ok(false);
        }
        self.unregister(files).await?;
        let keys = [
            files.limit().key().to_owned(),
            files.alerted().key().to_owned(),
            files.falls_key(),
            files.waiting().key().to_owned(),
        ];
        self.store.delete_many(&keys).await?;
        Ok(true)
    }

    /// Writes the user's tombstone. The number that sweeps know the user by is noted before, and they do until nothing is
    /// left. Where a user's first upload registers at this very moment, or died while it did, they look in vain ever after.
    async fn bury(&self, files: &UserFiles) -> Result<(), LedgerError> {
        let registration = files.registration();
        match registration.get(&self.store).await? {
            Some(Registration::Gone) => return Ok(()),
            Some(Registration::Known(number)) => {
                let leaving = files.leaving().get(&self.store).await?;
                if leaving.is_some_and(|leaving| leaving != number) {
                    self.unregister(files).await?;
                }
                files.leaving().set(&self.store, &number).await?;
            }
            None => {}
        }
        registration.set(&self.store, &Registration::Gone).await
    }

    /// Makes a user with a tombstone unknown to sweeps. A call that dies leaves the number for the next one.
    async fn unregister(&self, files: &UserFiles) -> Result<(), LedgerError> {
        let Some(number) = files.leaving().get(&self.store).await? else {
            return Ok(());
        };
        users().cell::<String>(number).delete(&self.store).await?;
        // One that is not struck costs sweeps a look.
        let _ = users().bury(&self.store, &[number]).await;
        files.leaving().delete(&self.store).await
    }
}

/// Whether the next file would fail in the same way.
fn is_everybodys(error: &DeleteError) -> bool {
    match error {
        DeleteError::Bucket(error) => error.is_temporary(),
        DeleteError::Ledger(_) => true,
        DeleteError::NotFound | DeleteError::Busy | DeleteError::Peer(_) => false,
    }
}
