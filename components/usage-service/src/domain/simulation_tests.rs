//! Many clients of one user at once, in orders that seeds decide: some are cut off, some die before any call of the store.
#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use futures::FutureExt;
use futures::executor::block_on;
use futures::future::LocalBoxFuture;
use proptest::prelude::*;
use spinreel_api::internal::{Direction, Reserve};
use spinreel_api::usage::{Action, ActionKind};
use spinreel_platform::Store;
use spinreel_platform::memory::{ManualClock, MemoryStore, StoppingStore};

use super::testing::{
    NOON, Stepping, action, bytes_of, give_back, incoming, interleave, outgoing, settle, upload,
    viewed,
};
use super::{Outcome, Usage};

const LIMIT: i64 = 1_000;

/// What a client wants, and how far it comes.
#[derive(Debug, Clone)]
struct Client {
    wants: Wants,
    bytes: u64,
    /// How many of a hundred parts of the bytes are moved.
    moves: u64,
    /// Before which of its calls of the store it dies; `None`: it lives.
    dies_before: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wants {
    Upload,
    Play(u8),
    Delete,
}

fn client() -> impl Strategy<Value = Client> {
    let wants = prop_oneof![
        Just(Wants::Upload),
        (0..3_u8).prop_map(Wants::Play),
        Just(Wants::Delete),
    ];
    let moves = prop_oneof![Just(0), Just(100), 0..100_u64];
    (
        wants,
        1..500_u64,
        moves,
        prop::option::weighted(0.3, 0..12_u64),
    )
        .prop_map(|(wants, bytes, moves, dies_before)| Client {
            wants,
            bytes,
            moves,
            dies_before,
        })
}

/// What truly happened.
#[derive(Debug, Clone, Copy, Default)]
struct Truth {
    granted: u64,
    moved_in: u64,
    moved_out: u64,
    /// Actions that must be seen, as whoever wrote them down was answered.
    answered: u64,
}

impl Client {
    fn moved(&self) -> u64 {
        self.bytes * self.moves / 100
    }

    fn request(&self) -> Reserve {
        match self.wants {
            Wants::Play(viewer) => viewed(&viewer.to_string(), self.bytes),
            Wants::Upload => incoming(self.bytes),
            Wants::Delete => outgoing(0),
        }
    }

    /// What the client does; the truth is told before anything that may be the last.
    async fn live(&self, store: &impl Store, clock: &ManualClock, truth: &Cell<Truth>) {
        let usage = Usage::new(store, clock, LIMIT);
        let note = |change: &dyn Fn(&mut Truth)| {
            let mut now = truth.get();
            change(&mut now);
            truth.set(now);
        };
        if self.wants == Wants::Delete {
            let deletion = settle(
                Vec::new(),
                Some(action(clock, ActionKind::Delete, self.bytes)),
            );
            usage.settle(&deletion).await.unwrap();
            note(&|truth| truth.answered += 1);
            return;
        }
        let request = self.request();
        let Outcome::Granted(granted) = usage.reserve(&request).await.unwrap() else {
            return;
        };
        let moved = self.moved();
        note(&|truth| {
            truth.granted += self.bytes;
            match request.direction {
                Direction::In => truth.moved_in += moved,
                Direction::Out => truth.moved_out += moved,
            }
        });
        let settlement = match self.wants {
            Wants::Upload if self.moves == 100 => {
                settle(vec![granted.reservation], Some(upload(clock, moved)))
            }
            Wants::Upload => give_back(granted.reservation, moved),
            _ if moved == self.bytes => return,
            _ => give_back(granted.reservation, moved),
        };
        let is_action = settlement.action.is_some();
        usage.settle(&settlement).await.unwrap();
        note(&|truth| truth.answered += u64::from(is_action));
    }
}

/// Runs all of them at once; returns what truly happened.
fn run(clients: &[Client], store: &MemoryStore, clock: &ManualClock, seed: u64) -> Truth {
    let truth = Cell::new(Truth::default());
    let stores: Vec<Stepping<'_>> = clients.iter().map(|_| Stepping::new(store)).collect();
    let dying: Vec<StoppingStore<'_, Stepping<'_>>> = clients
        .iter()
        .zip(&stores)
        .map(|(client, store)| {
            StoppingStore::dying_before_call(store, client.dies_before.unwrap_or(u64::MAX))
        })
        .collect();
    let mut calls: Vec<LocalBoxFuture<'_, ()>> = Vec::new();
    for (client, store) in clients.iter().zip(&dying) {
        let life = client.live(store, clock, &truth);
        calls.push(until_tired(life).boxed_local());
    }
    interleave(seed, calls);
    truth.get()
}

/// Lets a client go on for as many steps as any has, so that nobody waits for a dead one.
async fn until_tired(life: impl Future<Output = ()>) {
    let mut life = pin!(life);
    let mut left = 100;
    poll_fn(|context| {
        left -= 1;
        match life.as_mut().poll(context) {
            Poll::Pending if left > 0 => Poll::Pending,
            _ => Poll::Ready(()),
        }
    })
    .await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn counters_are_never_below_what_was_moved_and_exactly_there_where_nobody_dies(
        clients in prop::collection::vec(client(), 1..8),
        seed in any::<u64>(),
    ) {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let truth = run(&clients, &store, &clock, seed);
        let (went_in, went_out) = bytes_of(&store, NOON);
        prop_assert!(went_in >= truth.moved_in as i64 && went_out >= truth.moved_out as i64);
        let someone_died = clients.iter().any(|client| client.dies_before.is_some());
        if !someone_died {
            prop_assert_eq!((went_in, went_out), (truth.moved_in as i64, truth.moved_out as i64));
        }
        // What died between its increment and its look at the other way is counted, and was not granted.
        prop_assert!(truth.moved_in + truth.moved_out <= LIMIT as u64);

        let usage = Usage::new(&store, &clock, LIMIT);
        let before: Vec<Action> = block_on(usage.actions("u", None, 100)).unwrap().items;
        let day = block_on(usage.today("u")).unwrap();
        let counted = day.uploads + day.downloads + day.deletions;
        prop_assert!(before.len() as u64 <= counted);
        prop_assert!(before.len() as u64 >= truth.answered);
        if !someone_died {
            prop_assert_eq!(before.len() as u64, counted);
            let streamed = before.iter().filter(|action| action.action == ActionKind::Stream);
            prop_assert_eq!(streamed.map(|action| action.bytes).sum::<u64>(), truth.moved_out);
        }

        // A day that is over looks the same when it is sealed.
        clock.advance_ms(2 * 86_400_000);
        let days = block_on(usage.daily("u", 3)).unwrap();
        block_on(usage.seal("u")).unwrap();
        prop_assert_eq!(block_on(usage.actions("u", None, 100)).unwrap().items, before);
        prop_assert_eq!(block_on(usage.daily("u", 3)).unwrap(), days);
    }

    #[test]
    fn what_is_granted_at_once_fits_into_the_limit(
        clients in prop::collection::vec(client(), 2..8),
        seed in any::<u64>(),
    ) {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        // Nobody gives anything back.
        let greedy: Vec<Client> = clients
            .into_iter()
            .map(|client| Client { moves: 100, ..client })
            .collect();
        let truth = run(&greedy, &store, &clock, seed);
        prop_assert!(truth.granted <= LIMIT as u64, "{:?}", truth);
    }
}
