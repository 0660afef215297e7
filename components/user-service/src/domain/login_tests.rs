#![allow(clippy::unwrap_used)]
use futures::executor::block_on;
use spinreel_ledger::Cell;
use spinreel_platform::memory::{ManualClock, MemoryStore, SeededRandom};

use super::super::attempts::{FREE, FREE_OF_ACCOUNT, FREE_OF_CLIENT};
use super::super::device;
use super::super::{rotation, sessions};
use super::*;

const NOW_MS: u64 = 1_700_000_000_000;
const ADDRESS: &str = "ada@example.org";
const PASSWORD: &str = "correct horse battery";
const SECRET: &str = "0123456789abcdef0123456789abcdef";

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

    /// Changes the user's record.
    fn change(&self, change: impl FnOnce(&mut Account)) {
        let email = Email::parse(ADDRESS).unwrap();
        block_on(async {
            let account = accounts::find_by_email(&self.store, &email).await;
            let mut account = account.unwrap().unwrap();
            change(&mut account);
            let record = Cell::new(accounts::record_key(&account.id));
            record.set(&self.store, &account).await.unwrap();
        });
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
        self.login_from("192.0.2.1", email, password)
    }

    fn login_from(&self, client: &str, email: &str, password: &str) -> Result<Account, LoginError> {
        self.login_with(&[], 1_000, client, email, password)
    }

    /// A value for a device from which somebody signed in with this address.
    fn device(&self, email: &str) -> String {
        let email = Email::parse(email).unwrap();
        device::new_value(SECRET, &self.clock, &self.random, &email)
    }

    fn login_with(
        &self,
        shown_devices: &[&str],
        hashes_per_second: u64,
        client: &str,
        email: &str,
        password: &str,
    ) -> Result<Account, LoginError> {
        self.logins.set(self.logins.get() + 1);
        let world = World {
            store: &self.store,
            clock: &self.clock,
            random: &self.random,
            first_admin: self.admin.as_ref(),
            secret: SECRET,
            client_address: Some(client),
            shown_devices,
            hashes_per_second,
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
fn guessing_has_to_pause_for_known_and_unknown_addresses_and_stops_no_other_client() {
    let house = House::with_user();
    for address in [ADDRESS, "eve@example.org"] {
        for _ in 0..FREE {
            assert!(invalid(house.login(address, "a wrong guess")));
        }
        let paused = house.login(address, PASSWORD);
        let Err(LoginError::TooMany(Pause { wait_s: 1 })) = paused else {
            panic!("{address} may be guessed on");
        };
    }
    assert!(house.login_from("198.51.100.9", ADDRESS, PASSWORD).is_ok());
    house.clock.advance_ms(1_000);
    assert!(house.login(ADDRESS, PASSWORD).is_ok());
    // Nothing is forgiven where others may be counted, too.
    assert!(invalid(house.login(ADDRESS, "a wrong guess")));
    let paused = house.login(ADDRESS, PASSWORD);
    assert!(matches!(paused, Err(LoginError::TooMany(_))));
}

#[test]
fn many_clients_together_have_to_pause_and_a_known_device_has_not() {
    let house = House::with_user();
    let device = house.device(ADDRESS);
    for client in 0..FREE_OF_ACCOUNT {
        let client = format!("2001:db8:0:{client:x}::1");
        assert!(invalid(house.login_from(&client, ADDRESS, "a wrong guess")));
    }
    let from = "198.51.100.9";
    let paused = house.login_from(from, ADDRESS, PASSWORD);
    assert!(matches!(paused, Err(LoginError::TooMany(_))));
    let others = house.device("eve@example.org");
    let paused = house.login_with(&[&others], 1_000, from, ADDRESS, PASSWORD);
    assert!(matches!(paused, Err(LoginError::TooMany(_))));
    let shown = [&*others, &*device];
    let known = house.login_with(&shown, 1_000, from, ADDRESS, PASSWORD);
    assert!(known.is_ok());
    // Whoever has it guesses no more than a stranger from one client.
    let guess = |password| house.login_with(&[&device], 1_000, from, ADDRESS, password);
    for _ in 0..FREE {
        assert!(invalid(guess("a wrong guess")));
    }
    assert!(matches!(guess(PASSWORD), Err(LoginError::TooMany(_))));
}

#[test]
fn past_the_hashes_of_a_second_nothing_is_looked_at_nor_counted() {
    let house = House::with_user();
    let device = house.device(ADDRESS);
    let login = |shown: &[&str]| house.login_with(shown, 3, "192.0.2.1", ADDRESS, "a wrong guess");
    // The first second begins where three were hashed at unknown times.
    let hashed = (0..50).take_while(|_| invalid(login(&[]))).count();
    assert_eq!(hashed, 6);
    let keys_and_sums = || {
        let keys = house.store.keys();
        let values = keys.iter().map(|key| block_on(house.store.get(key)));
        values.collect::<Vec<_>>()
    };
    let before = keys_and_sums();
    for _ in 0..10 {
        assert!(matches!(login(&[]), Err(LoginError::Crowded)));
    }
    assert_eq!(keys_and_sums(), before);
    // A known device has its own.
    assert!(invalid(login(&[&device])));
    house.clock.advance_ms(1_000);
    assert!(invalid(login(&[])));
}

#[test]
fn who_guesses_at_many_accounts_has_to_pause_and_nobody_else() {
    let house = House::with_user();
    for guess in 0..FREE_OF_CLIENT {
        let address = format!("user{guess}@example.org");
        assert!(invalid(house.login(&address, "a wrong guess")));
    }
    let paused = house.login(ADDRESS, PASSWORD);
    assert!(matches!(paused, Err(LoginError::TooMany(_))));
    assert!(matches!(
        house.login("no address", ""),
        Err(LoginError::TooMany(_))
    ));
    assert!(house.login_from("192.0.2.2", ADDRESS, PASSWORD).is_ok());
}

#[test]
fn guesses_at_an_account_do_not_end_its_sessions_or_keep_them_from_going_on() {
    let house = House::with_user();
    let account = house.login(ADDRESS, PASSWORD).ok().unwrap();
    let (store, clock) = (&house.store, &house.clock);
    let begun = sessions::begin(store, clock, &house.random, &account.id, None, 1_000);
    let granted = block_on(begun).unwrap();
    for _ in 0..20 {
        assert!(house.login(ADDRESS, "a wrong guess").is_err());
    }
    let paused = house.login(ADDRESS, PASSWORD);
    assert!(matches!(paused, Err(LoginError::TooMany(_))));
    let refreshed = rotation::refresh(store, clock, &granted.refresh_token, 1_000);
    assert_eq!(block_on(refreshed).unwrap().id, granted.id);
}

#[test]
fn right_passwords_are_not_counted() {
    let house = House::with_user();
    for _ in 0..12 {
        assert!(house.login(ADDRESS, PASSWORD).is_ok());
    }
}

#[test]
fn a_disabled_account_says_so_to_its_owner_only() {
    let house = House::with_user();
    house.change(|account| account.disabled = true);
    assert!(invalid(house.login(ADDRESS, "a wrong guess")));
    let right = house.login(ADDRESS, PASSWORD);
    assert!(matches!(right, Err(LoginError::Disabled { .. })));
}

#[test]
fn an_account_that_is_being_removed_is_nobodys() {
    let house = House::with_user();
    house.change(|account| account.leaving_since = Some(account.created_at));
    for password in [PASSWORD, "a wrong guess"] {
        let refused = house.login(ADDRESS, password);
        assert!(matches!(
            refused,
            Err(LoginError::Invalid { user_id: None })
        ));
    }
}

#[test]
fn a_right_password_whose_hash_is_outdated_is_hashed_anew_once() {
    let house = House::with_user();
    let old = "$argon2id$v=19$m=8,t=1,p=1$c3BpbnJlZWwtbm9ib2R5IQ$";
    let params = argon2::Params::new(8, 1, 1, None).unwrap();
    let salt = argon2::password_hash::SaltString::from_b64("c3BpbnJlZWwtbm9ib2R5IQ").unwrap();
    let outdated = argon2::password_hash::PasswordHasher::hash_password(
        &argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params),
        PASSWORD.as_bytes(),
        &salt,
    )
    .unwrap()
    .to_string();
    assert!(outdated.starts_with(old));
    house.change(|account| account.password_hash = outdated.clone());
    assert!(invalid(house.login(ADDRESS, "a wrong guess")));
    let first = house.login(ADDRESS, PASSWORD).ok().unwrap().password_hash;
    assert!(!passwords::is_outdated(&first));
    let second = house.login(ADDRESS, PASSWORD).ok().unwrap().password_hash;
    assert_eq!(second, first);
}

#[test]
fn a_session_that_began_beside_a_change_of_the_password_is_noticed() {
    let house = House::with_user();
    let account = house.login(ADDRESS, PASSWORD).ok().unwrap();
    let opens = || block_on(still_opens(&house.store, &account, PASSWORD)).unwrap();
    assert!(opens());
    let anew = |password: &str| passwords::hash(password, &house.random).unwrap();
    house.change(|account| account.password_hash = anew(PASSWORD));
    assert!(opens());
    house.change(|account| account.disabled = true);
    assert!(!opens());
    house.change(|account| {
        account.disabled = false;
        account.password_hash = anew("another password");
    });
    assert!(!opens());
}

/// The middle one of how long each call takes, one call of each after the other.
fn medians(calls: [&dyn Fn(); 2]) -> [f64; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..25 {
        for (call, times) in calls.iter().zip(&mut times) {
            let began = std::time::Instant::now();
            call();
            times.push(began.elapsed());
        }
    }
    times.map(|mut times| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    })
}

fn take_alike([a, b]: [f64; 2]) -> bool {
    (0.7..1.43).contains(&(a / b))
}

#[test]
fn the_time_does_not_tell_an_unknown_address_from_a_wrong_password() {
    let house = House::with_user();
    let wrong = |address: &str| {
        // Long enough for all failures to be forgotten.
        house.clock.advance_ms(2_000_000);
        assert!(invalid(house.login(address, "a wrong guess")));
    };
    let known = || wrong(ADDRESS);
    let unknown = || wrong("eve@example.org");
    let no_address = || wrong("no address");
    assert!(take_alike(medians([&known, &unknown])));
    assert!(take_alike(medians([&known, &no_address])));
    // All that a sign-in does but the hash: were that skipped, it would be seen.
    let without_hash = || {
        let email = Email::parse(ADDRESS).unwrap();
        block_on(accounts::find_by_email(&house.store, &email)).unwrap();
    };
    assert!(!take_alike(medians([&known, &without_hash])));
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
