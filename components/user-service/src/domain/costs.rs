//! What operations cost, in calls of the store: (reads, writes), with everything that is done after the answer. The table
//! is in the documentation of [`super`].
#![allow(clippy::unwrap_used)]

use futures::executor::block_on;
use spinreel_api::accounts::{ChangePassword, ChangeUser, Credentials, Role};
use spinreel_api::internal::Purged;
use spinreel_identity::Sealer;
use spinreel_platform::memory::{CountingStore, ManualClock, SeededRandom};

use super::accounts::testing::id;
use super::accounts::{self, Account, NewAccount, RegisterError, check_free, register};
use super::administration::manage;
use super::attempts::FREE;
use super::departure::{Departures, Progress};
use super::device;
use super::guesses::count_registration;
use super::hashing::{self, Who};
use super::keys::{Keys, SEALED_FOR};
use super::login::{LoginError, World as LoginWorld, login, still_opens};
use super::password_change::change_password;
use super::peers::{Kept, PeerFailure, Peers};
use super::sessions::{self, Granted, MAX_SESSIONS};
use super::standing::standing;
use super::validation::Email;
use super::{directory, endings, passwords, revocations, rotation};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const PASSWORD: &str = "correct horse battery";
const WRONG: &str = "another horse battery";
const CLIENT: &str = "192.0.2.1";
/// More passwords than are hashed here.
const MANY: u64 = 1_000;
const MONTH_S: u64 = 2_592_000;
/// The time between two refreshes of a client that waits for its access token to expire, in milliseconds.
const QUARTER_MS: u64 = 900_000;

/// Services that keep nothing.
struct Empty;

impl Peers for Empty {
    async fn set_limit(&self, _: Kept, _: &str, _: Option<u64>) -> Result<(), PeerFailure> {
        Ok(())
    }

    async fn purge(&self, _: Kept, _: &str) -> Result<Purged, PeerFailure> {
        let (removed, done) = (0, true);
        Ok(Purged { removed, done })
    }
}

struct World {
    store: CountingStore,
    clock: ManualClock,
    random: SeededRandom,
    /// A hash of [`PASSWORD`].
    hash: String,
}

impl World {
    /// One with so many accounts that have a session each, and a key.
    fn new(accounts: usize) -> Self {
        let random = SeededRandom::new(1);
        let world = Self {
            store: CountingStore::default(),
            clock: ManualClock::at(1_700_000_000_000),
            hash: passwords::hash(PASSWORD, &random).unwrap(),
            random,
        };
        for number in 1..=accounts {
            world.register(number).unwrap();
            world.begin(number);
        }
        block_on(world.keys().current()).unwrap();
        world.store.take_calls();
        world
    }

    /// The calls since the last time.
    fn spent(&self) -> (u64, u64) {
        let calls = self.store.take_calls();
        (calls.reads(), calls.writes())
    }

    fn register(&self, number: usize) -> Result<Account, RegisterError> {
        let new = NewAccount {
            id: id(number),
            email: Email::parse(&format!("user{number}@example.org")).unwrap(),
            username: format!("user{number}"),
            role: Role::User,
            password_hash: self.hash.clone(),
        };
        let (store, clock) = (&self.store, &self.clock);
        block_on(async {
            let counted = count_registration(store, clock, SECRET, Some(CLIENT)).await?;
            assert_eq!(counted, Ok(()));
            check_free(store, clock, &new.email, &new.username).await?;
            assert!(hashing::may_begin(store, clock, Who::Stranger, MANY).await?);
            register(store, clock, new).await
        })
    }

    fn begin(&self, number: usize) -> Granted {
        let id = id(number);
        let (store, clock) = (&self.store, &self.clock);
        block_on(sessions::begin(
            store,
            clock,
            &self.random,
            &id,
            None,
            MONTH_S,
        ))
        .unwrap()
    }

    /// As `POST /v1/sessions`.
    fn sign_in(&self, number: usize, password: &str) -> Result<Granted, LoginError> {
        self.sign_in_with(&[], number, password)
    }

    fn sign_in_with(
        &self,
        shown_devices: &[&str],
        number: usize,
        password: &str,
    ) -> Result<Granted, LoginError> {
        let world = LoginWorld {
            store: &self.store,
            clock: &self.clock,
            random: &self.random,
            first_admin: None,
            secret: SECRET,
            client_address: Some(CLIENT),
            shown_devices,
            hashes_per_second: MANY,
            new_id: id(999),
        };
        let credentials = Credentials {
            email: format!("user{number}@example.org"),
            password: password.to_owned(),
        };
        let account = block_on(login(world, &credentials))?;
        let granted = self.begin(number);
        let opens = block_on(still_opens(&self.store, &account, password));
        assert_eq!(opens, Ok(true));
        block_on(self.keys().current()).unwrap();
        Ok(granted)
    }

    /// As `POST /v1/sessions/refresh`.
    fn refresh(&self, token: &str) -> Granted {
        let granted = rotation::refresh(&self.store, &self.clock, token, MONTH_S);
        let granted = block_on(granted).unwrap();
        let account = accounts::find(&self.store, granted.id.user_id());
        assert!(block_on(account).unwrap().is_some());
        block_on(self.keys().current()).unwrap();
        granted
    }

    fn keys(&self) -> Keys<'_, CountingStore, ManualClock, SeededRandom> {
        Keys {
            store: &self.store,
            clock: &self.clock,
            random: &self.random,
            sealer: Sealer::new(SECRET, SEALED_FOR),
            token_seconds: 900,
        }
    }

    fn manage(&self, wishes: &ChangeUser) -> (u64, u64) {
        let (admin, user) = (id(1), id(2));
        let managed = manage(&self.store, &self.clock, &Empty, (&admin, &user), wishes);
        assert!(block_on(managed).is_ok());
        self.spent()
    }

    fn departures(&self) -> Departures<'_, CountingStore, ManualClock, Empty> {
        Departures {
            store: &self.store,
            clock: &self.clock,
            peers: &Empty,
            offline: false,
        }
    }
}

#[test]
fn a_registration() {
    let world = World::new(2);
    world.register(3).unwrap();
    assert_eq!(world.spent(), (16, 6));
    world.register(3).err().unwrap();
    assert_eq!(world.spent(), (8, 1), "taken");
}

#[test]
fn sign_ins_good_and_failed() {
    let world = World::new(2);
    for _ in 0..3 {
        world.sign_in(1, PASSWORD).unwrap();
        assert_eq!(world.spent(), (27, 3), "good");
    }
    let fail = || {
        assert!(world.sign_in(1, WRONG).is_err());
        world.spent()
    };
    for _ in 1..FREE {
        assert_eq!(fail(), (25, 4), "a failure");
        world.sign_in(1, PASSWORD).unwrap();
        assert_eq!(world.spent(), (27, 3), "good, after failures");
    }
    assert_eq!(fail(), (25, 5), "the last free failure");
    assert_eq!(fail(), (5, 0), "refused");
    world.clock.advance_ms(1_000);
    assert_eq!(fail(), (27, 6), "the first failure past the free ones");
    world.clock.advance_ms(2_000);
    assert_eq!(fail(), (26, 5), "another one");
    let email = Email::parse("user1@example.org").unwrap();
    let device = device::new_value(SECRET, &world.clock, &world.random, &email);
    world.sign_in_with(&[&device], 1, PASSWORD).unwrap();
    assert_eq!(world.spent(), (19, 3), "good, from a known device");
    assert!(world.sign_in_with(&[&device], 1, WRONG).is_err());
    assert_eq!(world.spent(), (17, 2), "a failure from a known device");
}

#[test]
fn a_sign_in_of_a_user_who_has_as_many_sessions_as_can_be() {
    let world = World::new(1);
    for _ in 0..2 * MAX_SESSIONS {
        world.begin(1);
    }
    world.store.take_calls();
    let mut costs = Vec::new();
    for _ in 0..8 {
        world.sign_in(1, PASSWORD).unwrap();
        costs.push(world.spent());
    }
    costs.sort_unstable();
    // One ends the oldest, and one in eight removes what is left of eight.
    assert_eq!(costs[..7], [(28, 4); 7]);
    assert_eq!(costs[7], (35, 5));
}

#[test]
fn a_refresh() {
    let world = World::new(0);
    world.register(1).unwrap();
    let mut granted = world.begin(1);
    let first = granted.refresh_token.clone();
    world.store.take_calls();
    for turn in 1..40 {
        world.clock.advance_ms(QUARTER_MS);
        let used = granted.refresh_token;
        granted = world.refresh(&used);
        let reads = if turn == 1 { 7 } else { 8 };
        assert_eq!(world.spent(), (reads, 1), "turn {turn}");
        world.refresh(&used);
        assert_eq!(world.spent(), (6, 0), "the answer once more");
    }
    let (store, clock) = (&world.store, &world.clock);
    let reuse = block_on(rotation::refresh(store, clock, &first, MONTH_S));
    assert!(matches!(reuse, Err(rotation::RefreshError::Reused { .. })));
    assert_eq!(world.spent(), (4, 2), "a token that was used before");
}

#[test]
fn what_is_asked_with_each_request() {
    let world = World::new(1);
    let mut granted = world.begin(1);
    world.store.take_calls();
    let standing = |granted: &Granted| {
        let (user_id, sid) = (id(1), granted.id.to_string());
        let role = block_on(standing(&world.store, &world.clock, &user_id, &sid));
        assert_eq!(role, Ok(Some(Role::User)));
        world.spent()
    };
    assert_eq!(standing(&granted), (2, 0), "the standing");
    block_on(world.keys().public()).unwrap();
    assert_eq!(world.spent(), (1, 0), "the key set");
    let after = block_on(revocations::after(&world.store, &world.clock, Some(0), 0));
    block_on(world.keys().public()).unwrap();
    assert!(after.unwrap().user_ids.is_empty());
    assert_eq!(
        world.spent(),
        (2, 0),
        "the trust, where nothing was revoked"
    );
    for _ in 0..2 {
        world.clock.advance_ms(MONTH_S * 1_000 - 1);
        granted = world.refresh(&granted.refresh_token);
        world.spent();
    }
    assert_eq!(standing(&granted), (3, 0), "of a session of two months");
}

#[test]
fn lists() {
    for sessions in [1, 5, MAX_SESSIONS] {
        let world = World::new(1);
        for number in 1..sessions {
            let granted = world.begin(1);
            if number % 2 == 0 {
                world.refresh(&granted.refresh_token);
            }
        }
        world.store.take_calls();
        let list = block_on(sessions::list(&world.store, &world.clock, &id(1)));
        assert_eq!(list.unwrap().len() as u64, sessions);
        assert_eq!(world.spent(), (sessions + 2, 0), "{sessions} sessions");
    }
    for (accounts, departed) in [(1, 0), (50, 0), (5, 20)] {
        let world = World::new(accounts + departed);
        for number in 1..=departed {
            let departures = world.departures();
            let job = block_on(departures.begin(&id(number))).unwrap().unwrap();
            block_on(departures.run(job)).unwrap();
        }
        world.store.take_calls();
        let page = block_on(directory::page(&world.store, &world.clock, None, 50));
        assert_eq!(page.unwrap().accounts.len(), accounts);
        let reads = accounts as u64 + 2;
        assert_eq!(world.spent(), (reads, 0), "{accounts} accounts");
    }
}

#[test]
fn the_ends_of_sessions() {
    let world = World::new(1);
    let (first, _, _) = (world.begin(1), world.begin(1), world.begin(1));
    world.store.take_calls();
    for writes in [2, 0] {
        block_on(endings::end(&world.store, &world.clock, &first.id)).unwrap();
        assert_eq!(world.spent(), (1, writes), "one");
    }
    for writes in [2, 0] {
        block_on(endings::end_all(&world.store, &world.clock, &id(1))).unwrap();
        assert_eq!(world.spent(), (5, writes), "all");
    }
}

#[test]
fn another_password() {
    let world = World::new(1);
    let (own, _) = (world.begin(1), world.begin(1));
    world.store.take_calls();
    let change = |current: &str, new: &str| {
        let wish = ChangePassword {
            current_password: current.to_owned(),
            password: new.to_owned(),
        };
        let World {
            store,
            clock,
            random,
            ..
        } = &world;
        let changed = change_password(store, clock, random, MANY, &own.id, &wish);
        (block_on(changed).is_ok(), world.spent())
    };
    assert_eq!(
        change(PASSWORD, "a new password"),
        (true, (16, 5)),
        "with other sessions"
    );
    assert_eq!(
        change("a new password", "a newer password"),
        (true, (16, 4)),
        "without"
    );
    assert_eq!(
        change(WRONG, "the newest password"),
        (false, (7, 2)),
        "a wrong guess"
    );
}

#[test]
fn what_admins_change() {
    let world = World::new(2);
    let role = ChangeUser {
        role: Some(Role::Admin),
        ..ChangeUser::default()
    };
    assert_eq!(world.manage(&role), (3, 4), "a role");
    assert_eq!(world.manage(&role), (3, 2), "the same once more");
    let limit = ChangeUser {
        storage_limit: Some(Some(1)),
        ..ChangeUser::default()
    };
    assert_eq!(world.manage(&limit), (3, 3), "a limit");
    let shut = ChangeUser {
        disabled: Some(true),
        ..ChangeUser::default()
    };
    assert_eq!(world.manage(&shut), (7, 4), "shut");
}

#[test]
fn a_departure() {
    let world = World::new(2);
    let departures = world.departures();
    let job = block_on(departures.begin(&id(2))).unwrap().unwrap();
    assert_eq!(world.spent(), (8, 5), "before the answer");
    let progress = block_on(departures.run(job)).unwrap();
    assert!(matches!(progress, Progress::Finished { .. }));
    let (_, writes) = world.spent();
    assert_eq!(writes, 8, "after it");
}

#[test]
fn a_rotation_of_the_keys() {
    let world = World::new(0);
    for emergency in [false, true] {
        block_on(world.keys().rotate(emergency)).unwrap();
        let (_, writes) = world.spent();
        assert_eq!(writes, 3);
    }
    block_on(world.keys().rotate(false)).unwrap();
    world.spent();
    block_on(world.keys().rotate(false)).unwrap();
    assert_eq!(world.spent(), (1, 0), "while a key is waiting");
}
