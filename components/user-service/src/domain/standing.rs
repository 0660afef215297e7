//! What an access token is good for at this moment, whatever it says.

use spinreel_api::accounts::Role;
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, Store};

use super::accounts::{self, Account};
use super::sessions::{self, SessionId};

/// The role of a user in the session `session_id` (`sid`); `None` where the session is over or is not the user's, or
/// the account is disabled, departing or gone. Costs 2 reads, and another one where the session is older than its first
/// refresh token.
pub(crate) async fn standing(
    store: &impl Store,
    clock: &impl Clock,
    user_id: &str,
    session_id: &str,
) -> Result<Option<Role>, LedgerError> {
    let Some(id) = SessionId::parse(session_id).filter(|id| id.user_id() == user_id) else {
        return Ok(None);
    };
    let Some(account) = accounts::find(store, user_id)
        .await?
        .filter(Account::is_open)
    else {
        return Ok(None);
    };
    Ok(sessions::is_live(store, clock, &id)
        .await?
        .then_some(account.role))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use spinreel_platform::memory::{ManualClock, MemoryStore, SeededRandom};

    use super::super::accounts::testing::{id, registered};
    use super::super::accounts::{ChangeError, change};
    use super::super::endings;
    use super::*;

    const NOW_MS: u64 = 1_700_000_000_000;

    #[test]
    fn a_session_is_good_until_it_ends_or_its_account_is_shut_and_for_its_user_alone() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
        let random = SeededRandom::new(1);
        block_on(async {
            registered(&store, &clock, 1).await;
            registered(&store, &clock, 2).await;
            let begin = async || {
                let begun = sessions::begin(&store, &clock, &random, &id(1), None, 60).await;
                begun.unwrap().id
            };
            let (first, second) = (begin().await, begin().await);
            let role = async |user_id: &str, session: &str| {
                let standing = standing(&store, &clock, user_id, session).await;
                standing.unwrap()
            };
            let alter = async |alter: fn(&mut Account)| {
                let altered = change(&store, &clock, &id(1), async |account: &mut Account| {
                    alter(account);
                    Ok::<_, ChangeError>(())
                })
                .await;
                altered.unwrap();
            };
            assert_eq!(role(&id(1), &first.to_string()).await, Some(Role::User));
            assert_eq!(role(&id(2), &first.to_string()).await, None);
            assert_eq!(role(&id(1), "no session").await, None);
            endings::end(&store, &clock, &first).await.unwrap();
            assert_eq!(role(&id(1), &first.to_string()).await, None);
            let second = second.to_string();
            alter(|account| account.role = Role::Admin).await;
            assert_eq!(role(&id(1), &second).await, Some(Role::Admin));
            alter(|account| account.disabled = true).await;
            assert_eq!(role(&id(1), &second).await, None);
            alter(|account| account.disabled = false).await;
            assert_eq!(role(&id(1), &second).await, Some(Role::Admin));
            clock.advance_ms(60_000);
            assert_eq!(role(&id(1), &second).await, None);
        });
    }
}
