//! The list of all accounts, for admins.
//!
//! Each account has a number, and under it an entry that says what admins see. It is written together with the
//! account's record, before it by the registration, so that no account is missing, and after it by every change, under
//! the account's lock. So a page needs no other records. (Where a store does not write together, a registration that dies
//! between the two leaves an entry that no account belongs to: it is listed, and nobody can use or change it.)

use serde::{Deserialize, Serialize};
use spinreel_api::accounts::ManagedUser;
use spinreel_ledger::{Cell, DEAD_AFTER_MS, Found, LedgerError, Roster};
use spinreel_platform::{Clock, Store};

use super::accounts::Account;

const PREFIX: &str = "users/roster";

#[derive(Serialize, Deserialize)]
struct Entry {
    user: ManagedUser,
    /// Whether its owner ended it, so that it is listed no more.
    is_leaving: bool,
}

/// A part of the list, newest first.
pub(crate) struct AccountPage {
    pub(crate) accounts: Vec<ManagedUser>,
    /// Where the next page begins; `None` where nothing is left.
    pub(crate) next: Option<u64>,
}

/// A number for an account that is to be. Its entry must be written soon, or never.
pub(crate) async fn allocate(store: &impl Store, clock: &impl Clock) -> Result<u64, LedgerError> {
    roster().allocate_timely(store, clock, 1).await
}

/// The entry of an account as it is, to be written in one call with the account's record.
pub(crate) fn entry(account: &Account) -> Result<(String, Vec<u8>), LedgerError> {
    cell(account.number).pair(&Entry {
        user: account.managed(),
        is_leaving: account.leaving_since.is_some(),
    })
}

/// The key of the entry of an account that is to be no more, to be deleted with its record; then its number can be
/// [buried](bury).
pub(crate) fn entry_key(account: &Account) -> String {
    cell(account.number).key().to_owned()
}

/// Forgets numbers whose accounts are no more, or will never be.
pub(crate) async fn bury(store: &impl Store, numbers: &[u64]) -> Result<(), LedgerError> {
    roster().bury(store, numbers).await
}

/// At most `limit` accounts, newest first, from below number `before` (the newest where `None`) downwards. Departing
/// ones are left out. Numbers that are found dead are buried.
///
/// A page may be short, or even empty, and still have a `next`: it looks at a bounded number of entries. Costs a read for
/// each account and [those of a page](Roster).
pub(crate) async fn page(
    store: &impl Store,
    clock: &impl Clock,
    before: Option<u64>,
    limit: usize,
) -> Result<AccountPage, LedgerError> {
    let roster = roster();
    let now_ms = clock.now_ms();
    // The newest number that is known to be old: all below are as old.
    let mut old: Option<u64> = None;
    let look = async |number| -> Result<Found<ManagedUser>, LedgerError> {
        let Some(entry) = cell(number).get(store).await? else {
            return Ok(Found::Nothing);
        };
        let created_ms = entry.user.user.created_at.as_ms();
        if now_ms.abs_diff(created_ms) > DEAD_AFTER_MS {
            old.get_or_insert(number);
        }
        Ok(match entry.is_leaving {
            true => Found::Other,
            false => Found::Item(entry.user),
        })
    };
    let page = roster.page(store, before, limit, look).await?;
    let is_old = |number: &u64| old.is_some_and(|old| *number <= old);
    let dead: Vec<u64> = page.empty.into_iter().filter(is_old).collect();
    if !dead.is_empty() {
        // The page is good whether or not the next one gets cheaper.
        let _ = bury(store, &dead).await;
    }
    Ok(AccountPage {
        accounts: page.items.into_iter().map(|(_, user)| user).collect(),
        next: page.next,
    })
}

fn roster() -> Roster {
    Roster::new(PREFIX)
}

fn cell(number: u64) -> Cell<Entry> {
    roster().cell(number)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use spinreel_platform::memory::{ManualClock, MemoryStore};

    use super::super::accounts::testing::{id, registered};
    use super::super::accounts::{ChangeError, change, remove};
    use super::*;

    const NOW_MS: u64 = 1_700_000_000_000;

    fn ids(page: &AccountPage) -> Vec<&str> {
        page.accounts
            .iter()
            .map(|account| &*account.user.id)
            .collect()
    }

    #[test]
    fn all_accounts_are_listed_newest_first_page_by_page() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
        block_on(async {
            for number in 1..=5 {
                registered(&store, &clock, number).await;
            }
            let first = page(&store, &clock, None, 3).await.unwrap();
            assert_eq!(ids(&first), [id(5), id(4), id(3)]);
            let second = page(&store, &clock, first.next, 3).await.unwrap();
            assert_eq!(ids(&second), [id(2), id(1)]);
            assert_eq!(second.next, None);
        });
    }

    #[test]
    fn a_number_that_was_never_used_is_skipped_and_buried_when_it_is_old() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
        block_on(async {
            registered(&store, &clock, 1).await;
            for _ in 0..2 {
                allocate(&store, &clock).await.unwrap();
            }
            registered(&store, &clock, 3).await;
            let keys = store.keys();
            let young = page(&store, &clock, None, 9).await.unwrap();
            assert_eq!(ids(&young), [id(3), id(1)]);
            assert_eq!(store.keys(), keys);
            clock.advance_ms(DEAD_AFTER_MS + 1);
            page(&store, &clock, None, 9).await.unwrap();
            let roster = roster();
            let mut walk = roster.walk(&store, None, 4);
            assert_eq!(walk.next().await.unwrap(), Some(4));
            assert_eq!(walk.next().await.unwrap(), Some(1));
            let again = page(&store, &clock, None, 9).await.unwrap();
            assert_eq!(ids(&again), [id(3), id(1)]);
        });
    }

    #[test]
    fn an_account_is_listed_as_it_is_and_no_more_when_it_leaves_or_is_gone() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
        block_on(async {
            registered(&store, &clock, 1).await;
            let gone = registered(&store, &clock, 2).await;
            registered(&store, &clock, 3).await;
            let alter = async |number, alter: fn(&mut Account)| {
                let id = id(number);
                let altered = change(&store, &clock, &id, async |account: &mut Account| {
                    alter(account);
                    Ok::<_, ChangeError>(())
                });
                altered.await.unwrap()
            };
            let first = alter(1, |account| account.storage_limit = Some(7)).await;
            alter(3, |account| {
                account.leaving_since = Some(account.created_at)
            })
            .await;
            remove(&store, &clock, &gone, &[]).await.unwrap();
            let left = page(&store, &clock, None, 9).await.unwrap();
            assert_eq!(left.accounts, [first.managed()]);
        });
    }
}
