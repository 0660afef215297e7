use serde::{Deserialize, Serialize};
use spinreel_api::Page;
use spinreel_api::alerts::{Alert, RaiseAlert};
use spinreel_http::query::encode_cursor;
use spinreel_ledger::{Cell, Journal, SEGMENT, Timed, claim};
use spinreel_platform::{Clock, Store};

use super::webhook::{Delivery, due_mark, forget_key, is_late, queue, write_down};
use super::{Usage, UsageError};

/// How many stretches are sealed at most when one is full.
const SEALS: usize = 2;

/// An alert as the journal keeps it. It counts if its id's [`place`] is where it stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Recorded {
    /// When it was written down: what a caller says in `at` orders nothing.
    recorded_ms: u64,
    alert: Alert,
    /// The number of its delivery, where there was a webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivery: Option<u64>,
}

impl Timed for Recorded {
    fn at_ms(&self) -> u64 {
        self.recorded_ms
    }
}

/// What came of a [`Usage::raise`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raised {
    /// Whether this call is the one to tell of the alert: true for one of all calls with its id.
    pub first: bool,
    /// Whether the list of alerts wants to be [sealed](Usage::seal_alerts).
    pub full: bool,
}

/// Where the entry of an id stands in the user's journal. Ids may have slashes, so they end their keys.
pub(super) fn place(user: &str, id: &str) -> Cell<u64> {
    Cell::new(format!("usage/{user}/alert/{id}"))
}

/// The name of a user's list of alerts: in cursors, and what its keys begin with.
pub fn alerts_list(user: &str) -> String {
    format!("usage/{user}/alerts")
}

pub(super) fn alerts_journal(user: &str) -> Journal {
    Journal::new(alerts_list(user))
}

/// The right to tell of an alert.
fn telling(user: &str, id: &str) -> String {
    format!("usage/{user}/alert-told/{id}")
}

impl<S: Store, C: Clock> Usage<'_, S, C> {
    /// Writes an alert down. Of repeated calls with one id the first counts, whatever the others say.
    ///
    /// The order of writes: the entry, the delivery where there is a webhook, its id's place, the claim to tell of it. An
    /// entry counts only once its place is written, and a place is written only when its entry and its delivery stand.
    /// So a crash anywhere is made up for by the next call with the id, at once: before the place, it appends a new
    /// entry and the old one never counts, nor is its delivery sent; after it, it has only the claim left. Of calls at
    /// once each may append, and the last place written stays: one counts.
    ///
    /// A caller that dies after the claim has told nobody; the alert stands all the same, and is delivered. Costs two `get`s,
    /// and four writes the first time, with a webhook seven, one when repeated. There is none of a user who is gone.
    pub async fn raise(&self, id: &str, request: &RaiseAlert) -> Result<Raised, UsageError> {
        let user = &request.user_id;
        let mut full = false;
        if self.is_gone(user).await? {
            return Ok(Raised { first: false, full });
        }
        if place(user, id).get(self.store).await?.is_none() {
            let alert = Alert {
                id: id.to_owned(),
                kind: request.kind,
                threshold_percent: request.threshold_percent,
                used_bytes: request.used_bytes,
                limit_bytes: request.limit_bytes,
                at: request.at,
            };
            let position = match self.webhook {
                true => self.write_down_with_delivery(user, alert).await?,
                false => self.write_down(user, alert, None).await?,
            };
            place(user, id).set(self.store, &position).await?;
            full = position.is_multiple_of(SEGMENT);
            if self.webhook {
                // Only now is the delivery one that is sent. Without this it would be found, but later.
                due_mark().set(self.store, &self.clock.now_ms()).await?;
            }
        }
        let first = claim(self.store, &telling(user, id)).await?;
        Ok(Raised { first, full })
    }

    /// Appends an alert's entry; gives its position.
    async fn write_down(
        &self,
        user: &str,
        alert: Alert,
        delivery: Option<u64>,
    ) -> Result<u64, UsageError> {
        let entry = Recorded {
            recorded_ms: self.clock.now_ms(),
            alert,
            delivery,
        };
        let journal = alerts_journal(user);
        Ok(journal.append(self.store, self.clock, &[entry]).await?)
    }

    /// Appends an alert's entry and writes its delivery down, in this order: what names a user can be found by
    /// [`purge`](Self::purge). Who stands still in between begins again, as its number, or its delivery, is taken for that
    /// of a dead one some time.
    async fn write_down_with_delivery(&self, user: &str, alert: Alert) -> Result<u64, UsageError> {
        loop {
            let number = queue().allocate_timely(self.store, self.clock, 1).await?;
            let since_ms = self.clock.now_ms();
            let position = self.write_down(user, alert.clone(), Some(number)).await?;
            if is_late(self.clock, since_ms) {
                continue;
            }
            let delivery = Delivery::new(user, alert.clone(), position, since_ms);
            write_down(self.store, number, &delivery).await?;
            if !is_late(self.clock, since_ms) {
                return Ok(position);
            }
        }
    }

    /// Whether an alert of this id stands.
    pub(super) async fn has_alert(&self, user: &str, id: &str) -> Result<bool, UsageError> {
        Ok(place(user, id).get(self.store).await?.is_some())
    }

    /// Removes what an alert has beside its entry, its delivery with it: before the entry goes, which alone tells its id.
    pub(super) async fn forget_alert(
        &self,
        user: &str,
        entry: &Recorded,
    ) -> Result<(), UsageError> {
        let id = &entry.alert.id;
        let mut keys = vec![place(user, id).key().to_owned(), telling(user, id)];
        keys.extend(entry.delivery.map(forget_key));
        Ok(self.store.delete_many(&keys).await?)
    }

    /// A page of a user's alerts, newest first; `before` is the position that a cursor carries. Entries that do not
    /// count make the page shorter than `limit`.
    ///
    /// Costs two `get`s, one for each stretch of 64 that it touches, one for each entry that is not sealed, and one for each
    /// entry, sealed or not, for its place: of two entries with one id only that tells which of them counts.
    pub async fn alerts(
        &self,
        user: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page<Alert>, UsageError> {
        let page = alerts_journal(user)
            .page(self.store, before, limit, |_: &Recorded| true)
            .await?;
        let mut items = Vec::with_capacity(page.items.len());
        for (position, entry) in page.items {
            if place(user, &entry.alert.id).get(self.store).await? == Some(position) {
                items.push(entry.alert);
            }
        }
        Ok(Page {
            items,
            next_cursor: page
                .next
                .map(|next| encode_cursor(&alerts_list(user), next)),
        })
    }

    /// Seals old stretches of a user's alerts, a bounded number of them.
    pub async fn seal_alerts(&self, user: &str) -> Result<(), UsageError> {
        let journal = alerts_journal(user);
        for _ in 0..SEALS {
            if !journal.seal::<Recorded>(self.store, self.clock).await? {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "alerts_tests.rs"]
mod tests;
