//! A user changes the own password.

use spinreel_api::accounts::ChangePassword;
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, Random, Store};
use thiserror::Error;

use super::accounts::{Account, ChangeError, change_together, find};
use super::attempts::Attempts;
use super::endings;
use super::guesses::{Guess, Pause};
use super::hashing::{self, Who};
use super::passwords::{self, HashError};
use super::sessions::SessionId;
use super::validation;

/// Why a password was not changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum PasswordError {
    /// The current password is another one.
    #[error("the current password is wrong")]
    Wrong,
    /// Too many guesses at the password failed.
    #[error("there were too many attempts")]
    TooMany(Pause),
    /// As many passwords are hashed as may be at once.
    #[error("too many passwords are hashed at once")]
    Crowded,
    /// The new password cannot be one of this account.
    #[error("the new password {0}")]
    Fault(&'static str),
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// See [`ChangeError`].
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<LedgerError> for PasswordError {
    fn from(error: LedgerError) -> Self {
        Self::Change(error.into())
    }
}

/// Changes the password of the user of `session`, and ends the user's other sessions.
///
/// They end in the call that writes the password, since one that dies once the password is changed cannot be repeated with
/// the old one; and they are looked for once more after that, since a session may have begun with the old one beside it.
/// See [`hashing::may_begin`] for `hashes_per_second`; the change counts as one.
pub(crate) async fn change_password(
    store: &impl Store,
    clock: &impl Clock,
    random: &impl Random,
    hashes_per_second: u64,
    session: &SessionId,
    wish: &ChangePassword,
) -> Result<Account, PasswordError> {
    let id = session.user_id();
    let known = find(store, id).await?.filter(Account::is_open);
    let known = known.ok_or(ChangeError::Unknown)?;
    if let Some(fault) = validation::password_fault(&wish.password, &known.email, &known.username) {
        return Err(PasswordError::Fault(fault));
    }
    check(
        store,
        clock,
        hashes_per_second,
        &known,
        &wish.current_password,
    )
    .await?;
    let hash = passwords::hash(&wish.password, random)?;
    let account = change_together(store, clock, id, async |account: &mut Account| {
        // Another change, or a sign-in that hashed the same password anew, may have come first.
        if account.password_hash != known.password_hash
            && !passwords::verify(&wish.current_password, &account.password_hash)
        {
            return Err(PasswordError::Wrong);
        }
        account.password_hash = hash;
        Ok(endings::end_of_others(store, clock, session).await?)
    })
    .await?;
    endings::end_others(store, clock, session).await?;
    Ok(account)
}

/// Checks the current password: a guess on a count of its own, which nobody without a session reaches.
async fn check(
    store: &impl Store,
    clock: &impl Clock,
    hashes_per_second: u64,
    account: &Account,
    password: &str,
) -> Result<(), PasswordError> {
    let guess = Guess::begin(store, clock, [Attempts::at_own(&account.id)]).await?;
    let guess = guess.map_err(PasswordError::TooMany)?;
    if !hashing::may_begin(store, clock, Who::Known, hashes_per_second).await? {
        return Err(PasswordError::Crowded);
    }
    if passwords::verify(password, &account.password_hash) {
        return guess
            .right(store, clock)
            .await?
            .map_err(PasswordError::TooMany);
    }
    guess
        .wrong(store, clock)
        .await?
        .map_err(PasswordError::TooMany)?;
    Err(PasswordError::Wrong)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::future::Future;
    use std::pin::Pin;

    use futures::executor::block_on;
    use spinreel_platform::memory::{ManualClock, MemoryStore, SeededRandom};

    use super::super::accounts::change;
    use super::super::accounts::testing::{id, registered};
    use super::super::interleaving::{Dice, SteppedStore, interleave};
    use super::super::{revocations, sessions};
    use super::*;

    const NOW_MS: u64 = 1_700_000_000_000;
    const OLD: &str = "an old password";
    const NEW: &str = "a new password";
    const MANY: u64 = 1_000;

    struct House {
        store: MemoryStore,
        clock: ManualClock,
        random: SeededRandom,
    }

    impl House {
        fn new() -> Self {
            let house = Self {
                store: MemoryStore::default(),
                clock: ManualClock::at(NOW_MS),
                random: SeededRandom::new(1),
            };
            block_on(registered(&house.store, &house.clock, 1));
            house.set_hash(&passwords::hash(OLD, &house.random).unwrap());
            house
        }

        fn set_hash(&self, hash: &str) {
            let id = id(1);
            let set = change(
                &self.store,
                &self.clock,
                &id,
                async |account: &mut Account| {
                    account.password_hash = hash.to_owned();
                    Ok::<_, ChangeError>(())
                },
            );
            block_on(set).unwrap();
        }

        fn begin(&self) -> SessionId {
            let id = id(1);
            let begun = sessions::begin(&self.store, &self.clock, &self.random, &id, None, 60);
            block_on(begun).unwrap().id
        }

        fn change(
            &self,
            session: &SessionId,
            current: &str,
            new: &str,
        ) -> Result<(), PasswordError> {
            let wish = ChangePassword {
                current_password: current.to_owned(),
                password: new.to_owned(),
            };
            let House {
                store,
                clock,
                random,
            } = self;
            let changing = change_password(store, clock, random, MANY, session, &wish);
            block_on(changing).map(drop)
        }

        fn has(&self, password: &str) -> bool {
            let account = block_on(find(&self.store, &id(1))).unwrap().unwrap();
            passwords::verify(password, &account.password_hash)
        }

        fn sessions(&self) -> Vec<SessionId> {
            let list = block_on(sessions::list(&self.store, &self.clock, &id(1))).unwrap();
            list.into_iter().map(|session| session.id).collect()
        }

        fn revocations(&self) -> usize {
            let revoked = revocations::after(&self.store, &self.clock, Some(0), 0);
            block_on(revoked).unwrap().user_ids.len()
        }
    }

    #[test]
    fn the_new_password_is_good_and_the_other_sessions_are_over() {
        let house = House::new();
        let (_, own, _) = (house.begin(), house.begin(), house.begin());
        house.change(&own, OLD, NEW).unwrap();
        assert!(house.has(NEW) && !house.has(OLD));
        assert_eq!(house.sessions(), [own]);
        assert!(house.revocations() > 0);
    }

    #[test]
    fn a_wrong_current_password_and_a_bad_new_one_change_nothing() {
        let house = House::new();
        let (own, other) = (house.begin(), house.begin());
        let wrong = house.change(&own, "another password", NEW);
        assert_eq!(wrong, Err(PasswordError::Wrong));
        for bad in ["short", "password1", "user1@example.org"] {
            let fault = house.change(&own, OLD, bad);
            assert!(matches!(fault, Err(PasswordError::Fault(_))), "{bad}");
        }
        assert!(house.has(OLD));
        assert_eq!(house.sessions(), [other, own]);
    }

    #[test]
    fn guessing_at_the_current_password_has_to_pause() {
        let house = House::new();
        let own = house.begin();
        let paused = (0..20).any(|_| {
            let guess = house.change(&own, "another password", NEW);
            matches!(guess, Err(PasswordError::TooMany(_)))
        });
        assert!(paused);
        assert!(matches!(
            house.change(&own, OLD, NEW),
            Err(PasswordError::TooMany(_))
        ));
        house.clock.advance_ms(600_000);
        // The session is over by now, which is not asked here.
        house.change(&own, OLD, NEW).unwrap();
    }

    #[test]
    fn of_two_changes_at_once_with_the_same_current_password_one_is_made() {
        type Caller<'a> = Pin<Box<dyn Future<Output = Result<Account, PasswordError>> + 'a>>;
        for seed in 0..6 {
            let house = House::new();
            let own = house.begin();
            let stepped = SteppedStore::new(&house.store, seed, 0);
            let wishes = [NEW, "another new password"].map(|password| ChangePassword {
                current_password: OLD.to_owned(),
                password: password.to_owned(),
            });
            let callers = wishes.iter().map(|wish| -> Caller<'_> {
                let House { clock, random, .. } = &house;
                Box::pin(change_password(&stepped, clock, random, MANY, &own, wish))
            });
            let results = interleave(&Dice::new(seed), callers.collect(), || true);
            for (wish, result) in wishes.iter().zip(results) {
                let is_made = house.has(&wish.password);
                assert_eq!(result.unwrap().is_ok(), is_made, "seed {seed}");
            }
            assert!(!house.has(OLD));
        }
    }

    #[test]
    fn a_sign_in_that_hashes_the_password_anew_does_not_make_it_wrong() {
        type Caller<'a> = Pin<Box<dyn Future<Output = Result<Account, PasswordError>> + 'a>>;
        for seed in 0..6 {
            let house = House::new();
            let own = house.begin();
            let stepped = SteppedStore::new(&house.store, seed, 0);
            let wish = ChangePassword {
                current_password: OLD.to_owned(),
                password: NEW.to_owned(),
            };
            let id = id(1);
            let House { clock, random, .. } = &house;
            let changing = change_password(&stepped, clock, random, MANY, &own, &wish);
            let hashing = async {
                let known = find(&stepped, &id).await?.ok_or(ChangeError::Unknown)?;
                if !passwords::verify(OLD, &known.password_hash) {
                    return Err(PasswordError::Wrong);
                }
                let hash = passwords::hash(OLD, random)?;
                change(&stepped, clock, &id, async |account: &mut Account| {
                    if account.password_hash == known.password_hash {
                        account.password_hash = hash;
                    }
                    Ok(())
                })
                .await
            };
            let callers: Vec<Caller<'_>> = vec![Box::pin(changing), Box::pin(hashing)];
            let results = interleave(&Dice::new(seed), callers, || true);
            let changed = results.into_iter().next().flatten().unwrap();
            assert_ne!(
                changed.as_ref().err(),
                Some(&PasswordError::Wrong),
                "seed {seed}"
            );
            assert_eq!(house.has(NEW), changed.is_ok(), "seed {seed}");
        }
    }
}
