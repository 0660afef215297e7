//! What a session is good for at a moment.

use spinreel_api::accounts::Role;
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, Store};

use super::accounts;
use super::sessions::{self, SessionId};

/// What the user of a session may do now; `None` where the session is over, is another user's or none, or where the
/// account is shut or gone.
pub(crate) async fn standing(
    store: &impl Store,
    clock: &impl Clock,
    user_id: &str,
    session_id: &str,
) -> Result<Option<Role>, LedgerError> {
    let Some(session) = SessionId::parse(session_id).filter(|id| id.user_id() == user_id) else {
        return Ok(None);
    };
    if !sessions::is_live(store, clock, &session).await? {
        return Ok(None);
    }
    let account = accounts::find(store, user_id).await?;
    let open = account.filter(|account| account.is_open());
    Ok(open.map(|account| account.role))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use spinreel_platform::memory::{ManualClock, MemoryStore, SeededRandom};

    use super::super::accounts::{NewAccount, register};
    use super::super::validation::Email;
    use super::*;

    const ADA: &str = "0190c0de-0000-7000-8000-000000000001";
    const EVE: &str = "0190c0de-0000-7000-8000-000000000002";

    #[test]
    fn a_session_stands_as_long_as_it_lives_and_its_account_is_open() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(1_700_000_000_000));
        let random = SeededRandom::new(1);
        block_on(async {
            let new = NewAccount {
                id: ADA.to_owned(),
                email: Email::parse("ada@example.org").unwrap(),
                username: "ada".to_owned(),
                role: Role::User,
                password_hash: "$argon2id$".to_owned(),
            };
            register(&store, &clock, new).await.unwrap();
            let begun = sessions::begin(&store, &clock, &random, ADA, None, 1_000)
                .await
                .unwrap();
            let session = begun.id.to_string();
            let ask = async |user_id: &str, session_id: &str| {
                standing(&store, &clock, user_id, session_id).await.unwrap()
            };
            assert_eq!(ask(ADA, &session).await, Some(Role::User));
            assert_eq!(ask(EVE, &session).await, None);
            for other in ["", "x", &format!("{ADA}.2"), &format!("{EVE}.1")] {
                assert_eq!(ask(ADA, other).await, None, "{other}");
            }
            sessions::end(&store, &clock, &begun.id).await.unwrap();
            assert_eq!(ask(ADA, &session).await, None);
            // A session of an account that is not there.
            let begun = sessions::begin(&store, &clock, &random, EVE, None, 1_000)
                .await
                .unwrap();
            assert_eq!(ask(EVE, &begun.id.to_string()).await, None);
        });
    }
}
