//! What a user may store: as many bytes as everybody may, or a limit of their own, and so many files.
//!
//! Files are not counted anywhere: that would cost every upload a write. Every file has a number, and numbers are given in
//! order, so whoever gets one up to the limit cannot have too many. After that the maps of the dead tell how many numbers
//! are not known to be over, without a look at a file; and only where these are too many, files are looked at.

use std::collections::BTreeSet;

use spinreel_gcs::TokenCache;
use spinreel_ledger::{LedgerError, Patience};
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::peers::Peers;
use super::record::{Operation, Record, UserFiles};
use super::storage::{Storage, signed};
use super::tidy::Eagerness;

/// The most bytes that a limit may have: what every JSON reader takes for a number (RFC 8259, section 6).
pub const MAX_LIMIT: u64 = 1 << 53;

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Gives a user a limit of their own, in bytes; `None` takes it away.
    ///
    /// Uploads that begin later are held to it. What is stored stays, so a user may have more than a limit that was
    /// lowered.
    pub async fn set_limit(
        &self,
        files: &UserFiles,
        limit_bytes: Option<u64>,
    ) -> Result<(), LedgerError> {
        let old = self.limit_of(files).await?;
        let new = limit_bytes.map(signed);
        match new {
            Some(limit) => files.limit().set(&self.store, &limit).await?,
            None => files.limit().delete(&self.store).await?,
        }
        let new = new.unwrap_or(self.limit);
        let used = files.used.get(&self.store).await?;
        self.note_fall(files, (used, old), (used, new)).await;
        Ok(())
    }

    /// Whether the file that gets `number` is one of those that the user may have.
    ///
    /// Every lower number counts that is a file, or may become one, but attachments: so of two that race for the last place, the one with the
    /// higher number sees the other. An upload that died counts until a lease after the first look at it.
    ///
    /// No call as long as the user has done no more operations than there may be files; after that 1 `get` for each map of
    /// 4,096 numbers; and where files and what is not known to be over are too many, 1 for each of them.
    pub(super) async fn has_place(
        &self,
        files: &UserFiles,
        number: u64,
    ) -> Result<bool, LedgerError> {
        let most = self.files_per_user;
        if !files
            .roster
            .has_more_than(&self.store, number, most)
            .await?
        {
            return Ok(true);
        }
        let mark = files.intents.mark(&self.store).await?;
        // Numbers above this one may be of deletions that say which of the lower ones are over.
        let head = files.roster.head(&self.store).await?;
        let mut deleted = BTreeSet::new();
        let mut taken = 0;
        let mut walk = files.roster.walk(&self.store, None, head);
        while let Some(at) = walk.next().await? {
            let counts = match files.record(at).get(&self.store).await? {
                Some(Record::File(file)) => file.head.purpose.is_video(),
                Some(Record::Intent(intent)) => match intent.operation {
                    Operation::Upload(upload) => upload.head.purpose.is_video(),
                    Operation::Resumable(_) => true,
                    Operation::Deletion(deletion) => {
                        deleted.insert(deletion.number);
                        false
                    }
                    Operation::Rest(_) => false,
                },
                None => {
                    let now_ms = self.clock.now_ms();
                    !deleted.contains(&at) && !mark.is_over(at, now_ms, Patience::Leases)
                }
            };
            taken += u64::from(counts && at <= number);
            if taken > most {
                if mark.is_old(&self.clock) {
                    // Whoever died is known to be dead a lease after somebody looked.
                    self.tidy(files, Eagerness::Now).await?;
                }
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What a user may store, in bytes: one `get`.
    pub(super) async fn limit_of(&self, files: &UserFiles) -> Result<i64, LedgerError> {
        let own = files.limit().get(&self.store).await?;
        Ok(own.unwrap_or(self.limit))
    }
}

#[cfg(test)]
#[path = "limit_tests.rs"]
mod tests;
