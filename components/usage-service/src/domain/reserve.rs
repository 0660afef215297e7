use spinreel_api::Timestamp;
use spinreel_api::internal::{Direction, Reservation, Reserve};
use spinreel_api::usage::Action;
use spinreel_platform::{Clock, Store};

use super::actions::{Entry, Record};
use super::crossing::{Nearing, is_near};
use super::days::DayKeys;
use super::{Usage, UsageError, playback};

/// What came of a [`Usage::reserve`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The bytes may be moved.
    Granted(Granted),
    /// They would go past the day's limit; nothing has changed.
    Refused,
}

/// Bytes that may be moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// What is handed back when it is known how many were.
    pub reservation: Reservation,
    /// Where most of the day is used now: what to [report](Usage::report).
    pub nearing: Option<Nearing>,
    /// Whether old days should be [sealed](Usage::seal).
    pub seal: bool,
}

impl<S: Store, C: Clock> Usage<'_, S, C> {
    /// Takes a part of the day's bandwidth; where the bytes are a playback's, counts them there, and writes its action down
    /// with its first request.
    ///
    /// A day has a counter for each direction, and its limit is for both. A caller raises the counter of its own direction
    /// and then reads the other one; where both are over the limit, it lowers its own again. Of those that were granted,
    /// take any set, and of it the one that raised its counter last. All others had raised theirs by then, so its own sum
    /// and what it read after have the bytes of all of them, less what was given back by then, and it was granted since
    /// that is within the limit. So what is granted at any time is, also where one goes in and one goes out. Two that race
    /// near the limit may both be refused.
    ///
    /// A caller that dies leaves its bytes on the counters until the day is over: too much, never too little. For the same
    /// reason a repeated call takes bytes anew.
    ///
    /// | | `get` | writes |
    /// |---|---|---|
    /// | granted | 4 | 1 |
    /// | a playback, from the second request on | 5 | 2 |
    /// | a playback, the first request | 7 | 4 |
    /// | hopeless | 3 | 0 |
    /// | refused after a race | 4 | 2 |
    pub async fn reserve(&self, request: &Reserve) -> Result<Outcome, UsageError> {
        let user = &request.user_id;
        let now = Timestamp::from_ms(self.clock.now_ms());
        let bytes = i64::try_from(request.bytes).unwrap_or(i64::MAX);
        let limit = self.limit(user).await?;
        let keys = DayKeys::new(user, now.day());
        let own = keys.bytes(request.direction);
        let other = keys.bytes(opposite(request.direction));
        let taken = own.get(self.store).await?;
        let taken = taken.saturating_add(other.get(self.store).await?);
        if bytes > limit.saturating_sub(taken) {
            return Ok(Outcome::Refused);
        }
        let sum = own.add(self.store, bytes).await?;
        let used = sum.saturating_add(other.get(self.store).await?);
        if used > limit {
            own.add(self.store, -bytes).await?;
            return Ok(Outcome::Refused);
        }
        let mut granted = Granted {
            reservation: Reservation {
                day: now.day(),
                direction: request.direction,
                bytes: request.bytes,
                playback: None,
            },
            nearing: is_near(used, limit).then_some(Nearing {
                day: now.day(),
                used,
                limit,
            }),
            seal: false,
        };
        if let Some(part_of) = &request.playback {
            let name = playback::name_of(part_of, now);
            if playback::count(self.store, user, &name, bytes).await? {
                let action = Action {
                    at: now,
                    action: part_of.kind,
                    video_id: Some(part_of.video_id.clone()),
                    bytes: request.bytes,
                };
                let record = Record {
                    day: now.day(),
                    beside: Vec::new(),
                    entry: Entry {
                        action,
                        playback: Some(name.clone()),
                    },
                };
                granted.seal = self.record(user, record).await?;
            }
            granted.reservation.playback = Some(name);
        }
        Ok(Outcome::Granted(granted))
    }
}

fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::In => Direction::Out,
        Direction::Out => Direction::In,
    }
}

#[cfg(test)]
#[path = "reserve_tests.rs"]
mod tests;
