//! What admins change of accounts.

use spinreel_api::accounts::{ChangeUser, Role};
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, Store};
use thiserror::Error;

use super::accounts::{Account, ChangeError, change_together};
use super::peers::{Kept, PeerFailure, Peers};
use super::{endings, revocations};

/// Why an account was not changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ManageError {
    /// Admins cannot shut themselves out.
    #[error("admins can neither disable nor demote themselves")]
    OwnAccount,
    /// Another service did not take a limit. Nothing was changed here; what other services took stays until the change
    /// is repeated.
    #[error(transparent)]
    Peer(#[from] PeerFailure),
    /// See [`ChangeError`].
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<LedgerError> for ManageError {
    fn from(error: LedgerError) -> Self {
        Self::Change(error.into())
    }
}

/// An account, before and after a change.
pub(crate) struct Managed {
    pub(crate) before: Account,
    pub(crate) after: Account,
}

/// Changes the account `id` as the admin with the id `admin_id` wishes. Limits are told to the services that keep to
/// them before the record says so, under the account's lock, so that of two admins at once one is last everywhere.
///
/// The end of the sessions of an account that is shut is written with its record. They are looked for once more after
/// that: one may have begun beside it.
pub(crate) async fn manage(
    store: &impl Store,
    clock: &impl Clock,
    peers: &impl Peers,
    (admin_id, id): (&str, &str),
    wishes: &ChangeUser,
) -> Result<Managed, ManageError> {
    let shuts = wishes.disabled == Some(true);
    if admin_id == id && (shuts || wishes.role == Some(Role::User)) {
        return Err(ManageError::OwnAccount);
    }
    let mut before = None;
    let after = change_together(store, clock, id, async |account: &mut Account| {
        let role = account.role;
        before = Some(account.clone());
        if let Some(limit) = wishes.storage_limit {
            peers.set_limit(Kept::Files, id, limit).await?;
            account.storage_limit = limit;
        }
        if let Some(limit) = wishes.bandwidth_limit {
            peers.set_limit(Kept::Usage, id, limit).await?;
            account.bandwidth_limit = limit;
        }
        account.role = wishes.role.unwrap_or(account.role);
        account.disabled = wishes.disabled.unwrap_or(account.disabled);
        let mut together = Vec::new();
        if shuts {
            together = endings::end_of_all(store, clock, id).await?;
        }
        if together.is_empty() && account.role != role {
            together.push(revocations::prepare(store, clock, id).await?);
        }
        Ok::<_, ManageError>(together)
    })
    .await?;
    if shuts {
        endings::end_all(store, clock, id).await?;
    }
    Ok(Managed {
        before: before.unwrap_or_else(|| after.clone()),
        after,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::{Cell, RefCell};

    use futures::executor::block_on;
    use spinreel_api::internal::Purged;
    use spinreel_platform::memory::{ManualClock, MemoryStore, SeededRandom};

    use super::super::accounts::find;
    use super::super::accounts::testing::{id, registered};
    use super::super::sessions;
    use super::*;

    const NOW_MS: u64 = 1_700_000_000_000;

    #[derive(Default)]
    struct Told {
        limits: RefCell<Vec<(Kept, Option<u64>)>>,
        fails: Cell<bool>,
    }

    impl Peers for Told {
        async fn set_limit(
            &self,
            kept: Kept,
            _: &str,
            limit: Option<u64>,
        ) -> Result<(), PeerFailure> {
            if self.fails.get() {
                return Err(PeerFailure("no answer".to_owned()));
            }
            self.limits.borrow_mut().push((kept, limit));
            Ok(())
        }

        async fn purge(&self, _: Kept, _: &str) -> Result<Purged, PeerFailure> {
            Err(PeerFailure("not asked for".to_owned()))
        }
    }

    struct House {
        store: MemoryStore,
        clock: ManualClock,
        peers: Told,
    }

    impl House {
        /// Account 1 is the admin who changes things, account 2 is changed.
        fn new() -> Self {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
            block_on(async {
                registered(&store, &clock, 1).await;
                registered(&store, &clock, 2).await;
            });
            Self {
                store,
                clock,
                peers: Told::default(),
            }
        }

        fn manage(&self, number: usize, wishes: &ChangeUser) -> Result<Managed, ManageError> {
            let (admin, id) = (id(1), id(number));
            let managing = manage(&self.store, &self.clock, &self.peers, (&admin, &id), wishes);
            block_on(managing)
        }

        fn revoked(&self) -> Vec<String> {
            let revoked = revocations::after(&self.store, &self.clock, Some(0), 0);
            block_on(revoked).unwrap().user_ids
        }

        fn account(&self) -> Account {
            block_on(find(&self.store, &id(2))).unwrap().unwrap()
        }
    }

    #[test]
    fn limits_are_told_to_the_services_and_kept_and_can_be_taken_away() {
        let house = House::new();
        let wishes = ChangeUser {
            storage_limit: Some(Some(7)),
            bandwidth_limit: Some(Some(9)),
            ..ChangeUser::default()
        };
        let managed = house.manage(2, &wishes).unwrap();
        assert_eq!(managed.before.storage_limit, None);
        assert_eq!(managed.after.storage_limit, Some(7));
        let taken = ChangeUser {
            bandwidth_limit: Some(None),
            ..ChangeUser::default()
        };
        house.manage(2, &taken).unwrap();
        let account = house.account();
        assert_eq!(
            (account.storage_limit, account.bandwidth_limit),
            (Some(7), None)
        );
        let told = [
            (Kept::Files, Some(7)),
            (Kept::Usage, Some(9)),
            (Kept::Usage, None),
        ];
        assert_eq!(house.peers.limits.take(), told);
        assert!(house.revoked().is_empty());
    }

    #[test]
    fn where_a_service_does_not_take_a_limit_nothing_is_changed() {
        let house = House::new();
        house.peers.fails.set(true);
        let before = house.account();
        let wishes = ChangeUser {
            role: Some(Role::Admin),
            bandwidth_limit: Some(Some(9)),
            ..ChangeUser::default()
        };
        assert!(matches!(
            house.manage(2, &wishes),
            Err(ManageError::Peer(_))
        ));
        assert!(house.account() == before);
        house.peers.fails.set(false);
        assert_eq!(house.manage(2, &wishes).unwrap().after.role, Role::Admin);
        assert!(house.revoked().contains(&id(2)));
    }

    #[test]
    fn disabling_ends_all_sessions_and_is_noted_also_when_it_is_repeated() {
        let house = House::new();
        let shut = ChangeUser {
            disabled: Some(true),
            ..ChangeUser::default()
        };
        for round in 1..=2 {
            let random = SeededRandom::new(1);
            let user_id = id(2);
            let begun = sessions::begin(&house.store, &house.clock, &random, &user_id, None, 60);
            block_on(begun).unwrap();
            assert!(house.manage(2, &shut).unwrap().after.disabled);
            let left = block_on(sessions::list(&house.store, &house.clock, &user_id)).unwrap();
            assert!(left.is_empty());
            assert!(house.revoked().len() >= round);
        }
        let open = ChangeUser {
            disabled: Some(false),
            ..ChangeUser::default()
        };
        assert!(house.manage(2, &open).unwrap().after.is_open());
    }

    #[test]
    fn admins_cannot_shut_themselves_out_but_change_their_limits() {
        let house = House::new();
        for wishes in [
            ChangeUser {
                disabled: Some(true),
                ..ChangeUser::default()
            },
            ChangeUser {
                role: Some(Role::User),
                ..ChangeUser::default()
            },
        ] {
            assert_eq!(
                house.manage(1, &wishes).err(),
                Some(ManageError::OwnAccount)
            );
        }
        let wishes = ChangeUser {
            role: Some(Role::Admin),
            disabled: Some(false),
            storage_limit: Some(Some(1)),
            ..ChangeUser::default()
        };
        assert!(house.manage(1, &wishes).is_ok());
    }

    #[test]
    fn an_unknown_account_is_told_to_nobody() {
        let house = House::new();
        let wishes = ChangeUser {
            storage_limit: Some(Some(1)),
            ..ChangeUser::default()
        };
        let unknown = Some(ManageError::Change(ChangeError::Unknown));
        assert_eq!(house.manage(3, &wishes).err(), unknown);
        assert!(house.peers.limits.take().is_empty());
    }
}
