#![allow(clippy::unwrap_used)]
use futures::executor::block_on;
use spinreel_platform::memory::{ManualClock, MemoryStore, SeededRandom};

use super::*;

const NOW_MS: u64 = 1_700_000_000_000;
const ADDRESS: &str = "ada@example.org";
const PASSWORD: &str = "correct horse battery";

struct House {
    store: MemoryStore,
    clock: ManualClock,
    random: SeededRandom,
    admin: Option<FirstAdmin>,
    logins: std::cell::Cell<u32>,
}

impl House {
    fn new(admin_email: &str) -> Self {
        Self {
            store: MemoryStore::default(),
            clock: ManualClock::at(NOW_MS),
            random: SeededRandom::new(7),
            admin: FirstAdmin::new(admin_email, PASSWORD).unwrap(),
            logins: std::cell::Cell::new(0),
        }
    }

    fn with_user() -> Self {
        let house = Self::new("");
        let new = NewAccount {
            id: "0190c0de-0000-7000-8000-000000000001".to_owned(),
            email: Email::parse(ADDRESS).unwrap(),
            username: "ada".to_owned(),
            role: Role::User,
            password_hash: passwords::hash(PASSWORD, &house.random).unwrap(),
        };
        block_on(accounts::register(&house.store, &house.clock, new)).unwrap();
        house
    }

    fn login(&self, email: &str, password: &str) -> Result<Account, LoginError> {
        self.logins.set(self.logins.get() + 1);
        let world = World {
            store: &self.store,
            clock: &self.clock,
            random: &self.random,
            first_admin: self.admin.as_ref(),
            new_id: format!("0190c0de-0000-7000-9000-{:012}", self.logins.get()),
        };
        let credentials = Credentials {
            email: email.to_owned(),
            password: password.to_owned(),
        };
        block_on(login(world, &credentials))
    }
}

fn invalid(result: Result<Account, LoginError>) -> bool {
    matches!(result, Err(LoginError::Invalid { .. }))
}

#[test]
fn the_right_password_opens_the_account_under_any_spelling_of_the_address() {
    let house = House::with_user();
    assert!(
        house
            .login(ADDRESS, PASSWORD)
            .is_ok_and(|account| account.username == "ada")
    );
    assert!(house.login("ADA@EXAMPLE.org", PASSWORD).is_ok());
}

#[test]
fn a_wrong_password_an_unknown_address_and_no_address_are_refused_alike() {
    let house = House::with_user();
    assert!(invalid(house.login(ADDRESS, "correct horse batterx")));
    assert!(invalid(house.login("eve@example.org", PASSWORD)));
    assert!(invalid(house.login("no address", PASSWORD)));
    assert!(invalid(house.login(ADDRESS, "")));
}

#[test]
fn guessing_is_stopped_for_known_and_unknown_addresses_and_goes_on_in_the_next_window() {
    let house = House::with_user();
    for address in [ADDRESS, "eve@example.org"] {
        for _ in 0..10 {
            assert!(invalid(house.login(address, "a wrong guess")));
        }
        let Err(LoginError::TooMany { wait_s }) = house.login(address, PASSWORD) else {
            panic!("{address} may be guessed on");
        };
        assert!((1..=300).contains(&wait_s));
    }
    house.clock.advance_ms(300_000);
    assert!(house.login(ADDRESS, PASSWORD).is_ok());
}

#[test]
fn right_passwords_are_not_counted() {
    let house = House::with_user();
    for _ in 0..12 {
        assert!(house.login(ADDRESS, PASSWORD).is_ok());
    }
}

#[test]
fn counters_of_past_windows_are_cleared_away() {
    let house = House::with_user();
    let keys = |house: &House| house.store.keys().len();
    assert!(invalid(house.login(ADDRESS, "a wrong guess")));
    let before = keys(&house);
    for _ in 0..5 {
        house.clock.advance_ms(1_000_000);
        assert!(invalid(house.login(ADDRESS, "a wrong guess")));
    }
    assert_eq!(keys(&house), before);
}

#[test]
fn the_first_admin_is_made_at_the_first_login_and_only_then() {
    let house = House::new("root@example.org");
    assert!(invalid(house.login("root@example.org", "a wrong guess")));
    let first = house.login("Root@example.org", PASSWORD).ok().unwrap();
    assert_eq!(
        (first.username.as_str(), first.role),
        ("admin", Role::Admin)
    );
    let second = house.login("root@example.org", PASSWORD).ok().unwrap();
    assert_eq!(second.id, first.id);
}

#[test]
fn a_first_admin_with_another_address_gets_another_username() {
    let mut house = House::new("root@example.org");
    assert!(house.login("root@example.org", PASSWORD).is_ok());
    house.admin = FirstAdmin::new("boss@example.org", PASSWORD).unwrap();
    let boss = house.login("boss@example.org", PASSWORD).ok().unwrap();
    assert_eq!(boss.role, Role::Admin);
    assert!(boss.username.starts_with("admin-"), "{}", boss.username);
    assert!(super::super::validation::is_username(&boss.username));
}

#[test]
fn without_both_variables_there_is_no_first_admin() {
    assert!(FirstAdmin::new("", PASSWORD).unwrap().is_none());
    assert!(FirstAdmin::new("root@example.org", "").unwrap().is_none());
    assert!(FirstAdmin::new("root", PASSWORD).is_err());
    assert!(FirstAdmin::new("root@example.org", "short").is_err());
}
