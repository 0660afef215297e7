use std::future::Future;
use std::time::{Duration, Instant};

/// How long something may take that happens after the answer: only a test that fails waits as long.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// Asks again and again until there is an answer; `what` is for the message of a test that waits in vain.
#[track_caller]
pub fn eventually<T, P, F>(what: &str, probe: P) -> impl Future<Output = T>
where
    P: Fn() -> F,
    F: Future<Output = Option<T>>,
{
    let place = std::panic::Location::caller();
    async move {
        let began = Instant::now();
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{place}: it never happened that {what}"
            );
            tokio::time::sleep(PAUSE).await;
        }
    }
}
