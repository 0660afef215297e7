//! The salt of a day: one value, overwritten by the next day's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use spinreel_api::Day;
use spinreel_ledger::{Cell, LedgerError, Lock};
use spinreel_platform::{Clock, Random, Store};

/// Bytes.
const LENGTH: usize = 32;
/// How often one looks whether another one has made the salt, and how long it waits in between, in milliseconds.
const TRIES: u32 = 40;
const PAUSE_MS: u64 = 50;

/// A salt, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    day: Day,
    salt: String,
}

/// A salt and its day.
pub(super) struct Salt {
    pub(super) day: Day,
    pub(super) salt: Vec<u8>,
}

impl From<Stored> for Salt {
    fn from(Stored { day, salt }: Stored) -> Self {
        Self {
            day,
            salt: salt.into_bytes(),
        }
    }
}

fn cell() -> Cell<Stored> {
    Cell::new("videos/view-salt")
}

/// The salt of `today`, or of tomorrow where another clock is there already. One read; the first one of a day makes it,
/// which costs 3 writes: two at once make one.
pub(super) async fn salt_of(
    store: &impl Store,
    clock: &impl Clock,
    random: &impl Random,
    today: Day,
) -> Result<Salt, LedgerError> {
    // One that lies further ahead is from before the clock was set.
    let is_todays = |stored: &Stored| stored.day == today || stored.day == today.next();
    for attempt in 0..=TRIES {
        if let Some(stored) = cell().get(store).await?.filter(is_todays) {
            return Ok(stored.into());
        }
        let lock = Lock::new("videos/view-salt-lock");
        let held = lock.acquire(store, clock).await?;
        if held.is_none() && attempt < TRIES {
            clock.sleep_ms(PAUSE_MS).await;
            continue;
        }
        // Another one may have made it before the lock was ours.
        let known = cell().get(store).await?.filter(is_todays);
        let stored = match known {
            Some(stored) => stored,
            None => {
                let mut salt = [0; LENGTH];
                random.fill(&mut salt);
                let stored = Stored {
                    day: today,
                    salt: URL_SAFE_NO_PAD.encode(salt),
                };
                cell().set(store, &stored).await?;
                stored
            }
        };
        if let Some(held) = held {
            // One that stays is in nobody's way for long.
            let _ = held.release(store).await;
        }
        return Ok(stored.into());
    }
    Err(LedgerError::Corrupt {
        key: cell().key().to_owned(),
        reason: "nobody made it".to_owned(),
    })
}

/// Removes the salt of a day that is over, where nobody came since. One read.
pub async fn forget_old(store: &impl Store, today: Day) -> Result<(), LedgerError> {
    let is_old = |stored: Stored| stored.day < today;
    if cell().get(store).await?.is_some_and(is_old) {
        cell().delete(store).await?;
    }
    Ok(())
}
