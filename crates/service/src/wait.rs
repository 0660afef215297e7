use std::future::poll_fn;
use std::task::Poll;

use spin_executor::{CancelOnDropToken, push_waker_and_get_token};
use wasi::io::poll::Pollable;

/// Waits until what `pollable` stands for is ready, or until anything else in the instance is: the executor polls
/// everything whenever something happens. So callers look again, and wait again where they came too early.
pub(crate) async fn ready(pollable: Pollable) {
    let mut pollable = Some(pollable);
    let mut token = None;
    poll_fn(|context| match pollable.take() {
        Some(pollable) => {
            let pushed = push_waker_and_get_token(pollable, context.waker().clone());
            // Taken back when the wait is over, so that waits that ended early do not pile up.
            token = Some(CancelOnDropToken::from(pushed));
            Poll::Pending
        }
        None => {
            token = None;
            Poll::Ready(())
        }
    })
    .await;
}
