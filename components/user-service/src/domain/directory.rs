//! The list of all accounts, for admins.
//!
//! A registration takes a number and enters the account before it writes the record, so that no account is missing;
//! an entry whose account does not exist is skipped.

use serde::{Deserialize, Serialize};
use spinreel_ledger::{Cell, DEAD_AFTER_MS, Found, LedgerError, Roster};
use spinreel_platform::{Clock, Store};

use super::accounts::{self, Account};

const PREFIX: &str = "users/roster";

#[derive(Serialize, Deserialize)]
struct Entry {
    account_id: String,
    /// When it was written, in milliseconds since the Unix epoch.
    entered_ms: u64,
}

/// A part of the list, newest first.
pub(crate) struct AccountPage {
    pub(crate) accounts: Vec<Account>,
    /// Where the next page begins; `None` where nothing is left.
    pub(crate) next: Option<u64>,
}

/// Enters an account that is to be, and gives its number. The record must be written soon, or never.
pub(crate) async fn enter(
    store: &impl Store,
    clock: &impl Clock,
    account_id: &str,
) -> Result<u64, LedgerError> {
    let number = roster().allocate_timely(store, clock, 1).await?;
    let entry = Entry {
        account_id: account_id.to_owned(),
        entered_ms: clock.now_ms(),
    };
    cell(number).set(store, &entry).await?;
    Ok(number)
}

/// Removes the entry of an account that will not be, or is to be no more.
pub(crate) async fn strike(store: &impl Store, number: u64) -> Result<(), LedgerError> {
    cell(number).delete(store).await?;
    roster().bury(store, &[number]).await
}

/// At most `limit` accounts, newest first, from below number `before` (the newest where `None`) downwards. Departing
/// ones are left out. Numbers that are found dead are buried.
///
/// A page may be short, or even empty, and still have a `next`: it looks at a bounded number of entries.
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
    let look = async |number| -> Result<Found<Account>, LedgerError> {
        let Some(entry) = cell(number).get(store).await? else {
            return Ok(Found::Nothing);
        };
        if now_ms.saturating_sub(entry.entered_ms) > DEAD_AFTER_MS {
            old.get_or_insert(number);
        }
        let account = accounts::find(store, &entry.account_id).await?;
        Ok(match account.filter(|account| account.number == number) {
            None => Found::Nothing,
            Some(account) if account.leaving_since.is_some() => Found::Other,
            Some(account) => Found::Item(account),
        })
    };
    let page = roster.page(store, before, limit, look).await?;
    let is_old = |number: &u64| old.is_some_and(|old| *number <= old);
    let dead: Vec<u64> = page.empty.into_iter().filter(is_old).collect();
    // The page is good whether or not the next one gets cheaper.
    let _ = bury(store, &dead).await;
    Ok(AccountPage {
        accounts: page.items.into_iter().map(|(_, account)| account).collect(),
        next: page.next,
    })
}

async fn bury(store: &impl Store, dead: &[u64]) -> Result<(), LedgerError> {
    if dead.is_empty() {
        return Ok(());
    }
    let keys: Vec<String> = dead.iter().map(|n| cell(*n).key().to_owned()).collect();
    store.delete_many(&keys).await?;
    roster().bury(store, dead).await
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
    use super::*;

    const NOW_MS: u64 = 1_700_000_000_000;

    fn ids(page: &AccountPage) -> Vec<&str> {
        page.accounts.iter().map(|account| &*account.id).collect()
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
    fn an_entry_without_its_account_is_skipped_and_buried_when_it_is_old() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
        block_on(async {
            registered(&store, &clock, 1).await;
            let dead = enter(&store, &clock, &id(2)).await.unwrap();
            roster().allocate(&store, 1).await.unwrap();
            registered(&store, &clock, 3).await;
            let keys = store.keys();
            let young = page(&store, &clock, None, 9).await.unwrap();
            assert_eq!(ids(&young), [id(3), id(1)]);
            assert_eq!(store.keys(), keys);
            clock.advance_ms(DEAD_AFTER_MS + 1);
            page(&store, &clock, None, 9).await.unwrap();
            assert!(!store.keys().contains(&format!("{PREFIX}/{dead}")));
            let mut walk = roster().walk(&store, None, 4).next().await.unwrap();
            assert_eq!(walk.take(), Some(4));
            let again = page(&store, &clock, None, 9).await.unwrap();
            assert_eq!(ids(&again), [id(3), id(1)]);
        });
    }

    #[test]
    fn an_account_that_is_struck_is_listed_no_more() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
        block_on(async {
            registered(&store, &clock, 1).await;
            let account = registered(&store, &clock, 2).await;
            strike(&store, account.number).await.unwrap();
            let left = page(&store, &clock, None, 9).await.unwrap();
            assert_eq!(ids(&left), [id(1)]);
        });
    }
}
