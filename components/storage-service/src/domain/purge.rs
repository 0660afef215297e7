//! Everything of a user goes: the files, then what is known of the user.

use spinreel_api::internal::Purged;
use spinreel_gcs::TokenCache;
use spinreel_ledger::{LedgerError, Patience};
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::delete::DeleteError;
use super::peers::Peers;
use super::record::{Record, UserFiles};
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
    /// A file that cannot be removed does not keep the others; where none can be, that is the error. A bucket that does
    /// not answer is not asked for the next file.
    pub async fn purge(&self, files: &UserFiles) -> Result<Purged, DeleteError> {
        self.tidy(files, Eagerness::Now).await?;
        let began_ms = self.clock.now_ms();
        for number in self.uploads_of(files).await? {
            if self.clock.now_ms().saturating_sub(began_ms) > LONGEST_MS {
                return Ok(Purged::default());
            }
            // One that somebody is completing is a file when the next call comes.
            match self.end_under_lock(files, number).await {
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
    /// What stays are numbers, under five keys at most where the user has not had millions of files:
    /// - `files/head`: a number must not be given twice. It is in the locations that others know, and in objects and
    ///   intents that a call brings which is late; with the same number these would be taken for another file's.
    /// - `files/dead/…` and `files/mark`: without them, every walk would go through all numbers up to the head again.
    /// - `used`: an upload that begins at this moment may have moved it already. Deleted, it would be too low.
    ///
    /// Names and locks of the dead, which nothing leads to any more, mean nothing.
    async fn is_gone(&self, files: &UserFiles) -> Result<bool, LedgerError> {
        let Some(count) = self.count(files, Patience::Leases).await? else {
            return Ok(false);
        };
        if !count.is_empty() || !self.unregister(files, count.head).await? {
            return Ok(false);
        }
        let keys = [
            files.limit().key().to_owned(),
            files.alerted().key().to_owned(),
            files.falls_key(),
        ];
        self.store.delete_many(&keys).await?;
        Ok(true)
    }

    /// Makes a user unknown to sweeps who had nothing when `head` was the last number; `false` where something has begun
    /// since.
    ///
    /// An upload takes its number first and looks for its user's registration after that. So once the registration is
    /// gone, either its number can be seen here, or it registers anew, under another number. Until the old number is
    /// struck it is noted where the next call finds it, and until then sweeps know the user by it.
    async fn unregister(&self, files: &UserFiles, head: u64) -> Result<bool, LedgerError> {
        let (registration, leaving) = (files.registration(), files.leaving());
        // The one that an earlier call left goes first; after it there may be another; then there is none.
        for _ in 0..3 {
            let number = match leaving.get(&self.store).await? {
                Some(number) => number,
                None => {
                    let Some(number) = registration.get(&self.store).await? else {
                        return Ok(true);
                    };
                    leaving.set(&self.store, &number).await?;
                    number
                }
            };
            if registration.get(&self.store).await? == Some(number) {
                registration.delete(&self.store).await?;
            }
            if files.roster.head(&self.store).await? != head {
                return Ok(false);
            }
            users().cell::<String>(number).delete(&self.store).await?;
            // One that is not struck costs sweeps a look.
            let _ = users().bury(&self.store, &[number]).await;
            leaving.delete(&self.store).await?;
        }
        Ok(false)
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
