//! Whose access tokens were revoked lately, for the other services to learn within seconds.
//!
//! A list of user ids in a ring of places, under numbers that only grow: who reads up to a number asks for what came
//! after it the next time. A number whose place is not written yet is not passed before its writer must be dead; and
//! whoever passes it is told that there is more than the list says, since a writer that was late by the whole ring may
//! have written over it. So is whoever falls behind by more than the ring, or asks for the first time when much was
//! revoked.

use serde::{Deserialize, Serialize};
use spinreel_ledger::{CALL_MS, Cell, LedgerError, Slots};
use spinreel_platform::{Clock, Store};

const PREFIX: &str = "users/revocations";
/// Places of the ring, and the most that one reader is told.
const RING: u64 = 512;
/// How long after its number a place may be written, in milliseconds: its writer has made the call by then, and it has
/// its effect.
const WRITTEN_WITHIN_MS: u64 = 3 * CALL_MS;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Revocation {
    number: u64,
    at_ms: u64,
    user_id: String,
}

/// What a reader is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Revoked {
    /// Users, some of them perhaps more than once.
    pub(crate) user_ids: Vec<String>,
    /// What to ask for the next time.
    pub(crate) next: u64,
    /// Whether there were more than are told.
    pub(crate) lagging: bool,
}

/// The note that some access tokens of a user are not good any more, to be written at once, together with what makes it
/// so and before that: who is told of it goes on asking for longer than a token lives. Costs a write.
pub(crate) async fn prepare(
    store: &impl Store,
    clock: &impl Clock,
    user_id: &str,
) -> Result<(String, Vec<u8>), LedgerError> {
    let number = slots().allocate(store, 1).await?;
    let revocation = Revocation {
        number,
        at_ms: clock.now_ms(),
        user_id: user_id.to_owned(),
    };
    place(number).pair(&revocation)
}

/// The users whose tokens were revoked after `since` (`None`: in the last `lifetime_ms`, which no token outlives).
pub(crate) async fn after(
    store: &impl Store,
    clock: &impl Clock,
    since: Option<u64>,
    lifetime_ms: u64,
) -> Result<Revoked, LedgerError> {
    let head = slots().head(store).await?;
    let oldest = head.saturating_sub(RING);
    let first = since.map_or(oldest, |since| since.min(head)).max(oldest);
    let mut revoked = Revoked {
        next: first,
        lagging: since.is_some_and(|since| since < oldest),
        ..Revoked::default()
    };
    let mut waiting = false;
    for number in first + 1..=head {
        let found = place(number).get(store).await?;
        let Some(found) = found.filter(|found| found.number >= number) else {
            waiting = true;
            continue;
        };
        if found.number > number {
            // The ring went on while this was read.
            revoked.lagging = true;
            continue;
        }
        let now_ms = clock.now_ms();
        // What lies ahead of the clock may be recent.
        let recent = now_ms.saturating_sub(found.at_ms) <= lifetime_ms;
        // Numbers are given in order: those before this one are at least as old.
        if waiting && now_ms.abs_diff(found.at_ms) > WRITTEN_WITHIN_MS {
            waiting = false;
            revoked.lagging |= since.is_some() || recent;
        }
        if !waiting {
            revoked.next = number;
        }
        if since.is_some() || recent {
            revoked.user_ids.push(found.user_id);
        }
        // The oldest place of a full ring: older ones may be recent, too.
        if since.is_none() && recent && number == first + 1 && first > 0 {
            revoked.lagging = true;
        }
    }
    Ok(revoked)
}

fn slots() -> Slots {
    Slots::new(PREFIX)
}

fn place(number: u64) -> Cell<Revocation> {
    Cell::new(format!("{PREFIX}/{}", number % RING))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use spinreel_platform::memory::{ManualClock, MemoryStore};

    use super::*;

    const NOW_MS: u64 = 1_700_000_000_000;
    const LIFETIME_MS: u64 = 900_000;

    fn world() -> (MemoryStore, ManualClock) {
        (MemoryStore::default(), ManualClock::at(NOW_MS))
    }

    async fn note(store: &MemoryStore, clock: &ManualClock, user_id: &str) {
        let (key, value) = prepare(store, clock, user_id).await.unwrap();
        store.set(&key, &value).await.unwrap();
    }

    async fn read(store: &MemoryStore, clock: &ManualClock, since: Option<u64>) -> Revoked {
        after(store, clock, since, LIFETIME_MS).await.unwrap()
    }

    fn told(user_ids: &[&str], next: u64) -> Revoked {
        Revoked {
            user_ids: user_ids.iter().map(|id| (*id).to_owned()).collect(),
            next,
            lagging: false,
        }
    }

    #[test]
    fn a_reader_is_told_once_what_came_since_it_asked() {
        let (store, clock) = world();
        block_on(async {
            assert_eq!(read(&store, &clock, None).await, told(&[], 0));
            note(&store, &clock, "a").await;
            note(&store, &clock, "b").await;
            assert_eq!(read(&store, &clock, Some(0)).await, told(&["a", "b"], 2));
            assert_eq!(read(&store, &clock, Some(2)).await, told(&[], 2));
            note(&store, &clock, "a").await;
            assert_eq!(read(&store, &clock, Some(2)).await, told(&["a"], 3));
        });
    }

    #[test]
    fn a_new_reader_is_told_what_tokens_may_still_live_for() {
        let (store, clock) = world();
        block_on(async {
            note(&store, &clock, "old").await;
            clock.advance_ms(LIFETIME_MS + 1);
            note(&store, &clock, "new").await;
            assert_eq!(read(&store, &clock, None).await, told(&["new"], 2));
        });
    }

    #[test]
    fn a_place_that_is_being_written_is_waited_for_and_one_that_never_will_be_is_passed() {
        let (store, clock) = world();
        block_on(async {
            slots().allocate(&store, 1).await.unwrap();
            note(&store, &clock, "b").await;
            assert_eq!(read(&store, &clock, Some(0)).await, told(&["b"], 0));
            clock.advance_ms(WRITTEN_WITHIN_MS + 1);
            let passed = Revoked {
                lagging: true,
                ..told(&["b"], 2)
            };
            for since in [Some(0), None] {
                assert_eq!(read(&store, &clock, since).await, passed, "{since:?}");
            }
            // It is told once, and to newcomers as long as tokens live.
            assert_eq!(read(&store, &clock, Some(2)).await, told(&[], 2));
            clock.advance_ms(LIFETIME_MS);
            assert_eq!(read(&store, &clock, None).await, told(&[], 2));
        });
    }

    #[test]
    fn a_revocation_that_a_writer_from_the_last_round_wrote_over_is_not_passed_unseen() {
        for rounds in [1, 2] {
            let (store, clock) = world();
            block_on(async {
                let (key, late) = prepare(&store, &clock, "late").await.unwrap();
                for number in 2..=rounds * RING {
                    note(&store, &clock, &number.to_string()).await;
                }
                let since = rounds * RING;
                note(&store, &clock, "lost").await;
                // In the place of the one that nobody has been told of.
                store.set(&key, &late).await.unwrap();
                note(&store, &clock, "after").await;
                let waits = read(&store, &clock, Some(since)).await;
                assert_eq!(waits, told(&["after"], since), "{rounds}");
                clock.advance_ms(WRITTEN_WITHIN_MS + 1);
                let passed = read(&store, &clock, Some(since)).await;
                assert!(passed.lagging, "{rounds}");
                assert_eq!(passed.next, since + 2, "{rounds}");
            });
        }
    }

    #[test]
    fn after_the_clock_was_set_back_revocations_are_told_and_nothing_is_waited_for() {
        for back_ms in [1_000, WRITTEN_WITHIN_MS + 1, 10 * LIFETIME_MS] {
            let (store, clock) = world();
            block_on(async {
                slots().allocate(&store, 1).await.unwrap();
                note(&store, &clock, "b").await;
                clock.set_ms(NOW_MS - back_ms);
                let is_passed = back_ms > WRITTEN_WITHIN_MS;
                for since in [None, Some(0)] {
                    let revoked = read(&store, &clock, since).await;
                    assert_eq!(revoked.user_ids, ["b"], "{back_ms}");
                    assert_eq!(revoked.lagging, is_passed, "{back_ms}");
                    assert_eq!(revoked.next, if is_passed { 2 } else { 0 }, "{back_ms}");
                }
            });
        }
    }

    #[test]
    fn who_falls_behind_the_ring_is_told_so_and_the_keys_stay_bounded() {
        let (store, clock) = world();
        block_on(async {
            for number in 0..=RING {
                note(&store, &clock, &number.to_string()).await;
            }
            for since in [None, Some(0)] {
                let revoked = read(&store, &clock, since).await;
                assert!(revoked.lagging, "{since:?}");
                assert_eq!(
                    (revoked.user_ids.len() as u64, revoked.next),
                    (RING, RING + 1)
                );
            }
            assert!(!read(&store, &clock, Some(1)).await.lagging);
            assert_eq!(store.keys().len() as u64, RING + 1);
            clock.advance_ms(LIFETIME_MS + 1);
            assert!(!read(&store, &clock, None).await.lagging);
        });
    }

    #[test]
    fn a_number_from_another_life_of_the_store_is_no_reason_to_be_told_nothing() {
        let (store, clock) = world();
        block_on(async {
            note(&store, &clock, "a").await;
            assert_eq!(read(&store, &clock, Some(70)).await, told(&[], 1));
        });
    }
}
