//! Everything that is simulated: time, the store, the bucket, the other services, and what goes wrong with them.
//!
//! # The model
//! A call is *made*, takes *effect*, and is *answered*; other clients run in between. It takes effect within
//! [`EFFECT_MS`] of being made, or never: also when the one who made it is gone, or has heard of an error. The answer
//! may come much later, or be lost. An instance reads the clock and makes a call in one go; between an answer and its
//! next step it may stand still for any time.

use std::cell::{Cell, RefCell};
use std::fmt::Arguments;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::bucket::Bucket;
use super::dice::Dice;
use super::effect::{Answer, Effect, Fault};
use super::history::History;
use super::mutation::Mutation;
use super::peers::Services;
use super::profile::Profile;
use super::store::KeyValues;

/// A call takes effect within this time of being made, or never; in milliseconds.
pub(super) const EFFECT_MS: u64 = 20_000;
/// When it all begins, in milliseconds since the Unix epoch.
const BEGINNING_MS: u64 = 1_700_000_000_000;

/// A moment at which a task wants to go on.
struct Timer {
    task: usize,
    until_ms: u64,
    waker: Waker,
}

/// What all clients of a run share.
pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) profile: Profile,
    pub(super) mutation: Option<Mutation>,
    pub(super) store: RefCell<KeyValues>,
    pub(super) bucket: RefCell<Bucket>,
    pub(super) services: RefCell<Services>,
    pub(super) history: RefCell<History>,
    /// How often the host was killed.
    pub(super) host_crashes: Cell<u64>,
    /// How much went wrong so far.
    pub(super) troubles: Cell<u64>,
    /// Whether nothing goes wrong any more.
    pub(super) calm: Cell<bool>,
    /// The task that is being polled.
    pub(super) task: Cell<usize>,
    now_ms: Cell<u64>,
    steps: Cell<u64>,
    timers: RefCell<Vec<Timer>>,
    late: RefCell<Vec<(u64, Effect)>>,
    violation: RefCell<Option<String>>,
    traced: bool,
}

impl World {
    pub(super) fn new(seed: u64, mutation: Option<Mutation>, traced: bool) -> Self {
        let dice = Dice::new(seed);
        let profile = Profile::roll(&dice);
        let world = Self {
            store: RefCell::new(KeyValues::new(profile.provider)),
            bucket: RefCell::default(),
            services: RefCell::default(),
            history: RefCell::default(),
            host_crashes: Cell::new(0),
            troubles: Cell::new(0),
            calm: Cell::new(false),
            task: Cell::new(0),
            now_ms: Cell::new(BEGINNING_MS),
            steps: Cell::new(0),
            timers: RefCell::default(),
            late: RefCell::default(),
            violation: RefCell::default(),
            dice,
            profile,
            mutation,
            traced,
        };
        world.trace(format_args!("{:?}", world.profile));
        world
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// A number that grows with everything that happens.
    pub(super) fn step(&self) -> u64 {
        self.steps.set(self.steps.get() + 1);
        self.steps.get()
    }

    /// Whether something so likely happens now.
    pub(super) fn happens(&self, in_ten_thousand: u64) -> bool {
        let happens = !self.calm.get() && self.dice.falls(in_ten_thousand);
        self.troubles.set(self.troubles.get() + u64::from(happens));
        happens
    }

    /// Says what happens, when a seed is replayed.
    pub(super) fn trace(&self, what: Arguments<'_>) {
        if self.traced {
            let at_ms = self.now_ms() - BEGINNING_MS;
            eprintln!("{at_ms:>9} ms  task {}  {what}", self.task.get());
        }
    }

    /// Notes that an invariant is broken; the first one counts.
    pub(super) fn violated(&self, what: String) {
        self.trace(format_args!("VIOLATED: {what}"));
        self.violation.borrow_mut().get_or_insert(what);
    }

    /// Whether an invariant is broken.
    pub(super) fn is_violated(&self) -> bool {
        self.violation.borrow().is_some()
    }

    /// The invariant that is broken.
    pub(super) fn violation(&self) -> Option<String> {
        self.violation.borrow().clone()
    }

    /// Suspends the task for `ms` of virtual time; others run in between even if that is 0.
    pub(super) fn pause(&self, ms: u64) -> Pause<'_> {
        Pause {
            world: self,
            ms,
            until_ms: None,
        }
    }

    /// Makes a call.
    pub(super) async fn call(&self, effect: Effect) -> Result<Answer, Fault> {
        let fault = effect.fault(self);
        let mut flight = InFlight {
            world: self,
            effect: Some(effect),
            made_ms: self.now_ms(),
        };
        self.pause(self.latency_ms()).await;
        let Some(effect) = flight.effect.take() else {
            return Err(Fault::Before);
        };
        if self.traced {
            self.trace(format_args!("{} {fault:?}", effect.describe()));
        }
        let answer = match fault {
            Fault::None => Ok(self.apply(&effect)),
            Fault::Twice => {
                self.apply(&effect);
                Ok(self.apply(&effect))
            }
            Fault::Less => Ok(self.apply(&effect.part(self))),
            Fault::Before | Fault::Refused => Err(fault),
            Fault::After => {
                self.apply(&effect);
                Err(fault)
            }
            Fault::Part => {
                self.apply(&effect.part(self));
                Err(fault)
            }
            Fault::Late => {
                self.linger(effect, flight.made_ms);
                Err(fault)
            }
        };
        let mut latency_ms = self.latency_ms();
        if self.happens(self.profile.stalls) {
            latency_ms += self.dice.below(300_000);
        }
        self.pause(latency_ms).await;
        answer
    }

    fn latency_ms(&self) -> u64 {
        if self.happens(self.profile.slow) {
            return self.dice.below(EFFECT_MS);
        }
        match self.dice.below(4) {
            0 => self.dice.below(60),
            _ => self.dice.below(2),
        }
    }

    fn apply(&self, effect: &Effect) -> Answer {
        self.step();
        let answer = effect.apply(self);
        self.check_limit();
        answer
    }

    /// Nobody stores more than the limit, at any moment.
    fn check_limit(&self) {
        if let Some((user, bytes)) = self.bucket.borrow().more_than(self.profile.limit) {
            self.violated(format!(
                "{user} stores {bytes} bytes, the limit is {}",
                self.profile.limit
            ));
        }
    }

    /// Lets a call take effect later, though nobody waits for it.
    fn linger(&self, effect: Effect, made_ms: u64) {
        if effect.is_read() {
            return;
        }
        let now_ms = self.now_ms();
        let rest_ms = (made_ms + EFFECT_MS).saturating_sub(now_ms);
        let due_ms = now_ms + self.dice.below(rest_ms + 1);
        self.late.borrow_mut().push((due_ms, effect));
    }

    /// Takes what is due of the lingering calls.
    pub(super) fn apply_late(&self) {
        loop {
            let now_ms = self.now_ms();
            let mut late = self.late.borrow_mut();
            let Some(due) = late.iter().position(|(due_ms, _)| *due_ms <= now_ms) else {
                return;
            };
            let (_, effect) = late.swap_remove(due);
            drop(late);
            if self.traced {
                self.trace(format_args!("{} (late)", effect.describe()));
            }
            self.apply(&effect);
        }
    }

    /// Adds the tasks that can go on to `tasks`; where there are none, time jumps to when there is one.
    ///
    /// `false` where nothing will ever happen again.
    pub(super) fn runnable(&self, tasks: &mut Vec<usize>) -> bool {
        loop {
            self.apply_late();
            let now_ms = self.now_ms();
            let timers = self.timers.borrow();
            for timer in timers.iter().filter(|timer| timer.until_ms <= now_ms) {
                if !tasks.contains(&timer.task) {
                    tasks.push(timer.task);
                }
            }
            if !tasks.is_empty() {
                return true;
            }
            let waits = timers.iter().map(|timer| timer.until_ms);
            let late = self.late.borrow();
            let next = waits.chain(late.iter().map(|(due_ms, _)| *due_ms)).min();
            drop((timers, late));
            let Some(next_ms) = next else {
                return false;
            };
            self.now_ms.set(next_ms.max(now_ms));
        }
    }

    /// Wakes what is due in a task that is about to be polled.
    pub(super) fn wake(&self, task: usize) {
        let now_ms = self.now_ms();
        self.task.set(task);
        self.timers.borrow_mut().retain(|timer| {
            let due = timer.task == task && timer.until_ms <= now_ms;
            if due {
                timer.waker.wake_by_ref();
            }
            !due
        });
    }

    /// Forgets every task.
    pub(super) fn forget_tasks(&self) {
        self.timers.borrow_mut().clear();
    }
}

/// A call that has been made and has not taken effect. Dropping it (the caller is gone) does not call it back.
struct InFlight<'w> {
    world: &'w World,
    effect: Option<Effect>,
    made_ms: u64,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(effect) = self.effect.take() {
            match self.world.dice.below(4) {
                0 => self.world.linger(effect, self.made_ms),
                1 => self.world.linger(effect.part(self.world), self.made_ms),
                _ => {}
            }
        }
    }
}

/// See [`World::pause`].
pub(super) struct Pause<'w> {
    world: &'w World,
    ms: u64,
    until_ms: Option<u64>,
}

impl Future for Pause<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let now_ms = self.world.now_ms();
        match self.until_ms {
            Some(until_ms) if until_ms <= now_ms => Poll::Ready(()),
            Some(_) => Poll::Pending,
            None => {
                let until_ms = now_ms + self.ms;
                self.until_ms = Some(until_ms);
                self.world.timers.borrow_mut().push(Timer {
                    task: self.world.task.get(),
                    until_ms,
                    waker: context.waker().clone(),
                });
                Poll::Pending
            }
        }
    }
}
