//! The task in which a guest runs.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::task::JoinHandle;

use super::InvokeError;
use crate::app::Entry;
use crate::options::Profile;

type Work = Pin<Box<dyn Future<Output = Result<(), InvokeError>> + Send>>;

/// A guest that runs in the task of its caller until it has answered, which saves small requests the way
/// through another task. When the caller drops it, it goes on in a task of its own.
pub(super) struct RunningGuest {
    work: Option<Work>,
    entry: Option<Entry>,
}

impl RunningGuest {
    /// A guest whose handler is `work`; the profile says in which task it begins.
    pub(super) fn start(
        profile: Profile,
        entry: Entry,
        work: impl Future<Output = Result<(), InvokeError>> + Send + 'static,
    ) -> RunningGuest {
        RunningGuest {
            entry: Some(entry),
            work: Some(match profile {
                Profile::Ordinary => Box::pin(work),
                Profile::AsSpin => Box::pin(GuestTask(tokio::spawn(work))),
            }),
        }
    }

    /// Lets the guest work. Once it has ended it must not be polled again.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), InvokeError>> {
        let Some(work) = &mut self.work else {
            return Poll::Pending;
        };
        let outcome = ready!(work.as_mut().poll(context));
        self.work = None;
        Poll::Ready(outcome)
    }
}

impl Drop for RunningGuest {
    fn drop(&mut self) {
        if let (Some(work), Some(entry)) = (self.work.take(), self.entry.take())
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                tokio::select! {
                    // Its errors are in the log.
                    _ = work => {}
                    () = entry.killed() => {}
                }
            });
        }
    }
}

/// A guest that runs in a task of its own from the start, as on Spin. Dropping this ends it.
struct GuestTask(JoinHandle<Result<(), InvokeError>>);

impl Future for GuestTask {
    type Output = Result<(), InvokeError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let ended = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(ended.unwrap_or_else(|error| Err(InvokeError::Trap(error.into()))))
    }
}

impl Drop for GuestTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}
