//! Whoever comes by delivers what is due.

use spinreel_ledger::{Found, LedgerError};
use spinreel_platform::{Clock, HttpClient, Random, Store};
use spinreel_webhook::Endpoint;
use spinreel_webhook::schedule::{FIRST_PAUSE_MS, is_due};

use super::attempt::{BUSY_MS, Tried};
use super::queue::{Delivery, LOOK_AT_LEAST_EVERY_MS, due_mark, gone, queue, seen};
use super::{Outcome, Run};

/// The most deliveries that one look tries.
const TRIES: usize = 4;
/// For how long after its beginning a look begins another try, in milliseconds: with the last one's 15 seconds it takes
/// half a minute at most.
const LOOK_MS: u64 = 15_000;
/// The most deliveries that one look goes through: the newest ones. Older ones have their turn when those are over.
const PAGE: usize = 256;
/// How long others leave a look alone before they take its holder for dead, in milliseconds.
const LOOK_LEASE_MS: u64 = 2 * LOOK_MS;
/// How long a number without a delivery is given to get one before it is looked at again, in milliseconds.
const UNFILLED_MS: u64 = 30_000;

/// The deliveries and what they need of the world.
#[derive(Debug, Clone, Copy)]
pub struct Webhooks<'a, S, C, R, H> {
    /// The store that [`Usage`](crate::domain::Usage) writes deliveries to.
    pub store: &'a S,
    /// The clock.
    pub clock: &'a C,
    /// For the pauses.
    pub random: &'a R,
    /// For the requests. It must not follow redirects.
    pub http: &'a H,
    /// Where to.
    pub endpoint: &'a Endpoint,
    /// The caller vouches that nobody else is at work, so that nothing need be waited for.
    pub offline: bool,
}

impl<S: Store, C: Clock, R: Random, H: HttpClient> Webhooks<'_, S, C, R, H> {
    /// Delivers a few of what is due. Costs one `get` where nothing is.
    pub async fn deliver_due(&self) -> Result<Run, LedgerError> {
        let due_ms = due_mark().get(self.store).await?.unwrap_or(0);
        let is_due = is_due(due_ms, self.clock.now_ms(), LOOK_AT_LEAST_EVERY_MS);
        if is_due || self.offline {
            self.look().await
        } else {
            Ok(Run::default())
        }
    }

    /// Looks through the queue, tries what is due, and says when the next look is.
    ///
    /// The mark is moved on twice. At first, so that of many that come by one looks. At the end, to the first moment in
    /// which something will be due; that may overwrite the mark of somebody who raised an alert meanwhile. Its number
    /// is then higher than those that were looked at, or has no delivery yet, or a delivery whose alert does not stand
    /// yet: for each of those the next look is soon. Where this one dies before it has seen that, the mark is never
    /// further ahead than [`LOOK_AT_LEAST_EVERY_MS`].
    async fn look(&self) -> Result<Run, LedgerError> {
        let began_ms = self.clock.now_ms();
        due_mark()
            .set(self.store, &began_ms.saturating_add(LOOK_LEASE_MS))
            .await?;
        let head = queue().head(self.store).await?;
        let page = self.page(head).await?;
        let mut next_ms = began_ms
            .saturating_add(LOOK_AT_LEAST_EVERY_MS)
            .min(page.next_ms);
        let mut is_gone = self.is_gone().await?;
        let (mut run, mut tries, mut failed) = (Run::default(), 0, false);
        for (number, delivery) in page.deliveries {
            let now_ms = self.clock.now_ms();
            if !delivery.is_due(now_ms) {
                next_ms = next_ms.min(delivery.next_ms);
                continue;
            }
            // What the receiver did not take of one delivery it will hardly take of the next one.
            if failed {
                next_ms = next_ms.min(now_ms.saturating_add(FIRST_PAUSE_MS));
                continue;
            }
            if tries == TRIES || now_ms.abs_diff(began_ms) > LOOK_MS {
                run.more = true;
                next_ms = now_ms;
                break;
            }
            match self.attempt(number, is_gone).await? {
                Tried::Over(event) => {
                    tries += usize::from(event.is_some());
                    is_gone |= event
                        .as_ref()
                        .is_some_and(|event| event.outcome == Outcome::Gone);
                    run.events.extend(event);
                }
                Tried::Waits(until_ms) => next_ms = next_ms.min(until_ms),
                Tried::Failed(event) => {
                    failed = true;
                    if let Outcome::Failed { next_ms: again, .. } = event.outcome {
                        next_ms = next_ms.min(again);
                    }
                    run.events.push(event);
                }
            }
        }
        due_mark().set(self.store, &next_ms).await?;
        if queue().head(self.store).await? != head {
            due_mark().set(self.store, &self.clock.now_ms()).await?;
        }
        Ok(run)
    }

    /// The newest deliveries, oldest first. Numbers that never get one are struck.
    async fn page(&self, head: u64) -> Result<Page, LedgerError> {
        let now_ms = self.clock.now_ms();
        let known = seen().get(self.store).await?.unwrap_or_default();
        let now_known = known.at(head, now_ms);
        if now_known != known {
            seen().set(self.store, &now_known).await?;
        }
        let look = async |number| -> Result<Found<Delivery>, LedgerError> {
            let delivery = queue().cell::<Delivery>(number).get(self.store).await?;
            Ok(delivery.map_or(Found::Nothing, Found::Item))
        };
        let page = queue().page(self.store, None, PAGE, look).await?;
        let is_dead = |number: &u64| *number <= now_known.aged || (self.offline && *number <= head);
        let (dead, unfilled): (Vec<u64>, Vec<u64>) = page.empty.into_iter().partition(is_dead);
        if !dead.is_empty() {
            queue().bury(self.store, &dead).await?;
        }
        let mut next_ms = u64::MAX;
        if !unfilled.is_empty() {
            next_ms = now_ms.saturating_add(UNFILLED_MS);
        }
        if page.next.is_some() {
            next_ms = next_ms.min(now_ms.saturating_add(BUSY_MS));
        }
        let mut deliveries = page.items;
        deliveries.reverse();
        Ok(Page {
            deliveries,
            next_ms,
        })
    }

    /// Whether the endpoint said that it is gone. Another one is asked anew, and so is this one after it.
    async fn is_gone(&self) -> Result<bool, LedgerError> {
        match gone().get(self.store).await? {
            None => Ok(false),
            Some(digest) if digest == self.endpoint.digest() => Ok(true),
            Some(_) => {
                gone().delete(self.store).await?;
                Ok(false)
            }
        }
    }
}

/// A part of the queue.
struct Page {
    /// With their numbers.
    deliveries: Vec<(u64, Delivery)>,
    /// When the rest of it wants to be looked at, in milliseconds since the Unix epoch.
    next_ms: u64,
}
