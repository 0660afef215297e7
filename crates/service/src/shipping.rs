//! How the lines of a request get to the log, after its answer, without ever being in the way.
//!
//! Lines that cannot be handed over are lost, and counted. While some are, the log is taken to be away: nobody tries to
//! reach it for [`PAUSE_MS`], then one request does, and the others go on counting. The batch that gets through again
//! says how many were lost.
//!
//! Three keys below the service's prefix hold this: `lost_logs` counts the lines, `lost_logs_pause` says when the next
//! try may be, `lost_logs_tries` numbers the tries. As long as the log is there, only the first is read.

use std::fmt;
use std::pin::pin;

use futures::future::{Either, select};
use http::{Method, StatusCode};
use serde_json::Value;
use spinreel_api::logs::LogEntry;
use spinreel_api::logs::text::{MAX_BATCH, MAX_ENTRIES, size};
use spinreel_ledger::{Cell, Counter, LedgerError};
use spinreel_platform::{Clock, Store, Timeouts};

use crate::context::Context;
use crate::peer::PeerError;
use crate::serve::LogSink;

/// How long nobody tries to reach a log that is away, in milliseconds.
const PAUSE_MS: u64 = 5_000;
/// What the intake says where others wait for it already: this batch is lost, and the next one may be taken.
pub const LOG_BEHIND: &str = "log_behind";
/// What the intake answers where it does not like a batch.
const REFUSALS: [StatusCode; 3] = [
    StatusCode::BAD_REQUEST,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNPROCESSABLE_ENTITY,
];

/// Hands lines over, after a request's answer.
pub(crate) async fn ship(context: &Context, lines: Vec<LogEntry>) {
    if lines.is_empty() {
        return;
    }
    let shipping = Shipping::new(&context.store, &context.clock, context.service.prefix);
    if !context.settings.wrong().is_empty() {
        // The log's address or the secret may be what is wrong.
        return shipping.lose(lines.len()).await;
    }
    let lost_line = |count| context.log.lost_line(count);
    let deliver = async |batch: &[LogEntry]| deliver(context, batch).await;
    if let Err(reason) = shipping.ship(lines, lost_line, deliver).await {
        eprintln!("{} logs.lost: {reason}", context.request_id);
    }
}

async fn deliver(context: &Context, batch: &[LogEntry]) -> Result<(), Undelivered> {
    if let LogSink::Own(append) = context.service.logs {
        let appended = append(context, batch.to_vec()).await;
        return appended.map_err(|problem| {
            Undelivered::Away(problem.internal.map_or(problem.detail, String::from))
        });
    }
    // When the log becomes slow, the instances of all requests stay alive for so long, and there are 1,000 of them. What
    // arrives later than that is counted as lost although it is not.
    let wait_ms = u64::try_from(context.settings.number("log_wait_ms")).unwrap_or(0);
    let log = context.logging().within(Timeouts {
        connect_ms: wait_ms,
        first_byte_ms: wait_ms,
        between_bytes_ms: wait_ms,
    });
    let call = log.call::<Value>(Method::POST, "/v1/logs", &batch);
    match select(pin!(call), pin!(context.clock.sleep_ms(wait_ms))).await {
        Either::Left((Ok(_), _)) => Ok(()),
        Either::Left((Err(error), _)) => Err(match &error {
            PeerError::Refused { status, .. } if REFUSALS.contains(status) => {
                Undelivered::Refused(error.to_string())
            }
            PeerError::Refused { code, .. } if code == LOG_BEHIND => {
                Undelivered::Refused(error.to_string())
            }
            _ => Undelivered::Away(error.to_string()),
        }),
        Either::Right(_) => Err(Undelivered::Away("no answer in time".to_owned())),
    }
}

/// Why the log did not take a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Undelivered {
    /// It refused this batch, or has too much to do, and may take the next one.
    Refused(String),
    /// It could not be reached, or failed.
    Away(String),
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => write!(f, "refused: {reason}"),
            Self::Away(reason) => f.write_str(reason),
        }
    }
}

/// What is known of a service's lost lines, on a store and a clock.
#[derive(Debug)]
struct Shipping<'a, S, C> {
    store: &'a S,
    clock: &'a C,
    lost: Counter,
    /// Milliseconds since the Unix epoch.
    pause: Cell<u64>,
    tries: Counter,
}

impl<'a, S: Store, C: Clock> Shipping<'a, S, C> {
    /// Of the service whose keys begin with `prefix`.
    fn new(store: &'a S, clock: &'a C, prefix: &str) -> Self {
        Self {
            store,
            clock,
            lost: Counter::new(format!("{prefix}lost_logs")),
            pause: Cell::new(format!("{prefix}lost_logs_pause")),
            tries: Counter::new(format!("{prefix}lost_logs_tries")),
        }
    }

    /// Hands the lines over, or counts them as lost. `lost_line` makes the line that tells how many were.
    ///
    /// The error says why lines were lost that were tried to be handed over; nothing is left to be done about it.
    async fn ship(
        &self,
        lines: Vec<LogEntry>,
        lost_line: impl FnOnce(i64) -> LogEntry,
        deliver: impl AsyncFn(&[LogEntry]) -> Result<(), Undelivered>,
    ) -> Result<(), Undelivered> {
        // A store that cannot be read does not keep lines from the log.
        if self.lost.get(self.store).await.unwrap_or(0) <= 0 {
            return self.ship_as_usual(&lines, deliver).await;
        }
        match self.may_try().await {
            Ok(true) => self.try_again(lines, lost_line, deliver).await,
            Ok(false) => {
                self.lose(lines.len()).await;
                Ok(())
            }
            Err(error) => {
                self.lose(lines.len()).await;
                Err(Undelivered::Away(error.to_string()))
            }
        }
    }

    /// Counts lines that nobody tries to hand over. Nobody is left to tell if even this fails.
    async fn lose(&self, lines: usize) {
        let _ = self.lost.add(self.store, signed(lines)).await;
    }

    async fn ship_as_usual(
        &self,
        lines: &[LogEntry],
        deliver: impl AsyncFn(&[LogEntry]) -> Result<(), Undelivered>,
    ) -> Result<(), Undelivered> {
        let delivery = deliver_all(lines, deliver).await;
        let Some(reason) = delivery.failure else {
            return Ok(());
        };
        if matches!(reason, Undelivered::Away(_)) {
            // Before the counter: whoever sees that lines were lost also sees the pause.
            self.begin_pause().await;
        }
        self.lose(lines.len() - delivery.lines).await;
        Err(reason)
    }

    /// Tries after a pause, alone.
    async fn try_again(
        &self,
        mut lines: Vec<LogEntry>,
        lost_line: impl FnOnce(i64) -> LogEntry,
        deliver: impl AsyncFn(&[LogEntry]) -> Result<(), Undelivered>,
    ) -> Result<(), Undelivered> {
        // Lost until they are not, so that a crash in between loses none unnoticed.
        let own = signed(lines.len());
        let lost = match self.lost.add(self.store, own).await {
            Ok(sum) => sum - own,
            Err(error) => return Err(Undelivered::Away(error.to_string())),
        };
        // Somebody may just have told of all.
        let is_news = lost > 0;
        if is_news {
            lines.insert(0, lost_line(lost));
        }
        let delivery = deliver_all(&lines, deliver).await;
        // The line that tells is none of those that were lost.
        let told = if is_news && delivery.first {
            lost - 1
        } else {
            0
        };
        let arrived = told + signed(delivery.lines);
        if arrived != 0 {
            let _ = self.lost.add(self.store, -arrived).await;
        }
        match delivery.failure {
            None => {
                // After the counter: who tries from now on must not tell of these again.
                let _ = self.pause.delete(self.store).await;
                Ok(())
            }
            Some(reason) => {
                self.begin_pause().await;
                Err(reason)
            }
        }
    }

    async fn begin_pause(&self) {
        let until_ms = self.clock.now_ms() + PAUSE_MS;
        let _ = self.pause.set(self.store, &until_ms).await;
    }

    /// Whether it is this request that tries again. Of all that ask when a pause is over, the first to take a number
    /// gets it; whoever reads that number or a later one also reads the pause that was begun before it was taken.
    async fn may_try(&self) -> Result<bool, LedgerError> {
        if self.is_paused().await? {
            return Ok(false);
        }
        let last = self.tries.get(self.store).await?;
        if self.is_paused().await? {
            return Ok(false);
        }
        self.begin_pause().await;
        Ok(self.tries.add(self.store, 1).await? == last + 1)
    }

    async fn is_paused(&self) -> Result<bool, LedgerError> {
        let until_ms = self.pause.get(self.store).await?.unwrap_or(0);
        let left_ms = until_ms.saturating_sub(self.clock.now_ms());
        // One that seems longer than pauses are was begun by a clock that was wrong.
        Ok((1..=PAUSE_MS).contains(&left_ms))
    }
}

/// What became of lines.
struct Delivery {
    /// How many arrived.
    lines: usize,
    /// Whether the first is one of them.
    first: bool,
    /// Why others did not.
    failure: Option<Undelivered>,
}

/// Hands lines over in batches that the intake takes, in their order. One that it refuses is passed over; when it is
/// away, the rest is not tried.
async fn deliver_all(
    lines: &[LogEntry],
    deliver: impl AsyncFn(&[LogEntry]) -> Result<(), Undelivered>,
) -> Delivery {
    let mut delivery = Delivery {
        lines: 0,
        first: false,
        failure: None,
    };
    let mut begin = 0;
    while begin < lines.len() {
        let length = batch_length(&lines[begin..]);
        match deliver(&lines[begin..begin + length]).await {
            Ok(()) => {
                delivery.lines += length;
                delivery.first |= begin == 0;
            }
            Err(reason) => {
                let is_away = matches!(reason, Undelivered::Away(_));
                delivery.failure = Some(reason);
                if is_away {
                    break;
                }
            }
        }
        begin += length;
    }
    delivery
}

/// How many lines, from the first on, make a batch that is not too large: one at least.
fn batch_length(lines: &[LogEntry]) -> usize {
    // The brackets.
    let mut bytes = 2;
    lines
        .iter()
        .take(MAX_ENTRIES)
        .take_while(|line| {
            // And a comma.
            bytes += size(line) + 1;
            bytes <= MAX_BATCH
        })
        .count()
        .max(1)
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "shipping_tests.rs"]
mod tests;
