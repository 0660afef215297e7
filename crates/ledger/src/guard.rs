//! Work that stops when its time is over.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Goes on with `work` as long as it `may`; `None` where it was stopped.
///
/// An instance may stand still for any time between an answer and its next step. Asking before every step keeps it from
/// making a call when others have taken over meanwhile: what is stopped is as if the instance had died.
pub async fn while_it_may<D>(may: impl Fn() -> bool, work: impl Future<Output = D>) -> Option<D> {
    let mut work = pin!(work);
    poll_fn(|context| match may() {
        true => work.as_mut().poll(context).map(Some),
        false => Poll::Ready(None),
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::FutureExt as _;
    use futures::channel::oneshot;

    use super::*;

    #[test]
    fn work_that_may_go_on_comes_to_its_end() {
        let done = while_it_may(|| true, async { 7 }).now_or_never();
        assert_eq!(done, Some(Some(7)));
    }

    #[test]
    fn work_whose_time_ended_while_it_waited_takes_no_further_step() {
        let (may, stepped) = (Cell::new(true), Cell::new(false));
        let (answer, answered) = oneshot::channel::<()>();
        let mut work = Box::pin(while_it_may(|| may.get(), async {
            let _ = answered.await;
            stepped.set(true);
        }));
        assert_eq!(work.as_mut().now_or_never(), None);
        may.set(false);
        let _ = answer.send(());
        assert_eq!(work.now_or_never(), Some(None));
        assert!(!stepped.get());
    }
}
