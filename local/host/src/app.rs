//! The running application: what a request needs to be served.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::clock::WallClock;
use crate::component::Component;
use crate::headers::RouteHeaders;
use crate::options::Profile;
use crate::outbound::Client;
use crate::routes::Router;

/// Shared by all connections and instances.
pub(crate) struct App {
    /// The address that the host listens on.
    pub(crate) address: SocketAddr,
    /// The public routes.
    pub(crate) router: Router<Target>,
    /// All components that a trigger names, by id.
    pub(crate) components: HashMap<String, Arc<Component>>,
    /// Connections to other servers.
    pub(crate) client: Client,
    /// The answer of `/.well-known/spin/info`.
    pub(crate) info: bytes::Bytes,
    /// What time it is for the components.
    pub(crate) clock: WallClock,
    /// How fast the host is, and how patient.
    pub(crate) profile: Profile,
    /// How long a client may take to send a request's headers; `None`: for ever.
    pub(crate) header_timeout: Option<Duration>,
    /// How long a client may send nothing of a body that is waited for, or take nothing of an answer; `None`: for ever.
    pub(crate) client_timeout: Option<Duration>,
    /// What is under way.
    pub(crate) running: Running,
}

/// Where a route leads.
pub(crate) struct Target {
    /// The component that answers.
    pub(crate) component: Arc<Component>,
    /// The headers that are the same for all requests of the route.
    pub(crate) headers: RouteHeaders,
}

/// How far the host is on its way down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    /// No new connections; what is under way may finish.
    Closing,
    /// Everything ends now.
    Killed,
}

/// Counts connections and instances, and tells them when to end.
pub(crate) struct Running {
    shared: Arc<Shared>,
}

struct Shared {
    count: AtomicUsize,
    guests: AtomicUsize,
    idle: Notify,
    phase: watch::Sender<Phase>,
}

/// Something that is under way; dropping it says that it has ended.
pub(crate) struct Entry {
    shared: Arc<Shared>,
    is_guest: bool,
}

impl Running {
    /// Nothing is under way yet.
    pub(crate) fn new() -> Running {
        Running {
            shared: Arc::new(Shared {
                count: AtomicUsize::new(0),
                guests: AtomicUsize::new(0),
                idle: Notify::new(),
                phase: watch::Sender::new(Phase::Serving),
            }),
        }
    }

    /// A connection, or what accepts them, begins.
    pub(crate) fn enter(&self) -> Entry {
        self.enter_as(false)
    }

    /// A guest begins.
    pub(crate) fn enter_guest(&self) -> Entry {
        self.shared.guests.fetch_add(1, Ordering::AcqRel);
        self.enter_as(true)
    }

    /// How many guests run: those that have answered and go on working, too.
    pub(crate) fn guests(&self) -> usize {
        self.shared.guests.load(Ordering::Acquire)
    }

    fn enter_as(&self, is_guest: bool) -> Entry {
        self.shared.count.fetch_add(1, Ordering::AcqRel);
        Entry {
            shared: self.shared.clone(),
            is_guest,
        }
    }

    /// Lets everything finish for this long, then ends what is left.
    pub(crate) async fn finish(&self, patience: Duration) {
        self.shared.phase.send_replace(Phase::Closing);
        if tokio::time::timeout(patience, self.wait()).await.is_err() {
            tracing::warn!("requests that were still running after {patience:?} were ended");
            self.kill();
            self.wait().await;
        }
    }

    /// Ends everything at once.
    pub(crate) fn kill(&self) {
        self.shared.phase.send_replace(Phase::Killed);
    }

    async fn wait(&self) {
        loop {
            let idle = self.shared.idle.notified();
            if self.shared.count.load(Ordering::Acquire) == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl Entry {
    /// Resolves when no new work shall begin.
    pub(crate) async fn closing(&self) {
        self.reached(Phase::Closing).await;
    }

    /// Resolves when work shall end at once.
    pub(crate) async fn killed(&self) {
        self.reached(Phase::Killed).await;
    }

    async fn reached(&self, phase: Phase) {
        // An error means that the sender is gone, and with it the host.
        let _ = self
            .shared
            .phase
            .subscribe()
            .wait_for(|now| *now >= phase)
            .await;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.is_guest {
            self.shared.guests.fetch_sub(1, Ordering::AcqRel);
        }
        if self.shared.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.idle.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn finishing_waits_for_what_is_under_way() {
        let running = Running::new();
        let entry = running.enter();
        let work = tokio::spawn(async move {
            entry.closing().await;
            drop(entry);
        });
        running.finish(LONG).await;
        assert!(work.await.is_ok());
    }

    #[tokio::test]
    async fn what_does_not_finish_is_ended() {
        let running = Running::new();
        let entry = running.enter();
        let work = tokio::spawn(async move { entry.killed().await });
        running.finish(Duration::ZERO).await;
        assert!(work.await.is_ok());
    }

    #[tokio::test]
    async fn finishing_is_immediate_when_nothing_is_under_way() {
        let running = Running::new();
        drop(running.enter());
        running.finish(LONG).await;
    }
}
