use std::future::poll_fn;
use std::task::Poll;

use wasi::io::poll::Pollable;

/// Waits until what `subscribe` stands for is ready.
pub(crate) async fn ready(pollable: Pollable) {
    let mut pollable = Some(pollable);
    poll_fn(|context| match pollable.take() {
        // The executor wakes the task when, and only when, the pollable is ready.
        Some(pollable) => {
            spin_executor::push_waker(pollable, context.waker().clone());
            Poll::Pending
        }
        None => Poll::Ready(()),
    })
    .await;
}
