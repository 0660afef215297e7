//! Tokens on their way to users who forgot their passwords: each goes to the webhook's receiver, who mails it.
//!
//! A delivery is written down in the call that makes its token good, and sent after the answer. What the receiver did not
//! take is sent again, by the requests for other tokens and by sweeps, until the token is over, was used, or another one
//! took its place. It has no token: that is made of its nonce and the secret of the services, so a store alone opens no
//! account.
//!
//! Whoever sends one leaves it alone for others for the time of a try, before that. Two that pick it at the same moment
//! both send it, as does the next one where the first died: at least once, with one `webhook-id`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use spinreel_api::Timestamp;
use spinreel_api::accounts::{ResetEvent, ResetRequested};
use spinreel_ledger::{Cell, DEAD_AFTER_MS, Found, LedgerError, Roster};
use spinreel_platform::{Clock, HttpClient, Random, Store, is_fresh};
use spinreel_webhook::schedule::{LONGEST_PAUSE_MS, is_due, next_try};
use spinreel_webhook::{Answer, Endpoint, Message, send};

use super::accounts::{Account, ChangeError, find};
use super::keyed::mac;
use super::refresh_token::digest;
use super::resets::{LIFETIME_MS, ResetToken, issue, record};

/// For how long others leave one alone that is being sent, in milliseconds: a try takes 20 seconds at most.
const TRY_MS: u64 = 30_000;
/// How many a look goes through, the newest first.
const PAGE: usize = 64;
/// How many a look sends.
const TRIES: usize = 4;

/// A delivery, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Delivery {
    user_id: String,
    /// What the token's secret is made of.
    nonce: String,
    written_ms: u64,
    failures: u32,
    /// When it is tried next, in milliseconds since the Unix epoch.
    next_ms: u64,
}

/// What happened to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) webhook_id: String,
    pub(crate) user_id: String,
    pub(crate) outcome: Outcome,
}

/// What a try came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The receiver took it.
    Delivered,
    /// It did not, and it is tried again.
    Failed(String),
    /// It did not, and its time is over, or it wants nothing more.
    GaveUp(String),
}

/// The deliveries and what they need of the world.
pub(crate) struct Deliveries<'a, S, C, R, H> {
    pub(crate) store: &'a S,
    pub(crate) clock: &'a C,
    pub(crate) random: &'a R,
    /// It must not follow redirects.
    pub(crate) http: &'a H,
    pub(crate) endpoint: &'a Endpoint,
    /// The secret of the services.
    pub(crate) secret: &'a str,
}

impl<S: Store, C: Clock, R: Random, H: HttpClient> Deliveries<'_, S, C, R, H> {
    /// Makes a token for an account and sends it; `None` where the account cannot be used. Costs 4 writes, and 2 when the
    /// receiver has it.
    pub(crate) async fn begin(&self, account: &Account) -> Result<Option<Event>, ChangeError> {
        let mut nonce = [0; 32];
        self.random.fill(&mut nonce);
        let number = roster().allocate_timely(self.store, self.clock, 1).await?;
        let now_ms = self.clock.now_ms();
        let delivery = Delivery {
            user_id: account.id.clone(),
            nonce: URL_SAFE_NO_PAD.encode(nonce),
            written_ms: now_ms,
            failures: 0,
            next_ms: now_ms + TRY_MS,
        };
        let pair = cell(number).pair(&delivery)?;
        match issue(self.store, self.clock, &self.token(&delivery), vec![pair]).await {
            Ok(_) => {}
            Err(ChangeError::Unknown) => {
                roster().bury(self.store, &[number]).await?;
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        Ok(self.attempt(number, delivery).await?)
    }

    /// Sends a few of what is due. Where nothing is left that is 1 read for the head and 1 for a map.
    pub(crate) async fn deliver_due(&self) -> Result<Vec<Event>, LedgerError> {
        let mut old: Option<u64> = None;
        let look = async |number| -> Result<Found<Delivery>, LedgerError> {
            let Some(delivery) = cell(number).get(self.store).await? else {
                return Ok(Found::Nothing);
            };
            if !is_fresh(delivery.written_ms, self.clock.now_ms(), DEAD_AFTER_MS) {
                old.get_or_insert(number);
            }
            Ok(Found::Item(delivery))
        };
        let page = roster().page(self.store, None, PAGE, look).await?;
        // Numbers are given in order: those below an old one are as old.
        let dead = |number: &u64| old.is_some_and(|old| *number < old);
        let dead: Vec<u64> = page.empty.into_iter().filter(dead).collect();
        roster().bury(self.store, &dead).await?;
        let (mut events, mut tries) = (Vec::new(), 0);
        for (number, mut delivery) in page.items.into_iter().rev() {
            let now_ms = self.clock.now_ms();
            if tries == TRIES {
                break;
            }
            if !is_due(delivery.next_ms, now_ms, LONGEST_PAUSE_MS) {
                continue;
            }
            tries += 1;
            delivery.next_ms = now_ms + TRY_MS;
            cell(number).set(self.store, &delivery).await?;
            events.extend(self.attempt(number, delivery).await?);
        }
        Ok(events)
    }

    /// Tries a delivery, which others leave alone for the time of that; `None` where its token is not good any more.
    async fn attempt(
        &self,
        number: u64,
        mut delivery: Delivery,
    ) -> Result<Option<Event>, LedgerError> {
        let token = self.token(&delivery);
        let account = find(self.store, &delivery.user_id).await?;
        let reset = record(&delivery.user_id).get(self.store).await?;
        let now_ms = self.clock.now_ms();
        let (account, expires_at) = match (account, reset) {
            (Some(account), Some(reset)) if reset.is_good(&token.digest(), &account, now_ms) => {
                (account, reset.expires_at)
            }
            _ => {
                self.forget(number).await?;
                return Ok(None);
            }
        };
        let webhook_id = webhook_id(&token);
        let event = ResetEvent::new(
            Timestamp::from_ms(delivery.written_ms),
            ResetRequested {
                email: account.email,
                username: account.username,
                token: token.to_string(),
                expires_at,
            },
        );
        let answer = match serde_json::to_vec(&event) {
            Ok(body) => {
                let message = Message {
                    id: &webhook_id,
                    body: &body,
                };
                send(self.http, self.clock, self.endpoint, message).await
            }
            Err(error) => Answer::No {
                reason: error.to_string(),
                retry_after_ms: 0,
            },
        };
        let outcome = match answer {
            Answer::Taken(_) => Outcome::Delivered,
            Answer::Gone => Outcome::GaveUp("the receiver is gone".to_owned()),
            Answer::No {
                reason,
                retry_after_ms,
            } => {
                delivery.failures = delivery.failures.saturating_add(1);
                let next_ms = next_try(
                    delivery.written_ms,
                    LIFETIME_MS,
                    delivery.failures,
                    retry_after_ms,
                    self.clock.now_ms(),
                    self.random,
                );
                match next_ms {
                    Some(next_ms) => {
                        delivery.next_ms = next_ms;
                        cell(number).set(self.store, &delivery).await?;
                        Outcome::Failed(reason)
                    }
                    None => Outcome::GaveUp(reason),
                }
            }
        };
        if !matches!(outcome, Outcome::Failed(_)) {
            self.forget(number).await?;
        }
        Ok(Some(Event {
            webhook_id,
            user_id: delivery.user_id,
            outcome,
        }))
    }

    fn token(&self, delivery: &Delivery) -> ResetToken {
        let text = format!("password reset {} {}", delivery.user_id, delivery.nonce);
        ResetToken::new(&delivery.user_id, mac(self.secret, &text))
    }

    async fn forget(&self, number: u64) -> Result<(), LedgerError> {
        cell(number).delete(self.store).await?;
        roster().bury(self.store, &[number]).await
    }
}

/// The id of the webhook of a token: always the same for one, and nothing of the token.
fn webhook_id(token: &ResetToken) -> String {
    // The digest once more: what is stored is nobody's to know.
    let digest = digest(token.digest().as_bytes());
    format!("reset_{digest}")
}

fn roster() -> Roster {
    Roster::new("users/reset-deliveries")
}

fn cell(number: u64) -> Cell<Delivery> {
    roster().cell(number)
}

#[cfg(test)]
#[path = "reset_deliveries_tests.rs"]
mod tests;
