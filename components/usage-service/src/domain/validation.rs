//! What callers may say.

use spinreel_api::Timestamp;
use spinreel_api::alerts::RaiseAlert;
use spinreel_api::internal::{Direction, Reserve, SetLimit, Settle};
use spinreel_api::usage::ActionKind;
use spinreel_http::query::Query;
use spinreel_http::{FieldError, Problem};

use super::playback::is_sound;

/// The most bytes that one transfer may have: 1 PiB, so that sums of them are numbers on every store.
pub const MAX_BYTES: u64 = 1 << 50;
/// The most reservations that one settlement may hand back.
const MAX_RESERVATIONS: usize = 4_096;
/// The longest id of a user, a video or a viewer, in bytes; keys have 255 at most.
pub const MAX_ID: usize = 80;
/// The longest id of an alert, in bytes.
pub const MAX_ALERT_ID: usize = 100;
/// The most bytes that a limit may have, or use of it may come to: what a store's counters hold.
const MAX_LIMIT: u64 = i64::MAX as u64;
/// The most bytes that a user's own limit may have: what every JSON reader takes for a number (RFC 8259, section 6).
pub const MAX_OWN_LIMIT: u64 = 1 << 53;
/// How far from now an action may have ended, in milliseconds.
pub const MAX_DISTANCE_MS: u64 = 86_400_000;
/// The days of a list where the request names no number, and the most that it may name.
const DEFAULT_DAYS: usize = 30;
const MAX_DAYS: usize = 90;

/// Whether an id may be a part of a key.
pub fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= MAX_ID
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

/// Checks a reservation: 422 naming the members that are wrong.
pub fn check_reserve(request: &Reserve) -> Result<(), Problem> {
    let mut errors = Vec::new();
    check_id(&mut errors, "user_id", &request.user_id);
    check_bytes(&mut errors, "bytes", request.bytes);
    if let Some(playback) = &request.playback {
        if request.direction != Direction::Out {
            errors.push(FieldError::new("direction", "must be out for a playback"));
        }
        if request.bytes == 0 {
            errors.push(FieldError::new("bytes", "must not be 0 for a playback"));
        }
        check_id(&mut errors, "playback.video_id", &playback.video_id);
        check_id(&mut errors, "playback.viewer", &playback.viewer);
        if !matches!(playback.kind, ActionKind::Stream | ActionKind::Download) {
            let detail = "must be stream or download";
            errors.push(FieldError::new("playback.kind", detail));
        }
    }
    refuse(errors)
}

/// Checks a settlement at `now_ms` (milliseconds since the Unix epoch): 422 naming the members that are wrong.
pub fn check_settle(request: &Settle, now_ms: u64) -> Result<(), Problem> {
    let mut errors = Vec::new();
    check_id(&mut errors, "user_id", &request.user_id);
    if request.reservations.len() > MAX_RESERVATIONS {
        let detail = format!("must be {MAX_RESERVATIONS} at most");
        errors.push(FieldError::new("reservations", detail));
    }
    for (n, reservation) in request.reservations.iter().enumerate() {
        check_bytes(
            &mut errors,
            &format!("reservations.{n}.bytes"),
            reservation.bytes,
        );
        if reservation.day.start().as_ms() > now_ms.saturating_add(MAX_DISTANCE_MS) {
            let detail = "must not be more than a day ahead";
            errors.push(FieldError::new(format!("reservations.{n}.day"), detail));
        }
        if !is_sound(reservation) {
            let detail = "must be one that was answered";
            errors.push(FieldError::new(
                format!("reservations.{n}.playback"),
                detail,
            ));
        }
    }
    check_bytes(&mut errors, "moved", request.moved);
    if let Some(action) = &request.action {
        check_bytes(&mut errors, "action.bytes", action.bytes);
        if action.at.as_ms().abs_diff(now_ms) > MAX_DISTANCE_MS {
            let now = Timestamp::from_ms(now_ms);
            errors.push(FieldError::new(
                "action.at",
                format!("must be within a day of {now}"),
            ));
        }
        if let Some(video_id) = &action.video_id {
            check_id(&mut errors, "action.video_id", video_id);
        }
    }
    refuse(errors)
}

/// Checks an alert and its id at `now_ms` (milliseconds since the Unix epoch): 422 naming what is wrong. Its moment
/// may lie as far back as it likes, as a caller repeats it until it is taken.
pub fn check_alert(id: &str, request: &RaiseAlert, now_ms: u64) -> Result<(), Problem> {
    let mut errors = Vec::new();
    if id.is_empty() || id.len() > MAX_ALERT_ID || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        let detail = format!("must have 1 to {MAX_ALERT_ID} printable ASCII characters, no spaces");
        errors.push(FieldError::new("id", detail));
    }
    check_id(&mut errors, "user_id", &request.user_id);
    if !(1..=100).contains(&request.threshold_percent) {
        errors.push(FieldError::new(
            "threshold_percent",
            "must be a number from 1 to 100",
        ));
    }
    for (field, bytes) in [
        ("used_bytes", request.used_bytes),
        ("limit_bytes", request.limit_bytes),
    ] {
        if bytes > MAX_LIMIT {
            let detail = format!("must be {MAX_LIMIT} at most");
            errors.push(FieldError::new(field, detail));
        }
    }
    if request.at.as_ms() > now_ms.saturating_add(MAX_DISTANCE_MS) {
        let now = Timestamp::from_ms(now_ms);
        let detail = format!("must not be more than a day after {now}");
        errors.push(FieldError::new("at", detail));
    }
    refuse(errors)
}

/// Checks a limit: 422 where it has too many bytes.
pub fn check_limit(request: &SetLimit) -> Result<(), Problem> {
    let mut errors = Vec::new();
    if request
        .limit_bytes
        .is_some_and(|bytes| bytes > MAX_OWN_LIMIT)
    {
        let detail = format!("must be {MAX_OWN_LIMIT} at most");
        errors.push(FieldError::new("limit_bytes", detail));
    }
    refuse(errors)
}

/// `?days=`: 1–90, 30 where there is none.
pub fn days(query: &Query) -> Result<usize, Problem> {
    let Some(text) = query.get("days") else {
        return Ok(DEFAULT_DAYS);
    };
    match text.parse() {
        Ok(days @ 1..=MAX_DAYS) => Ok(days),
        _ => Err(Problem::invalid(vec![FieldError::new(
            "days",
            format!("must be a number from 1 to {MAX_DAYS}"),
        )])),
    }
}

fn check_id(errors: &mut Vec<FieldError>, field: &str, id: &str) {
    if !is_id(id) {
        let detail = format!("must have 1 to {MAX_ID} characters of A-Z a-z 0-9 - _ . :");
        errors.push(FieldError::new(field, detail));
    }
}

fn check_bytes(errors: &mut Vec<FieldError>, field: &str, bytes: u64) {
    if bytes > MAX_BYTES {
        errors.push(FieldError::new(
            field,
            format!("must be {MAX_BYTES} at most"),
        ));
    }
}

fn refuse(errors: Vec<FieldError>) -> Result<(), Problem> {
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Problem::invalid(errors))
    }
}

#[cfg(test)]
#[path = "validation_tests.rs"]
mod tests;
