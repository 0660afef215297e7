//! Guesses, from their beginnings to their ends; see [`attempts`](super::attempts).
//!
//! # Many guesses at once
//! A guess costs nothing before its password is hashed. What it found is **told only where it may be**: a wrong one
//! counts itself (an increment, whose sum says how many failed before it), a right one reads the counter, and then
//!
//! - where fewer than the free ones had failed before, it is told;
//! - past those, it is told where nothing has failed since the guess began, which it could because the pause was over;
//! - else it is told to wait, and a right one counts as a failure, too: neither the answer nor the time that it takes
//!   says which it was.
//!
//! So in the order of those increments and reads, what is told is what guesses one after another would have been told:
//! of the free ones as many, and past them one for each pause. What was hashed beyond that is work, and no knowledge.
//!
//! # What is stored
//! For each count a counter of failures that only grows; past the free ones the time of the [`Last`] failure; and a
//! [`State`], which says from which sum on they count. As long as no more than the free ones count nothing needs to be
//! forgotten; the first failure past them begins a window of [`WINDOW_MS`](super::failures::WINDOW_MS), where none goes
//! on, and they are forgotten after one to two of those. A state that is written late says of more failures that they
//! count, never of fewer: its sum was read before, and sums grow. A last failure whose sum is not the counter's, or that
//! lies ahead of the clock, is one whose time is not known: then the pause begins when that is noticed. So a guess that
//! dies between the two costs others one pause.

use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, Store};

use super::attempts::Attempts;
use super::failures::{Last, Look, State, write};
use super::validation::Email;

/// The longest pause, in seconds.
const MAX_PAUSE_S: u64 = 300;

/// A guess that may be made, at all of these at once.
#[derive(Debug)]
#[must_use]
pub(crate) struct Guess {
    begun: Vec<(Attempts, Look)>,
}

/// A guess that may not be made now, or whose outcome may not be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pause {
    /// Seconds until the next may be made; at least 1.
    pub(crate) wait_s: u64,
}

impl Attempts {
    /// Whether a guess may begin; costs 2 reads, past the free failures 3. Where the time of the last failure is not
    /// known, that it was noticed is written down.
    async fn begin(
        &self,
        store: &impl Store,
        clock: &impl Clock,
    ) -> Result<Result<Look, Pause>, LedgerError> {
        let look = self.look(store).await?;
        if look.failures(look.sum, clock.now_ms()) < self.free {
            return Ok(Ok(look));
        }
        let mut last = self.last().get(store).await?;
        let now_ms = clock.now_ms();
        if last.is_none_or(|last| last.sum < look.sum || last.at_ms > now_ms) {
            let noticed = Last {
                sum: look.sum,
                at_ms: now_ms,
            };
            self.last().set(store, &noticed).await?;
            last = Some(noticed);
        }
        let now_ms = clock.now_ms();
        let pause = last.and_then(|last| self.pause(&look, last, now_ms));
        Ok(pause.map_or(Ok(look), Err))
    }

    /// The counter first: a sum that belongs to a window which begins after this look must not be taken for one from
    /// before it.
    async fn look(&self, store: &impl Store) -> Result<Look, LedgerError> {
        let sum = self.counter().get(store).await?;
        Ok(Look {
            state: self.state().get(store).await?,
            sum: u64::try_from(sum).unwrap_or(0),
        })
    }

    /// How long to wait after a last failure; `None` where the wait is over.
    fn pause(&self, look: &Look, last: Last, now_ms: u64) -> Option<Pause> {
        let failures = look.failures(last.sum, now_ms);
        let beyond = u32::try_from(failures.checked_sub(self.free)?).unwrap_or(u32::MAX);
        let pause_s = 2_u64.saturating_pow(beyond).min(MAX_PAUSE_S);
        let until_ms = last.at_ms.saturating_add(pause_s * 1_000);
        let left_ms = until_ms.saturating_sub(now_ms);
        (left_ms > 0).then(|| Pause {
            wait_s: left_ms.div_ceil(1_000),
        })
    }

    /// Whether what a guess found may be told that began at the first look and comes to its end at `sum` failures.
    fn may_tell(&self, begun: &Look, now: &Look, sum: u64, now_ms: u64) -> bool {
        now.failures(sum, now_ms) < self.free || sum == begun.sum
    }
}

impl Guess {
    /// Begins a guess, where one may be made at all of these; see [`Attempts::begin`] for the costs of each.
    pub(crate) async fn begin(
        store: &impl Store,
        clock: &impl Clock,
        attempts: impl IntoIterator<Item = Attempts>,
    ) -> Result<Result<Self, Pause>, LedgerError> {
        let mut begun = Vec::new();
        for attempts in attempts {
            match attempts.begin(store, clock).await? {
                Ok(look) => begun.push((attempts, look)),
                Err(pause) => return Ok(Err(pause)),
            }
        }
        Ok(Ok(Self { begun }))
    }

    /// It was wrong; a [`Pause`] where that may not be told. Costs a write for each of what it counts at, and past the free
    /// ones of any one more, and another one where a window begins.
    pub(crate) async fn wrong(
        self,
        store: &impl Store,
        clock: &impl Clock,
    ) -> Result<Result<(), Pause>, LedgerError> {
        let looks = self.in_windows(store, clock).await?;
        let (mut lasts, mut told) = (Vec::new(), Ok(()));
        for ((attempts, begun), look) in self.begun.iter().zip(looks) {
            let sum = attempts.counter().add(store, 1).await?;
            let sum = u64::try_from(sum).unwrap_or(0);
            let now_ms = clock.now_ms();
            let last = Last { sum, at_ms: now_ms };
            if look.failures(sum, now_ms) >= attempts.free {
                lasts.push(attempts.last().pair(&last)?);
            }
            if !attempts.may_tell(begun, &look, sum.saturating_sub(1), now_ms) {
                told = Err(attempts
                    .pause(&look, last, now_ms)
                    .unwrap_or(Pause { wait_s: 1 }));
            }
        }
        if !lasts.is_empty() {
            store.set_many(&lasts).await?;
        }
        Ok(told)
    }

    /// A look at all that the guess counts at, with windows that are not over: the failures that count in a window come
    /// after it.
    async fn in_windows(
        &self,
        store: &impl Store,
        clock: &impl Clock,
    ) -> Result<Vec<Look>, LedgerError> {
        loop {
            let began_ms = clock.now_ms();
            let (mut looks, mut windows) = (Vec::new(), Vec::new());
            for (attempts, _) in &self.begun {
                let mut look = attempts.look(store).await?;
                if look.needs_window(attempts.free, began_ms) {
                    let last = attempts.last().get(store).await?;
                    let window = look.new_window(last, began_ms);
                    windows.push(attempts.state().pair(&window)?);
                    look.state = Some(window);
                }
                looks.push(look);
            }
            if write(store, clock, began_ms, &windows).await? {
                return Ok(looks);
            }
        }
    }

    /// It was right, and failures before it are forgotten where they were at nothing else, which costs a write where there
    /// are any; a [`Pause`] where that may not be told.
    pub(crate) async fn right(
        self,
        store: &impl Store,
        clock: &impl Clock,
    ) -> Result<Result<(), Pause>, LedgerError> {
        let mut forgiven = Vec::new();
        let now_ms = clock.now_ms();
        for (attempts, begun) in &self.begun {
            let now = attempts.look(store).await?;
            if !attempts.may_tell(begun, &now, now.sum, now_ms) {
                return match self.wrong(store, clock).await? {
                    // The others have been forgiven in the meantime, but this one came too late for that.
                    Ok(()) => Ok(Err(Pause { wait_s: 1 })),
                    Err(pause) => Ok(Err(pause)),
                };
            }
            if attempts.forgives && now.failures(now.sum, now_ms) > 0 {
                forgiven.push(attempts.state().pair(&State {
                    began_ms: now_ms,
                    base: now.sum,
                    carried: 0,
                })?);
            }
        }
        // Where it comes too late the failures go on to count.
        write(store, clock, now_ms, &forgiven).await?;
        Ok(Ok(()))
    }
}

/// Counts a registration from a client before it is looked at any further; a [`Pause`] where there were too many. Costs
/// a write, as a wrong [`Guess`].
pub(crate) async fn count_registration(
    store: &impl Store,
    clock: &impl Clock,
    secret: &str,
    client: Option<&str>,
) -> Result<Result<(), Pause>, LedgerError> {
    let attempts = [Attempts::of_registrations(secret, client)];
    match Guess::begin(store, clock, attempts).await? {
        Ok(registration) => registration.wrong(store, clock).await,
        Err(pause) => Ok(Err(pause)),
    }
}

/// Counts a request for a token that sets a forgotten password: at the client, where a [`Pause`] is told, and at the
/// address, where it is not, since others ask for it too; `true` where a token may be sent. Costs 2 writes, whether or not
/// there is an account.
pub(crate) async fn count_reset(
    store: &impl Store,
    clock: &impl Clock,
    secret: &str,
    client: Option<&str>,
    email: &Email,
) -> Result<Result<bool, Pause>, LedgerError> {
    let of_client = [Attempts::of_resets(secret, client)];
    let counted = match Guess::begin(store, clock, of_client).await? {
        Ok(request) => request.wrong(store, clock).await?,
        Err(pause) => Err(pause),
    };
    if let Err(pause) = counted {
        return Ok(Err(pause));
    }
    let at_address = [Attempts::of_resets_at(secret, email)];
    let counted = match Guess::begin(store, clock, at_address).await? {
        Ok(request) => request.wrong(store, clock).await?,
        Err(pause) => Err(pause),
    };
    Ok(Ok(counted.is_ok()))
}

#[cfg(test)]
#[path = "guesses_tests.rs"]
mod tests;
