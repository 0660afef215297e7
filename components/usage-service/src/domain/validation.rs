//! What callers may say.

use spinreel_api::Timestamp;
use spinreel_api::alerts::RaiseAlert;
use spinreel_api::internal::{Reserve, SetLimit, Settle};
use spinreel_http::query::Query;
use spinreel_http::{FieldError, Problem};

/// The most bytes that one transfer may have: 1 PiB, so that sums of them are numbers on every store.
pub const MAX_BYTES: u64 = 1 << 50;
/// The longest id of a user or a transfer, in bytes; keys are made of both and have 255 at most.
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
    check_id(&mut errors, "id", &request.id);
    check_id(&mut errors, "user_id", &request.user_id);
    check_bytes(&mut errors, "bytes", request.bytes);
    refuse(errors)
}

/// Checks a settlement at `now_ms` (milliseconds since the Unix epoch): 422 naming the members that are wrong.
pub fn check_settle(request: &Settle, now_ms: u64) -> Result<(), Problem> {
    let mut errors = Vec::new();
    check_id(&mut errors, "id", &request.id);
    check_id(&mut errors, "user_id", &request.user_id);
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
    let whole = request.action.as_ref().map_or(0, |action| action.bytes);
    if request.part.is_some_and(|part| part.bytes > whole) {
        let detail = "must not be more than the action's";
        errors.push(FieldError::new("part.bytes", detail));
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
mod tests {
    #![allow(clippy::unwrap_used)]
    use spinreel_api::internal::Part;
    use spinreel_api::usage::ActionKind;
    use spinreel_platform::memory::ManualClock;

    use super::*;
    use crate::domain::testing::{NOON, action, alert, reserve, settle};

    fn fields(result: Result<(), Problem>) -> Vec<String> {
        let errors = result.unwrap_err().errors;
        errors.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn ids_that_could_leave_their_key_are_refused() {
        assert!(is_id("0190c0de-7000-8000-8000-000000000000"));
        for id in ["", "a/b", "a b", "ä", "a\n", &"x".repeat(MAX_ID + 1)] {
            assert!(!is_id(id), "{id:?}");
        }
    }

    #[test]
    fn the_longest_key_fits_every_store() {
        let longest = "x".repeat(MAX_ID);
        assert!(format!("usage/{longest}/transfer/{longest}/reserve/3").len() <= 255);
        let longest_alert = "x".repeat(MAX_ALERT_ID);
        assert!(format!("usage/{longest}/alert-told/{longest_alert}").len() <= 255);
    }

    #[test]
    fn every_wrong_member_is_named() {
        let mut request = reserve("a/b", MAX_BYTES + 1);
        request.user_id = String::new();
        assert_eq!(fields(check_reserve(&request)), ["id", "user_id", "bytes"]);
        assert!(check_reserve(&reserve("a", MAX_BYTES)).is_ok());

        let clock = ManualClock::at(NOON);
        let mut wrong = action(&clock, ActionKind::Upload, MAX_BYTES + 1);
        wrong.video_id = Some("../x".to_owned());
        let request = settle("", Some(wrong));
        let expected = ["id", "action.bytes", "action.at", "action.video_id"];
        let late = NOON + MAX_DISTANCE_MS + 1;
        assert_eq!(fields(check_settle(&request, late)), expected);
        let good = settle("a", Some(action(&clock, ActionKind::Upload, 5)));
        assert!(check_settle(&good, NOON + MAX_DISTANCE_MS).is_ok());
    }

    #[test]
    fn a_part_is_not_more_than_the_whole() {
        let clock = ManualClock::at(NOON);
        let whole = Some(action(&clock, ActionKind::Upload, 5));
        for (action, bytes, wrong) in [
            (whole.clone(), 0, &[][..]),
            (whole.clone(), 5, &[]),
            (whole, 6, &["part.bytes"]),
            (None, 1, &["part.bytes"]),
        ] {
            let request = Settle {
                part: Some(Part { bytes, last: true }),
                ..settle("a", action)
            };
            let problems = match check_settle(&request, NOON) {
                Ok(()) => Vec::new(),
                refused => fields(refused),
            };
            assert_eq!(problems, wrong, "{bytes}");
        }
    }

    #[test]
    fn every_wrong_member_of_an_alert_is_named() {
        let long = "x".repeat(MAX_ALERT_ID);
        for id in ["storage:80/17", &long] {
            assert!(check_alert(id, &alert(810), NOON).is_ok(), "{id}");
        }
        for id in ["", "a b", "ä", "a\n", "a\u{7f}", &format!("{long}x")] {
            assert_eq!(fields(check_alert(id, &alert(810), NOON)), ["id"], "{id:?}");
        }
        let mut wrong = alert(u64::MAX);
        wrong.user_id = "a/b".to_owned();
        wrong.threshold_percent = 101;
        wrong.limit_bytes = 1 << 63;
        let expected = [
            "user_id",
            "threshold_percent",
            "used_bytes",
            "limit_bytes",
            "at",
        ];
        let early = NOON - MAX_DISTANCE_MS - 1;
        assert_eq!(fields(check_alert("a", &wrong, early)), expected);
        wrong = alert(i64::MAX as u64);
        wrong.threshold_percent = 0;
        assert_eq!(
            fields(check_alert("a", &wrong, NOON)),
            ["threshold_percent"]
        );
        let months_later = NOON + 90 * 86_400_000;
        assert!(check_alert("a", &alert(810), months_later).is_ok());
    }

    #[test]
    fn a_limit_has_so_many_bytes_or_none_at_all() {
        for limit_bytes in [None, Some(0), Some(MAX_OWN_LIMIT)] {
            assert!(check_limit(&SetLimit { limit_bytes }).is_ok());
        }
        let limit_bytes = Some(MAX_OWN_LIMIT + 1);
        let refused = check_limit(&SetLimit { limit_bytes });
        assert_eq!(fields(refused), ["limit_bytes"]);
    }

    #[test]
    fn a_number_of_days_outside_its_borders_is_named() {
        for text in ["days=0", "days=91", "days=-1", "days=all"] {
            let problem = days(&Query::parse(text)).unwrap_err();
            assert_eq!(problem.errors[0].field, "days", "{text}");
        }
        assert_eq!(days(&Query::parse("")).unwrap(), 30);
        assert_eq!(days(&Query::parse("days=90")).unwrap(), 90);
    }
}
