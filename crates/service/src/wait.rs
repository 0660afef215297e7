use std::future::poll_fn;
use std::task::Poll;

use spin_executor::{CancelOnDropToken, push_waker_and_get_token};
use thiserror::Error;
use wasi::clocks::monotonic_clock;
use wasi::io::poll::Pollable;

const NS_PER_MS: u64 = 1_000_000;

/// A moment of the monotonic clock after which nothing is waited for any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline {
    at_ns: u64,
}

/// The deadline passed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it took too long")]
pub(crate) struct Elapsed;

impl Deadline {
    /// So many milliseconds from now.
    pub(crate) fn in_ms(ms: u64) -> Self {
        Self::at_ns(now_ns().saturating_add(ms.saturating_mul(NS_PER_MS)))
    }

    /// At this moment of the monotonic clock, in nanoseconds.
    pub(crate) fn at_ns(at_ns: u64) -> Self {
        Self { at_ns }
    }

    /// The moment, in nanoseconds.
    pub(crate) fn as_ns(self) -> u64 {
        self.at_ns
    }

    /// Whether it has passed.
    pub(crate) fn has_passed(self) -> bool {
        now_ns() >= self.at_ns
    }
}

/// The monotonic clock, in nanoseconds.
pub(crate) fn now_ns() -> u64 {
    monotonic_clock::now()
}

/// Waits until what `pollable` stands for is ready, or until anything else in the instance is: the executor polls
/// everything whenever something happens. So callers look again, and wait again where they came too early.
pub(crate) async fn ready(pollable: Pollable) {
    any_ready([pollable]).await;
}

/// As [`ready`], but not past the deadline.
pub(crate) async fn ready_by(pollable: Pollable, deadline: Deadline) -> Result<(), Elapsed> {
    if deadline.has_passed() {
        return Err(Elapsed);
    }
    any_ready([pollable, monotonic_clock::subscribe_instant(deadline.at_ns)]).await;
    Ok(())
}

async fn any_ready<const COUNT: usize>(pollables: [Pollable; COUNT]) {
    let mut pollables = Some(pollables);
    let mut tokens = None;
    poll_fn(|context| match pollables.take() {
        Some(pollables) => {
            // Taken back when the wait is over, so that waits that ended early do not pile up.
            tokens = Some(pollables.map(|pollable| {
                CancelOnDropToken::from(push_waker_and_get_token(pollable, context.waker().clone()))
            }));
            Poll::Pending
        }
        None => {
            tokens = None;
            Poll::Ready(())
        }
    })
    .await;
}
