//! One try of one delivery, by one at a time.

use spinreel_ledger::{Held, LedgerError, while_it_may};
use spinreel_platform::{Clock, HttpClient, Random, Store};
use spinreel_webhook::schedule::next_try;
use spinreel_webhook::{Answer, Message, send};

use super::message::{body, webhook_id};
use super::queue::{Delivery, LIFETIME_MS, Standing, gone, lock, queue};
use super::{Event, Outcome, Webhooks};

/// How long a delivery is left alone that somebody else is at work on, in milliseconds.
pub(super) const BUSY_MS: u64 = 5_000;

/// How a try ended.
pub(super) enum Tried {
    /// Nothing is left of the delivery.
    Over(Option<Event>),
    /// There is nothing to do until then, in milliseconds since the Unix epoch.
    Waits(u64),
    /// The receiver did not take it, and it is tried again.
    Failed(Event),
}

impl<S: Store, C: Clock, R: Random, H: HttpClient> Webhooks<'_, S, C, R, H> {
    /// Tries a delivery, or drops it where the receiver is gone. Who stood still for so long that others may be at work
    /// on it stops where it is.
    pub(super) async fn attempt(&self, number: u64, is_gone: bool) -> Result<Tried, LedgerError> {
        let lock = lock(number);
        if self.offline {
            lock.break_open(self.store, self.clock).await?;
        }
        let Some(held) = lock.acquire(self.store, self.clock).await? else {
            return Ok(self.busy());
        };
        let work = self.attempt_alone(number, is_gone, &held);
        let tried = while_it_may(|| held.is_good(self.clock), work).await;
        tried.unwrap_or_else(|| Ok(self.busy()))
    }

    fn busy(&self) -> Tried {
        Tried::Waits(self.clock.now_ms().saturating_add(BUSY_MS))
    }

    async fn attempt_alone(
        &self,
        number: u64,
        is_gone: bool,
        held: &Held,
    ) -> Result<Tried, LedgerError> {
        let now_ms = self.clock.now_ms();
        // Read again: until a moment ago it may have been somebody else's.
        let Some(mut delivery) = queue().cell::<Delivery>(number).get(self.store).await? else {
            held.clone().release(self.store).await?;
            return Ok(Tried::Over(None));
        };
        if !delivery.is_due(now_ms) {
            held.clone().release(self.store).await?;
            return Ok(Tried::Waits(delivery.next_ms));
        }
        match delivery.standing(self.store, now_ms).await? {
            Standing::Stands if is_gone => {
                self.forget(number, held).await?;
                return Ok(Tried::Over(Some(event(&delivery, Outcome::Dropped))));
            }
            Standing::Stands => {}
            Standing::NotYet => {
                held.clone().release(self.store).await?;
                return Ok(self.busy());
            }
            Standing::Never => {
                self.forget(number, held).await?;
                return Ok(Tried::Over(None));
            }
        }
        let outcome = match self.send(&delivery).await {
            Answer::Taken(status) => Outcome::Delivered {
                status: status.as_u16(),
            },
            Answer::Gone => {
                // Before the delivery goes: who dies in between has not forgotten what the receiver said.
                gone().set(self.store, &self.endpoint.digest()).await?;
                Outcome::Gone
            }
            Answer::No {
                reason,
                retry_after_ms,
            } => self.failed(&mut delivery, reason, retry_after_ms),
        };
        let event = event(&delivery, outcome);
        if !matches!(event.outcome, Outcome::Failed { .. }) {
            self.forget(number, held).await?;
            return Ok(Tried::Over(Some(event)));
        }
        self.keep(number, &delivery).await?;
        held.clone().release(self.store).await?;
        Ok(Tried::Failed(event))
    }

    async fn send(&self, delivery: &Delivery) -> Answer {
        match body(delivery) {
            Ok(body) => {
                let id = webhook_id(&delivery.user_id, &delivery.alert.id);
                let message = Message {
                    id: &id,
                    body: &body,
                };
                send(self.http, self.clock, self.endpoint, message).await
            }
            Err(reason) => Answer::No {
                reason,
                retry_after_ms: 0,
            },
        }
    }

    /// What becomes of a delivery that failed once more.
    fn failed(&self, delivery: &mut Delivery, reason: String, retry_after_ms: u64) -> Outcome {
        let now_ms = self.clock.now_ms();
        delivery.failures = delivery.failures.saturating_add(1);
        // Written by a clock that was set back since, it would live for too long.
        delivery.written_ms = delivery.written_ms.min(now_ms);
        match next_try(
            delivery.written_ms,
            LIFETIME_MS,
            delivery.failures,
            retry_after_ms,
            now_ms,
            self.random,
        ) {
            Some(next_ms) => {
                delivery.next_ms = next_ms;
                Outcome::Failed { reason, next_ms }
            }
            None => Outcome::GaveUp { reason },
        }
    }

    /// Writes down that it failed; unless its user went meanwhile, and everything of theirs with them.
    async fn keep(&self, number: u64, delivery: &Delivery) -> Result<(), LedgerError> {
        let cell = queue().cell(number);
        cell.set(self.store, delivery).await?;
        // A removal takes the alert's place away together with the delivery: one that came before the line above is
        // seen here, and one that comes after removes what it wrote.
        let now_ms = self.clock.now_ms();
        let standing = delivery.standing(self.store, now_ms).await?;
        if standing != Standing::Stands {
            cell.delete(self.store).await?;
        }
        Ok(())
    }

    /// Removes a delivery, gives the lock back, and has looks step over the number.
    async fn forget(&self, number: u64, held: &Held) -> Result<(), LedgerError> {
        let cell = queue().cell::<Delivery>(number);
        let keys = [cell.key().to_owned(), held.key().to_owned()];
        self.store.delete_many(&keys).await?;
        queue().bury(self.store, &[number]).await
    }
}

fn event(delivery: &Delivery, outcome: Outcome) -> Event {
    let tried = match outcome {
        // `failures` has this time already, where it failed.
        Outcome::Delivered { .. } | Outcome::Gone => delivery.failures.saturating_add(1),
        Outcome::Failed { .. } | Outcome::GaveUp { .. } | Outcome::Dropped => delivery.failures,
    };
    Event {
        webhook_id: webhook_id(&delivery.user_id, &delivery.alert.id),
        alert_id: delivery.alert.id.clone(),
        attempts: tried,
        outcome,
    }
}
