use http::StatusCode;
use serde::Serialize;
use spinreel_api::health::{ServiceHealth, State};
use spinreel_ledger::{Cell, LedgerError};
use spinreel_platform::{Clock, Store};

use crate::context::Context;
use crate::respond::json;
use crate::route::Outcome;
use crate::serve::VERSION;

/// How long a store that gave back what was written is believed to do so, in milliseconds: what asks for the health every
/// second shall not write every second.
const BELIEVED_MS: u64 = 60_000;

/// How long what another part said is believed, in milliseconds: anybody may ask for the health, as often as they like.
const REMEMBERED_MS: u64 = 10_000;

/// What a part says that costs more to ask than the store: `ask` asks it, and for ten seconds all are told what it said.
/// Costs a read, and once in that time the question and a write.
pub async fn remembered(context: &Context, ask: impl Future<Output = State>) -> State {
    let key = format!("{}health_of_part", context.service.prefix);
    remembered_in(&context.store, &context.clock, key, ask).await
}

async fn remembered_in(
    store: &impl Store,
    clock: &impl Clock,
    key: String,
    ask: impl Future<Output = State>,
) -> State {
    let said: Cell<(u64, State)> = Cell::new(key);
    // A store that fails is what the health is about to say.
    if let Ok(Some((at_ms, state))) = said.get(store).await
        && clock.now_ms().abs_diff(at_ms) < REMEMBERED_MS
    {
        return state;
    }
    let state = ask.await;
    // From its answer on: a part that takes long to say nothing is asked no more often than others.
    let _ = said.set(store, &(clock.now_ms(), state)).await;
    state
}

/// Whether a store answers, and gives back what was written: versions of Spin before 3.2 answered a write before it was
/// stored. Costs a read, and once a minute a write and a read more.
async fn probe_store(store: &impl Store, clock: &impl Clock, prefix: &str) -> State {
    let written: Cell<u64> = Cell::new(format!("{prefix}health"));
    let now_ms = clock.now_ms();
    let before = match written.get(store).await {
        Ok(before) => before,
        Err(LedgerError::Corrupt { .. }) => None,
        Err(LedgerError::Store(_)) => return State::Down,
    };
    if before.is_some_and(|before| now_ms.abs_diff(before) < BELIEVED_MS) {
        return State::Ok;
    }
    if written.set(store, &now_ms).await.is_err() {
        return State::Down;
    }
    // Somebody else may have written after this.
    match written.get(store).await {
        Ok(Some(after)) if Some(after) != before => State::Ok,
        _ => State::Down,
    }
}

/// One service's health: 200, or 503 where a part is down. `bucket` is storage-service's to know.
pub async fn service_health(context: &Context, bucket: Option<State>) -> Outcome {
    let health = own_health(context, bucket).await;
    health_response(health.status, &health)
}

/// What the service says of itself; `bucket` is storage-service's to know.
pub async fn own_health(context: &Context, bucket: Option<State>) -> ServiceHealth {
    let store = probe_store(&context.store, &context.clock, context.service.prefix).await;
    let wrong_variables = context.settings.wrong().to_vec();
    let down = store == State::Down || bucket == Some(State::Down) || !wrong_variables.is_empty();
    let status = if down { State::Down } else { State::Ok };
    ServiceHealth {
        status,
        service: context.service.id.to_owned(),
        store,
        bucket,
        wrong_variables,
        version: VERSION.to_owned(),
    }
}

/// A health document: 200, or 503 with `Retry-After` where `state` says that a part is down.
pub fn health_response(state: State, body: &impl Serialize) -> Outcome {
    let status = match state {
        State::Ok => StatusCode::OK,
        State::Down => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = json(status, body)?;
    if state == State::Down {
        response.headers_mut().insert(
            http::header::RETRY_AFTER,
            http::HeaderValue::from_static("5"),
        );
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use spinreel_platform::StoreError;
    use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore};

    use super::*;

    const NOON: u64 = 1_699_963_200_000;

    /// A store that answers a write and does nothing.
    struct Forgetful(MemoryStore);

    impl Store for Forgetful {
        async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
            self.0.get(key).await
        }
        async fn set(&self, _: &str, _: &[u8]) -> Result<(), StoreError> {
            Ok(())
        }
        async fn set_many(&self, _: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
            Ok(())
        }
        async fn delete(&self, _: &str) -> Result<(), StoreError> {
            Ok(())
        }
        async fn delete_many(&self, _: &[String]) -> Result<(), StoreError> {
            Ok(())
        }
        async fn increment(&self, _: &str, delta: i64) -> Result<i64, StoreError> {
            Ok(delta)
        }
    }

    #[test]
    fn a_good_store_is_written_to_once_a_minute() {
        let store = CountingStore::<MemoryStore>::default();
        let clock = ManualClock::at(NOON);
        for (advance_ms, expected) in [(0, (2, 1)), (1_000, (1, 0)), (BELIEVED_MS, (2, 1))] {
            clock.advance_ms(advance_ms);
            assert_eq!(block_on(probe_store(&store, &clock, "x/")), State::Ok);
            let calls = store.take_calls();
            assert_eq!((calls.reads(), calls.writes()), expected, "{advance_ms}");
        }
    }

    #[test]
    fn a_part_is_asked_once_in_ten_seconds_whatever_it_says() {
        let store = CountingStore::<MemoryStore>::default();
        let clock = ManualClock::at(NOON);
        let asked = std::cell::Cell::new(0);
        let look = |state: State| {
            let ask = async {
                asked.set(asked.get() + 1);
                // It takes its time.
                clock.advance_ms(3_000);
                state
            };
            block_on(remembered_in(&store, &clock, "x/part".to_owned(), ask))
        };
        for (advance_ms, now, expected, questions, writes) in [
            (0, State::Ok, State::Ok, 1, 1),
            (REMEMBERED_MS - 1, State::Down, State::Ok, 1, 0),
            (1, State::Down, State::Down, 2, 1),
            (5_000, State::Ok, State::Down, 2, 0),
            (5_000, State::Ok, State::Ok, 3, 1),
        ] {
            clock.advance_ms(advance_ms);
            store.take_calls();
            assert_eq!(look(now), expected);
            assert_eq!(asked.get(), questions);
            let calls = store.take_calls();
            assert_eq!((calls.reads(), calls.writes()), (1, writes));
        }
        // A clock that was set back does not make it believed for longer.
        let earlier = ManualClock::at(NOON);
        let ask = async { State::Down };
        let state = block_on(remembered_in(&store, &earlier, "x/part".to_owned(), ask));
        assert_eq!(state, State::Down);
    }

    #[test]
    fn a_store_that_answers_before_it_has_stored_is_down() {
        let clock = ManualClock::at(NOON);
        let store = Forgetful(MemoryStore::default());
        assert_eq!(block_on(probe_store(&store, &clock, "x/")), State::Down);
        // Nor is it believed for what it once gave back.
        let written: Cell<u64> = Cell::new("x/health");
        assert_eq!(block_on(written.set(&store.0, &NOON)), Ok(()));
        clock.advance_ms(BELIEVED_MS);
        assert_eq!(block_on(probe_store(&store, &clock, "x/")), State::Down);
    }

    #[test]
    fn what_an_earlier_version_wrote_there_is_no_fault() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        assert_eq!(block_on(store.set("x/health", b"?")), Ok(()));
        assert_eq!(block_on(probe_store(&store, &clock, "x/")), State::Ok);
    }
}
