//! What operations cost, in calls of the store.
#![allow(clippy::unwrap_used)]

use futures::executor::block_on;
use spinreel_api::accounts::{ChangePassword, ChangeUser, Credentials, Role};
use spinreel_api::internal::Purged;
use spinreel_identity::Sealer;
use spinreel_platform::memory::{CountingStore, ManualClock, SeededRandom};

use super::accounts::{self, Account, ChangeError, NewAccount, change, check_free, register};
use super::administration::manage;
use super::departure::{Departures, Progress};
use super::keys::{Keys, SEALED_FOR};
use super::login::{World, login, still_opens};
use super::password_change::change_password;
use super::peers::{Kept, PeerFailure, Peers};
use super::rotation;
use super::sessions::{self, Granted};
use super::standing::standing;
use super::validation::Email;
use super::{directory, passwords, revocations};

const PASSWORD: &str = "correct horse battery";

struct Quiet;
impl Peers for Quiet {
    async fn set_limit(&self, _: Kept, _: &str, _: Option<u64>) -> Result<(), PeerFailure> {
        Ok(())
    }
    async fn purge(&self, _: Kept, _: &str) -> Result<Purged, PeerFailure> {
        Ok(Purged {
            removed: 0,
            done: true,
        })
    }
}

struct W {
    store: CountingStore,
    clock: ManualClock,
    random: SeededRandom,
}

fn id(n: usize) -> String {
    format!("0190c0de-0000-7000-8000-{n:012}")
}

impl W {
    fn new() -> Self {
        Self {
            store: CountingStore::default(),
            clock: ManualClock::at(1_700_000_000_000),
            random: SeededRandom::new(1),
        }
    }
    async fn register(&self, n: usize) -> Account {
        let new = NewAccount {
            id: id(n),
            email: Email::parse(&format!("user{n}@example.org")).unwrap(),
            username: format!("user{n}"),
            role: Role::User,
            password_hash: passwords::hash(PASSWORD, &self.random).unwrap(),
        };
        check_free(&self.store, &self.clock, &new.email, &new.username)
            .await
            .unwrap();
        register(&self.store, &self.clock, new).await.unwrap()
    }
    async fn sign_in(&self, n: usize, password: &str) -> Option<Granted> {
        let world = World {
            store: &self.store,
            clock: &self.clock,
            random: &self.random,
            secret: "0123456789abcdef0123456789abcdef",
            first_admin: None,
            client_address: Some("192.0.2.1"),
            new_id: id(999),
        };
        let credentials = Credentials {
            email: format!("user{n}@example.org"),
            password: password.to_owned(),
        };
        let account = login(world, &credentials).await.ok()?;
        let granted = sessions::begin(
            &self.store,
            &self.clock,
            &self.random,
            &account.id,
            None,
            2_592_000,
        )
        .await
        .unwrap();
        assert!(still_opens(&self.store, &account, password).await.unwrap());
        self.keys().current().await.unwrap();
        Some(granted)
    }
    fn keys(&self) -> Keys<'_, CountingStore, ManualClock, SeededRandom> {
        Keys {
            store: &self.store,
            clock: &self.clock,
            random: &self.random,
            sealer: Sealer::new("0123456789abcdef0123456789abcdef", SEALED_FOR),
            token_seconds: 900,
        }
    }
    fn said(&self, what: &str) {
        let calls = self.store.take_calls();
        println!("| {what} | {} | {} |", calls.reads(), calls.writes());
    }
}

#[test]
fn table() {
    block_on(async {
        let w = W::new();
        w.register(1).await;
        w.register(2).await;
        w.keys().current().await.unwrap();
        w.store.take_calls();
        w.register(3).await;
        w.said("registration");
        w.sign_in(1, PASSWORD).await.unwrap();
        w.said("first sign-in");
        let mut granted = w.sign_in(1, PASSWORD).await.unwrap();
        w.said("sign-in");
        w.sign_in(2, "wrong").await;
        w.said("first failed sign-in");
        w.sign_in(2, "wrong").await;
        w.said("another failed sign-in");
        w.sign_in(2, PASSWORD).await.unwrap();
        w.said("sign-in after failures");
        for _ in 0..3 {
            w.clock.advance_ms(900_000);
            granted = rotation::refresh(&w.store, &w.clock, &granted.refresh_token, 2_592_000)
                .await
                .unwrap();
            accounts::find(&w.store, granted.id.user_id())
                .await
                .unwrap();
            w.keys().current().await.unwrap();
            w.said("refresh");
        }
        let sid = granted.id.to_string();
        standing(&w.store, &w.clock, &id(1), &sid)
            .await
            .unwrap()
            .unwrap();
        w.said("standing");
        revocations::after(&w.store, &w.clock, Some(0), 900_000)
            .await
            .unwrap();
        w.keys().public().await.unwrap();
        w.said("trust");
        w.keys().public().await.unwrap();
        w.said("jwks");
        for n in 0..8 {
            sessions::list(&w.store, &w.clock, &id(1)).await.unwrap();
            w.said(&format!("list sessions {}", 2 + n));
            w.sign_in(1, PASSWORD).await.unwrap();
            w.store.take_calls();
        }
        directory::page(&w.store, &w.clock, None, 50).await.unwrap();
        w.said("list of 3 users");
        let other = w.sign_in(1, PASSWORD).await.unwrap();
        w.store.take_calls();
        sessions::end(&w.store, &w.clock, &other.id).await.unwrap();
        w.said("sign-out");
        let wish = ChangePassword {
            current_password: PASSWORD.to_owned(),
            password: "another horse battery".to_owned(),
        };
        change_password(
            &w.store,
            &w.clock,
            &w.random,
            "0123456789abcdef0123456789abcdef",
            &granted.id,
            &wish,
        )
        .await
        .unwrap();
        w.said("password change, 9 other sessions");
        let wish = ChangePassword {
            current_password: wish.password,
            password: "third horse battery".to_owned(),
        };
        change_password(
            &w.store,
            &w.clock,
            &w.random,
            "0123456789abcdef0123456789abcdef",
            &granted.id,
            &wish,
        )
        .await
        .unwrap();
        w.said("password change, no other sessions");
        sessions::end_all(&w.store, &w.clock, &id(1)).await.unwrap();
        w.said("sign-out everywhere");
        let manage_as = async |wishes: ChangeUser| {
            let (admin, user) = (id(1), id(2));
            manage(&w.store, &w.clock, &Quiet, (&admin, &user), &wishes)
                .await
                .ok()
                .unwrap();
        };
        manage_as(ChangeUser {
            role: Some(Role::Admin),
            ..ChangeUser::default()
        })
        .await;
        w.said("another role");
        manage_as(ChangeUser {
            storage_limit: Some(Some(1)),
            ..ChangeUser::default()
        })
        .await;
        w.said("another limit");
        manage_as(ChangeUser {
            disabled: Some(true),
            ..ChangeUser::default()
        })
        .await;
        w.said("disable, 1 session");
        w.sign_in(3, PASSWORD).await.unwrap();
        w.store.take_calls();
        let departures = Departures {
            store: &w.store,
            clock: &w.clock,
            peers: &Quiet,
            offline: false,
        };
        let job = departures.begin(&id(3)).await.unwrap().unwrap();
        w.said("delete me");
        assert!(matches!(
            departures.run(job).await.unwrap(),
            Progress::Finished { .. }
        ));
        w.said("after the answer of delete me");
        w.keys().rotate(false).await.unwrap();
        w.said("rotation");
        w.keys().rotate(true).await.unwrap();
        w.said("emergency rotation");
        for n in 0..40 {
            w.sign_in(1, "third horse battery").await.unwrap();
            if n >= 20 {
                w.said("sign-in beyond 32");
            } else {
                w.store.take_calls();
            }
        }
        let noop = change(&w.store, &w.clock, &id(1), async |_: &mut Account| {
            Ok::<_, ChangeError>(())
        })
        .await;
        assert!(noop.is_ok());
        w.said("a change of a record");
    });
}
