//! Finishing what others left half-done, for all users.

use spinreel_gcs::TokenCache;
use spinreel_ledger::{Found, LedgerError, Roster};
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::peers::Peers;
use super::record::{Registration, UserFiles};
use super::storage::Storage;
use super::tidy::Eagerness;

/// Users that one call looks at.
const PAGE: usize = 16;
/// The most looks at one user's operations in a call.
const LOOKS: u32 = 16;

/// What one call did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Users that were looked at.
    pub users: u64,
    /// Operations that were brought to their end.
    pub settled: u64,
    /// Users whose counter was made the sum of their files.
    pub recounted: u64,
    /// Operations that go on, or could not be finished now.
    pub pending: u64,
    /// Where the next call goes on; `None` where all users were looked at.
    pub next: Option<u64>,
}

/// All users that ever uploaded something.
pub(super) fn users() -> Roster {
    Roster::new("storage/users")
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Makes a user known to sweeps who has a number for what may have to be swept; `false` where the user is gone and
    /// nothing may begin. Twice does no harm: then a sweep looks twice.
    pub(super) async fn register(&self, files: &UserFiles) -> Result<bool, LedgerError> {
        if let Some(known) = files.registration().get(&self.store).await? {
            return Ok(known != Registration::Gone);
        }
        let number = users().allocate(&self.store, 1).await?;
        // One after the other: a batch may stay half-done, and who is noted as known must be known.
        let cell = users().cell(number);
        cell.set(&self.store, &files.user_id().to_owned()).await?;
        let known = Registration::Known(number);
        files.registration().set(&self.store, &known).await?;
        Ok(true)
    }

    /// Whether the user ever had something here, or a tombstone: one `get`.
    pub(super) async fn is_known(&self, files: &UserFiles) -> Result<bool, LedgerError> {
        let known = files.registration().get(&self.store).await?;
        Ok(known.is_some())
    }

    /// Whether the user has a tombstone: one `get`.
    pub(super) async fn is_buried(&self, files: &UserFiles) -> Result<bool, LedgerError> {
        let known = files.registration().get(&self.store).await?;
        Ok(known == Some(Registration::Gone))
    }

    /// Finishes what is abandoned, for a page of users from before `cursor` (the newest where `None`).
    pub async fn sweep(
        &self,
        cursor: Option<u64>,
        eagerness: Eagerness,
    ) -> Result<Swept, LedgerError> {
        let roster = users();
        let page = roster
            .page(&self.store, cursor, PAGE, async |number| {
                let user_id = roster.cell::<String>(number).get(&self.store).await?;
                Ok::<_, LedgerError>(user_id.map_or(Found::Nothing, Found::Item))
            })
            .await?;
        let mut swept = Swept {
            next: page.next,
            ..Swept::default()
        };
        for (_, user_id) in page.items {
            swept.users += 1;
            self.sweep_user(&UserFiles::new(&user_id), eagerness, &mut swept)
                .await?;
        }
        Ok(swept)
    }

    async fn sweep_user(
        &self,
        files: &UserFiles,
        eagerness: Eagerness,
        swept: &mut Swept,
    ) -> Result<(), LedgerError> {
        for _ in 0..LOOKS {
            let tidied = self.tidy(files, eagerness).await?;
            swept.settled += tidied.settled;
            swept.recounted += u64::from(tidied.recounted);
            if tidied.more && tidied.settled > 0 {
                continue;
            }
            swept.pending += tidied.pending + u64::from(tidied.more);
            break;
        }
        Ok(())
    }
}
