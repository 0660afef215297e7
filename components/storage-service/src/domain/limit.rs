//! What a user may store: what everybody may, or a limit of their own.

use spinreel_gcs::TokenCache;
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::peers::Peers;
use super::record::UserFiles;
use super::storage::{Storage, signed};

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

    /// What a user may store, in bytes: one `get`.
    pub(super) async fn limit_of(&self, files: &UserFiles) -> Result<i64, LedgerError> {
        let own = files.limit().get(&self.store).await?;
        Ok(own.unwrap_or(self.limit))
    }
}
