#![allow(clippy::unwrap_used)]
use std::cell::RefCell;
use std::collections::VecDeque;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::executor::block_on;
use http::{Request, Response};
use spinreel_platform::TransportError;
use spinreel_platform::memory::{
    CountingStore, ManualClock, MemoryStore, Pieces, SeededRandom, StoppingStore,
};

use super::super::accounts::change;
use super::super::accounts::testing::{id, registered};
use super::super::resets::complete;
use super::*;

const NOW_MS: u64 = 1_700_000_000_000;
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A receiver that answers by its script, and then 200; what it got: ids and messages.
#[derive(Default)]
struct Receiver {
    script: RefCell<VecDeque<u16>>,
    received: RefCell<Vec<(String, ResetEvent)>>,
}

impl HttpClient for Receiver {
    type Body = Pieces;

    async fn send(&self, request: Request<Vec<Bytes>>) -> Result<Response<Pieces>, TransportError> {
        let id = request.headers()["webhook-id"].to_str().unwrap().to_owned();
        let event = serde_json::from_slice(&request.body().concat()).unwrap();
        self.received.borrow_mut().push((id, event));
        let status = self.script.borrow_mut().pop_front().unwrap_or(200);
        Ok(Response::builder()
            .status(status)
            .body(Pieces::default())
            .unwrap())
    }
}

struct House {
    store: CountingStore<MemoryStore>,
    clock: ManualClock,
    random: SeededRandom,
    receiver: Receiver,
    endpoint: Endpoint,
    account: Account,
}

impl House {
    fn new() -> Self {
        let store = CountingStore::new(MemoryStore::default());
        let clock = ManualClock::at(NOW_MS);
        let account = block_on(registered(&store, &clock, 1));
        Self {
            store,
            clock,
            random: SeededRandom::new(1),
            receiver: Receiver::default(),
            endpoint: Endpoint::new("http://receiver.test", "/", SECRET).unwrap(),
            account,
        }
    }

    fn on<'a, S>(&'a self, store: &'a S) -> Deliveries<'a, S, ManualClock, SeededRandom, Receiver> {
        Deliveries {
            store,
            clock: &self.clock,
            random: &self.random,
            http: &self.receiver,
            endpoint: &self.endpoint,
            secret: "0123456789abcdef0123456789abcdef",
        }
    }

    fn begin(&self) -> Option<Outcome> {
        let event = block_on(self.on(&self.store).begin(&self.account)).unwrap();
        event.map(|event| event.outcome)
    }

    fn deliver_due(&self) -> Vec<Outcome> {
        let events = block_on(self.on(&self.store).deliver_due()).unwrap();
        events.into_iter().map(|event| event.outcome).collect()
    }

    fn received(&self) -> Vec<(String, ResetEvent)> {
        self.receiver.received.take()
    }

    fn use_token(&self, token: &str) -> bool {
        let (store, clock, random) = (&self.store, &self.clock, &self.random);
        block_on(complete(store, clock, random, 9, token, "a new password")).is_ok()
    }

    /// The numbers of deliveries that are left.
    fn left(&self) -> usize {
        let keys = self.store.inner().keys().into_iter();
        let numbers = keys.filter_map(|key| {
            let number = key.strip_prefix("users/reset-deliveries/")?.to_owned();
            number.parse::<u64>().ok()
        });
        numbers.count()
    }
}

#[test]
fn a_token_is_sent_to_be_mailed_and_the_store_has_nothing_that_makes_it() {
    let house = House::new();
    house.receiver.script.borrow_mut().push_back(500);
    assert!(matches!(house.begin(), Some(Outcome::Failed(_))));
    let (webhook_id, event) = house.received().remove(0);
    assert_eq!(event.kind, "password.reset_requested");
    assert_eq!(event.data.email, "user1@example.org");
    assert_eq!(event.data.username, "user1");
    assert_eq!(event.data.expires_at.as_ms(), NOW_MS + LIFETIME_MS);
    assert!(!webhook_id.contains('.'));
    let (_, secret) = event.data.token.split_once('.').unwrap();
    for key in house.store.inner().keys() {
        let value = block_on(house.store.get(&key)).unwrap().unwrap();
        let value = String::from_utf8_lossy(&value).into_owned();
        assert!(!value.contains(secret), "{key}");
    }
    assert!(house.use_token(&event.data.token));
}

#[test]
fn one_that_is_not_taken_is_sent_again_until_it_is() {
    let house = House::new();
    house.receiver.script.borrow_mut().extend([500, 503]);
    assert!(matches!(house.begin(), Some(Outcome::Failed(_))));
    assert!(house.deliver_due().is_empty());
    house.clock.advance_ms(5_000);
    assert!(matches!(house.deliver_due()[..], [Outcome::Failed(_)]));
    house.clock.advance_ms(10_000);
    assert_eq!(house.deliver_due(), [Outcome::Delivered]);
    let received = house.received();
    let (first, last) = (&received[0], &received[2]);
    assert_eq!(
        (&first.0, &first.1.data.token),
        (&last.0, &last.1.data.token)
    );
    assert_eq!(house.left(), 0);
    house.store.take_calls();
    assert!(house.deliver_due().is_empty());
    let calls = house.store.take_calls();
    assert_eq!((calls.reads(), calls.writes()), (2, 0));
}

#[test]
fn one_whose_token_is_not_good_any_more_is_not_sent_again() {
    for why in ["used", "newer", "over", "disabled", "gone"] {
        let house = House::new();
        house.receiver.script.borrow_mut().push_back(500);
        house.begin();
        let (_, first) = house.received().remove(0);
        let id = id(1);
        match why {
            "used" => assert!(house.use_token(&first.data.token)),
            "newer" => assert_eq!(house.begin(), Some(Outcome::Delivered)),
            "over" => house.clock.advance_ms(LIFETIME_MS),
            "disabled" => {
                let set = change(&house.store, &house.clock, &id, async |account| {
                    account.disabled = true;
                    Ok::<_, ChangeError>(())
                });
                block_on(set).unwrap();
            }
            _ => house.receiver.script.borrow_mut().push_back(410),
        }
        house.received();
        house.clock.advance_ms(60_000);
        let sent = house.deliver_due().len();
        assert_eq!(sent, usize::from(why == "gone"), "{why}");
        assert_eq!(house.left(), 0, "{why}");
    }
}

#[test]
fn an_account_that_cannot_be_used_gets_none() {
    let house = House::new();
    let id = id(1);
    let set = change(&house.store, &house.clock, &id, async |account| {
        account.disabled = true;
        Ok::<_, ChangeError>(())
    });
    block_on(set).unwrap();
    assert_eq!(house.begin(), None);
    assert!(house.received().is_empty());
    assert_eq!(house.left(), 0);
}

#[test]
fn one_whose_sender_died_before_any_call_is_sent_if_its_token_stands() {
    let (mut finished, mut calls) = (false, 0);
    while !finished {
        let house = House::new();
        {
            let dying = StoppingStore::dying_before_call(&house.store, calls);
            finished = house
                .on(&dying)
                .begin(&house.account)
                .now_or_never()
                .is_some();
        }
        house.clock.advance_ms(TRY_MS);
        house.deliver_due();
        let stands = block_on(record(&id(1)).get(&house.store))
            .unwrap()
            .is_some();
        let received = house.received();
        assert_eq!(stands, !received.is_empty(), "at call {calls}");
        let ids = received.iter().map(|(id, _)| id.clone());
        let ids: std::collections::BTreeSet<String> = ids.collect();
        assert_eq!(ids.len(), usize::from(stands), "at call {calls}");
        assert_eq!(house.left(), 0, "at call {calls}");
        calls += 1;
    }
    assert!(calls > 8, "it has more calls than {calls}");
}

#[test]
fn a_look_sends_a_few() {
    let house = House::new();
    for number in 2..9 {
        let account = block_on(registered(&house.store, &house.clock, number));
        house.receiver.script.borrow_mut().push_back(500);
        block_on(house.on(&house.store).begin(&account)).unwrap();
    }
    house.clock.advance_ms(60_000);
    assert_eq!(house.deliver_due().len(), TRIES);
    assert_eq!(house.deliver_due().len(), 3);
}
