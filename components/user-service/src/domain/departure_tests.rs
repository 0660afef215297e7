#![allow(clippy::unwrap_used)]
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use futures::executor::block_on;
use spinreel_api::accounts::Role;
use spinreel_api::internal::Purged;
use spinreel_ledger::WINDOW_MS;
use spinreel_platform::memory::{ManualClock, MemoryStore, SeededRandom};

use super::super::accounts::testing::{id, registered};
use super::super::accounts::{Account, NewAccount, RegisterError, change, check_free, register};
use super::super::interleaving::{Dice, SteppedStore, interleave, pause};
use super::super::revocations;
use super::*;

const NOW_MS: u64 = 1_700_000_000_000;
/// What each service keeps of each user, and how much of it one call removes.
const THINGS: u64 = 5;
const A_CALL: u64 = 2;

type Caller<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// The other services.
struct Others {
    /// What is left of account 1: files, videos, usage.
    left: RefCell<[u64; 3]>,
    calls: RefCell<Vec<Kept>>,
}

impl Peers for Others {
    async fn set_limit(&self, _: Kept, _: &str, _: Option<u64>) -> Result<(), PeerFailure> {
        Err(PeerFailure("not asked for".to_owned()))
    }

    async fn purge(&self, kept: Kept, user_id: &str) -> Result<Purged, PeerFailure> {
        pause().await;
        if user_id != id(1) {
            return Err(PeerFailure(format!("{user_id} has not left")));
        }
        self.calls.borrow_mut().push(kept);
        let mut left = self.left.borrow_mut();
        let place = &mut left[kept as usize];
        let removed = (*place).min(A_CALL);
        *place -= removed;
        Ok(Purged {
            removed,
            done: *place == 0,
        })
    }
}

/// Two accounts with sessions; the first one leaves.
struct House {
    store: MemoryStore,
    clock: ManualClock,
    others: Others,
}

impl House {
    fn new() -> Self {
        let house = Self {
            store: MemoryStore::default(),
            clock: ManualClock::at(NOW_MS),
            others: Others {
                left: RefCell::new([THINGS; 3]),
                calls: RefCell::default(),
            },
        };
        let random = SeededRandom::new(1);
        block_on(async {
            for number in 1..=2 {
                registered(&house.store, &house.clock, number).await;
                let token = resets::ResetToken::by_chance(&id(number), &random);
                resets::issue(&house.store, &house.clock, &token, Vec::new())
                    .await
                    .unwrap();
                for _ in 0..3 {
                    sessions::begin(&house.store, &house.clock, &random, &id(number), None, 60)
                        .await
                        .unwrap();
                }
            }
        });
        house
    }

    fn departures<'a, S: Store>(&'a self, store: &'a S) -> Departures<'a, S, ManualClock, Others> {
        Departures {
            store,
            clock: &self.clock,
            peers: &self.others,
            offline: false,
        }
    }

    fn begin(&self) -> Result<Option<u64>, ChangeError> {
        block_on(self.departures(&self.store).begin(&id(1)))
    }

    fn run(&self, number: u64) -> Progress {
        block_on(self.departures(&self.store).run(number)).unwrap()
    }

    fn account(&self) -> Option<Account> {
        block_on(find(&self.store, &id(1))).unwrap()
    }

    /// Registers the names of account 1 for account `number`.
    fn register(&self, number: usize) -> Result<Account, RegisterError> {
        let new = NewAccount {
            id: id(number),
            email: Email::parse("USER1@example.org").unwrap(),
            username: "user1".to_owned(),
            role: Role::User,
            password_hash: "$argon2id$".to_owned(),
        };
        block_on(register(&self.store, &self.clock, new))
    }

    fn names_are_free(&self) -> bool {
        let email = Email::parse("user1@example.org").unwrap();
        block_on(check_free(&self.store, &self.clock, &email, "user1")).is_ok()
    }

    /// Sweeps until there is nothing to do.
    fn sweep(&self) {
        for _ in 0..20 {
            self.clock.advance_ms(DEAD_AFTER_MS + 1);
            let swept = block_on(self.departures(&self.store).sweep(None)).unwrap();
            if swept.departures == 0 {
                return;
            }
        }
        panic!("there is always something to do");
    }

    /// Whatever happened before: the user goes if that has not been so, sweeps do the rest, and nothing is left.
    fn comes_to_its_end(&self, what: &str) {
        if self.account().is_some() {
            assert!(!self.names_are_free(), "{what}");
            assert!(self.register(3).is_err(), "{what}");
        }
        self.clock.advance_ms(3 * WINDOW_MS);
        if self
            .account()
            .is_some_and(|account| account.leaving_since.is_none())
        {
            self.begin().unwrap();
        }
        self.sweep();
        assert!(self.account().is_none(), "{what}");
        assert_eq!(*self.others.left.borrow(), [0; 3], "{what}");
        self.nothing_is_left(what);
        assert!(self.register(4).is_ok(), "{what}");
        let other = block_on(find(&self.store, &id(2))).unwrap().unwrap();
        let sessions = block_on(sessions::list(&self.store, &self.clock, &other.id)).unwrap();
        assert!(other.is_open(), "{what}");
        assert!(sessions.len() <= 3, "{what}");
    }

    fn nothing_is_left(&self, what: &str) {
        let digest = Email::parse("user1@example.org")
            .unwrap()
            .digest()
            .to_owned();
        for key in self.store.keys() {
            let value = block_on(self.store.get(&key)).unwrap().unwrap();
            let value = String::from_utf8_lossy(&value).into_owned();
            let is_lock =
                key.starts_with("users/account-lock/") || key.starts_with("users/departure-lock/");
            let is_name = key.contains(&digest) || key.contains("/user1/");
            let may_name =
                key.ends_with("/first") || key.contains("/claim/") || key.contains("/seen/");
            // Who ends sessions while another one forgets them may come later.
            let is_end = value == r#""Ended""# && what.starts_with("seed");
            assert!(is_lock || is_end || !key.contains(&id(1)), "{what}: {key}");
            assert!(!is_name || may_name, "{what}: {key}");
            let may_tell = key.starts_with("users/revocations/");
            assert!(
                may_tell || !value.contains(&id(1)),
                "{what}: {key} is {value}"
            );
            assert!(!value.contains("user1"), "{what}: {key} is {value}");
            assert!(!key.starts_with("users/departures/1"), "{what}: {key}");
        }
    }
}

#[test]
fn a_departure_that_nothing_disturbs_removes_everything_at_once() {
    let house = House::new();
    let number = house.begin().unwrap().unwrap();
    let account = house.account().unwrap();
    assert_eq!(account.leaving_since, Some(Timestamp::from_ms(NOW_MS)));
    assert_eq!(account.email, "");
    let sessions = block_on(sessions::list(&house.store, &house.clock, &id(1))).unwrap();
    assert!(sessions.is_empty());
    let revoked = block_on(revocations::after(&house.store, &house.clock, Some(0), 0)).unwrap();
    assert!(revoked.user_ids.contains(&id(1)));
    assert!(!house.names_are_free());
    assert_eq!(house.run(number), Progress::Finished { user_id: id(1) });
    assert_eq!(house.run(number), Progress::Nothing);
    assert!(house.names_are_free());
    house.nothing_is_left("undisturbed");
    let listed = block_on(directory::page(&house.store, &house.clock, None, 9)).unwrap();
    assert_eq!(listed.accounts.len(), 1);
    // The first pass, and another one when everybody knows of the revocation.
    let calls = house.others.calls.take();
    let order = [Kept::Files, Kept::Videos, Kept::Usage];
    let first = order.map(|kept| [kept; 3]).concat();
    assert_eq!(calls, [first, order.to_vec()].concat());
    assert!(house.clock.now_ms() >= NOW_MS + KNOWN_WITHIN_MS);
}

#[test]
fn what_comes_in_with_a_token_that_is_not_known_to_be_revoked_yet_goes_too() {
    /// A clock during whose first sleep a file is stored.
    struct Late<'a>(&'a House, std::cell::Cell<bool>);
    impl Clock for Late<'_> {
        fn now_ms(&self) -> u64 {
            self.0.clock.now_ms()
        }
        async fn sleep_ms(&self, ms: u64) {
            self.0.clock.advance_ms(ms);
            if !self.1.replace(true) {
                self.0.others.left.borrow_mut()[0] += 1;
            }
        }
    }
    let house = House::new();
    let number = house.begin().unwrap().unwrap();
    let departures = Departures {
        store: &house.store,
        clock: &Late(&house, false.into()),
        peers: &house.others,
        offline: false,
    };
    let progress = block_on(departures.run(number)).unwrap();
    assert_eq!(progress, Progress::Finished { user_id: id(1) });
    assert_eq!(*house.others.left.borrow(), [0; 3]);
}

#[test]
fn a_request_that_is_repeated_has_nothing_to_begin_and_a_disabled_account_cannot_leave() {
    let house = House::new();
    assert_eq!(house.begin(), Ok(Some(1)));
    assert_eq!(house.begin(), Ok(None));
    assert!(matches!(house.run(1), Progress::Finished { .. }));
    assert_eq!(house.begin(), Err(ChangeError::Unknown));

    let house = House::new();
    let user_id = id(1);
    let disabling = change(
        &house.store,
        &house.clock,
        &user_id,
        async |account: &mut Account| {
            account.disabled = true;
            Ok::<_, ChangeError>(())
        },
    );
    block_on(disabling).unwrap();
    assert_eq!(house.begin(), Err(ChangeError::Unknown));
}

#[test]
fn a_job_whose_account_is_not_marked_is_waited_for_and_then_dropped() {
    let house = House::new();
    let departures = house.departures(&house.store);
    let account = house.account().unwrap();
    // Where the store does not write together the job may come to be alone.
    let number = block_on(roster().allocate(&house.store, 1)).unwrap();
    let job = Job {
        user_id: account.id.clone(),
        email_digest: None,
        username: account.username.clone(),
        written_at: departures.now(),
    };
    block_on(cell(number).set(&house.store, &job)).unwrap();
    house.clock.advance_ms(DEAD_AFTER_MS);
    assert_eq!(house.run(number), Progress::Pending);
    house.clock.advance_ms(1);
    assert_eq!(house.run(number), Progress::Nothing);
    assert!(house.account() == Some(account));
    assert_eq!(*house.others.left.borrow(), [THINGS; 3]);
    let swept = block_on(departures.sweep(None)).unwrap();
    assert_eq!(swept.departures, 0);
}

#[test]
fn a_request_that_stands_still_too_long_does_not_mark_the_account() {
    let house = House::new();
    let stepped = SteppedStore::new(&house.store, 1, 0);
    let departures = house.departures(&stepped);
    let user_id = id(1);
    let caller: Caller<'_> = Box::pin(async {
        assert_eq!(departures.begin(&user_id).await, Err(ChangeError::Busy));
    });
    interleave(&Dice::new(1), vec![caller], || {
        if block_on(roster().head(&house.store)).unwrap() > 0 {
            house.clock.advance_ms(WINDOW_MS / 8);
        }
        true
    });
    house.comes_to_its_end("after a slow request");
}

#[test]
fn something_that_goes_on_at_a_service_is_waited_for() {
    struct Running;
    impl Peers for Running {
        async fn set_limit(&self, _: Kept, _: &str, _: Option<u64>) -> Result<(), PeerFailure> {
            Ok(())
        }
        async fn purge(&self, _: Kept, _: &str) -> Result<Purged, PeerFailure> {
            Ok(Purged::default())
        }
    }
    let house = House::new();
    let number = house.begin().unwrap().unwrap();
    let departures = Departures {
        store: &house.store,
        clock: &house.clock,
        peers: &Running,
        offline: false,
    };
    let progress = block_on(departures.run(number));
    assert_eq!(progress, Ok(Progress::Pending));
    house.comes_to_its_end("after waiting");
}

#[test]
fn a_departure_that_dies_at_any_step_comes_to_its_end_later() {
    let mut marked = BTreeSet::new();
    for steps in 0.. {
        let house = House::new();
        let stepped = SteppedStore::new(&house.store, 1, 0);
        let departures = house.departures(&stepped);
        let user_id = id(1);
        let caller: Caller<'_> = Box::pin(async {
            let number = departures.begin(&user_id).await.unwrap().unwrap();
            departures.run(number).await.unwrap();
        });
        let mut left = steps;
        let results = interleave(&Dice::new(1), vec![caller], || {
            left -= 1;
            left >= 0
        });
        marked.insert(
            house
                .account()
                .map(|account| account.leaving_since.is_some()),
        );
        house.comes_to_its_end(&format!("after {steps} steps"));
        if results[0].is_some() {
            assert!(steps > 60, "{steps}");
            break;
        }
    }
    assert_eq!(marked.len(), 3);
}

#[test]
fn many_that_run_one_job_at_once_while_some_die_and_the_store_fails_are_harmless() {
    for seed in 0..300 {
        let house = House::new();
        let dice = Dice::new(seed);
        let stepped = SteppedStore::new(&house.store, seed, 20);
        let departures = house.departures(&stepped);
        let user_id = id(1);
        let callers = (0..4)
            .map(|n| -> Caller<'_> {
                let (departures, user_id) = (&departures, &user_id);
                Box::pin(async move {
                    if n < 2 {
                        let _ = departures.begin(user_id).await;
                    }
                    for number in 1..=2 {
                        let _ = departures.run(number).await;
                    }
                })
            })
            .collect();
        interleave(&dice, callers, || {
            if dice.falls(20) {
                house.clock.advance_ms(WINDOW_MS / 3);
            }
            !dice.falls(5)
        });
        house.comes_to_its_end(&format!("seed {seed}"));
    }
}

#[test]
fn a_sweep_goes_on_page_by_page_and_an_offline_one_waits_for_nobody() {
    let house = House::new();
    house.begin().unwrap();
    // Somebody died with the lock.
    let lock = Lock::new(format!("users/departure-lock/{}", id(1)));
    block_on(lock.acquire(&house.store, &house.clock)).unwrap();
    block_on(roster().allocate(&house.store, 20)).unwrap();
    let sweep = |offline| {
        let departures = Departures {
            offline,
            ..house.departures(&house.store)
        };
        block_on(departures.sweep(None)).unwrap()
    };
    let swept = sweep(false);
    assert_eq!((swept.departures, swept.pending, swept.next), (1, 1, None));
    let swept = sweep(true);
    assert_eq!((swept.departures, swept.finished), (1, vec![id(1)]));
    assert_eq!(house.clock.now_ms(), NOW_MS);
    house.nothing_is_left("after an offline sweep");
}
