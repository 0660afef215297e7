//! Which lines of a request go where.
//!
//! Events always reach the log. Access lines go to the component's standard output, and one request in `log_sample` hands
//! its access lines over with their weight, so that metrics count right and most requests write nothing.
//!
//! One request is one batch: a service that another one called answers with its lines in a header, and the service that
//! faces the client hands all of them over after its answer. What a called service logs after its answer it has to hand
//! over itself.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::json;
use spinreel_api::actions::Action;
use spinreel_api::logs::{Level, LogEntry, WEIGHT};
use spinreel_platform::Random;

use crate::context::Context;
use crate::shipping::ship;

/// In an answer the lines of a called service, as base64url of a JSON array; in a request the caller's word that it takes
/// them. It is set for services only, and [`absorb`] takes it out.
const LINES: HeaderName = HeaderName::from_static("x-spinreel-log");
/// The most bytes of that header's value: all headers of an answer share the space that hosts and proxies give them.
const MAX_LINES: usize = 8 * 1024;
/// How long a request may take until its answer begins without being an event, in milliseconds.
const SLOW_MS: u64 = 1_000;

/// What a request was and what came of it.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) method: &'a Method,
    /// The route's pattern.
    pub(crate) pattern: &'static str,
    pub(crate) status: StatusCode,
    /// Bytes of the body that were read.
    pub(crate) request_bytes: u64,
    /// Bytes of the answer's body that were sent.
    pub(crate) response_bytes: u64,
    /// From the request's arrival until the answer began, in milliseconds.
    pub(crate) answered_ms: u64,
    /// From the request's arrival until the answer's end.
    pub(crate) latency_ms: u64,
}

impl Exchange<'_> {
    /// Writes the request's access line.
    pub(crate) fn log(&self, context: &Context) {
        let status = self.status.as_u16();
        let fields = json!({
            "http.method": self.method.as_str(),
            "http.route": self.pattern,
            "http.status": status,
            "http.request_bytes": self.request_bytes,
            "http.response_bytes": self.response_bytes,
            "http.latency_ms": self.latency_ms,
            "store.calls": context.store.calls(),
        });
        let level = match self.status.is_server_error() || self.answered_ms > SLOW_MS {
            true => Level::Warn,
            false => Level::Info,
        };
        let message = format!("{} {} answered {status}", self.method, self.pattern);
        context.log.line(level, Action::Request, message, fields);
    }
}

/// Says in a request to another service that its lines are taken.
pub(crate) fn ask_for_lines(headers: &mut HeaderMap) {
    headers.insert(LINES, HeaderValue::from_static("answer"));
}

/// Whether a request says so. Whoever else asks a service (an operator's tool) does not, and has nothing to hand over.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    headers.contains_key(LINES)
}

/// Prints the access lines so far, where the variable `access_log` says so.
pub(crate) fn print(context: &Context) {
    if context.settings.text("access_log") == "stdout" {
        context.log.print_access();
    }
}

/// Puts the lines so far into the answer for the service that called. Those that find no room stay.
pub(crate) fn answer_with_lines(context: &Context, headers: &mut HeaderMap) {
    let lines = context.log.take();
    if lines.is_empty() {
        return;
    }
    match encode(&lines) {
        Some(value) => {
            headers.insert(LINES, value);
        }
        None => context.log.absorb(lines),
    }
}

/// Takes the lines of a called service out of its answer. What cannot be read is passed over: it was a service's fault.
pub(crate) fn absorb(context: &Context, headers: &mut HeaderMap) {
    if let Some(value) = headers.remove(LINES) {
        context.log.absorb(decode(&value).unwrap_or_default());
    }
}

/// Hands over what must reach the log of a request that has been answered: all of its lines where one is an event, or
/// where the request is one of the sample.
pub(crate) async fn hand_over(context: &Context) {
    let weight = match context.log.has_events() {
        true => 1,
        false => match sampled(context) {
            Some(weight) => weight,
            None => return drop(context.log.take()),
        },
    };
    let mut lines = context.log.take();
    if weight > 1 {
        for line in &mut lines {
            line.fields.insert(WEIGHT.to_owned(), weight.into());
        }
    }
    ship(context, lines).await;
}

/// How many requests this one stands for, where it is one of the sample. Of a request that another service made, the
/// one that faces the client decides.
fn sampled(context: &Context) -> Option<u64> {
    let one_in = u64::try_from(context.settings.number("log_sample")).ok()?;
    if one_in == 0 || context.is_called() {
        return None;
    }
    let mut random = [0; 8];
    context.random.fill(&mut random);
    u64::from_le_bytes(random)
        .is_multiple_of(one_in)
        .then_some(one_in)
}

fn encode(lines: &[LogEntry]) -> Option<HeaderValue> {
    let json = serde_json::to_vec(lines).ok()?;
    let text = URL_SAFE_NO_PAD.encode(json);
    (text.len() <= MAX_LINES)
        .then(|| HeaderValue::from_str(&text).ok())
        .flatten()
}

fn decode(value: &HeaderValue) -> Option<Vec<LogEntry>> {
    let json = URL_SAFE_NO_PAD.decode(value.as_bytes()).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use spinreel_api::Timestamp;

    use super::*;

    fn lines(count: usize) -> Vec<LogEntry> {
        let line = LogEntry {
            at: Timestamp::from_ms(1_699_963_200_000),
            level: Level::Info,
            service: "usage-service".to_owned(),
            action: Action::BandwidthExceeded.as_str().to_owned(),
            message: "Zu viel für heute: \u{1f3ac}".to_owned(),
            user_id: Some("ada".to_owned()),
            request_id: Some("request-1".to_owned()),
            fields: [("transfer.bytes".to_owned(), 5.into())]
                .into_iter()
                .collect(),
        };
        vec![line; count]
    }

    #[test]
    fn lines_survive_the_header_whatever_their_characters() {
        for count in [0, 1, 5] {
            let value = encode(&lines(count)).unwrap_or(HeaderValue::from_static("none"));
            assert!(value.to_str().is_ok());
            assert_eq!(decode(&value), Some(lines(count)));
        }
    }

    #[test]
    fn lines_that_would_fill_the_headers_stay_behind() {
        assert_eq!(encode(&lines(200)), None);
    }

    #[test]
    fn what_is_no_header_of_ours_is_no_lines() {
        for value in ["", "?", "e30", "W3t9XQ"] {
            assert_eq!(decode(&HeaderValue::from_static(value)), None, "{value}");
        }
    }
}
