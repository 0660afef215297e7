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
mod tests {
    #![allow(clippy::unwrap_used)]
    use spinreel_api::internal::Playback;
    use spinreel_platform::memory::ManualClock;

    use super::*;
    use crate::domain::playback::{counter_key, is_name, name_of};
    use crate::domain::testing::{NOON, action, alert, incoming, playback, reservation, settle};

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
        let mut playback = playback(1).playback.unwrap();
        playback.viewer = longest.clone();
        let name = name_of(&playback, Timestamp::from_ms(u64::MAX));
        assert!(is_name(&name));
        assert!(counter_key(&longest, &name).len() <= 255);
        let longest_alert = "x".repeat(MAX_ALERT_ID);
        assert!(format!("usage/{longest}/alert-told/{longest_alert}").len() <= 255);
    }

    #[test]
    fn every_wrong_member_of_a_reservation_is_named() {
        let mut request = incoming(MAX_BYTES + 1);
        request.user_id = String::new();
        assert_eq!(fields(check_reserve(&request)), ["user_id", "bytes"]);
        assert!(check_reserve(&incoming(MAX_BYTES)).is_ok());

        let mut request = playback(1);
        assert!(check_reserve(&request).is_ok());
        request.direction = Direction::In;
        request.bytes = 0;
        request.playback = Some(Playback {
            video_id: "../x".to_owned(),
            viewer: "a\nb".to_owned(),
            kind: ActionKind::Delete,
        });
        let expected = [
            "direction",
            "bytes",
            "playback.video_id",
            "playback.viewer",
            "playback.kind",
        ];
        assert_eq!(fields(check_reserve(&request)), expected);
    }

    #[test]
    fn every_wrong_member_of_a_settlement_is_named() {
        let clock = ManualClock::at(NOON);
        let mut wrong = action(&clock, ActionKind::Upload, MAX_BYTES + 1);
        wrong.video_id = Some("../x".to_owned());
        let mut request = settle(Vec::new(), Some(wrong));
        request.user_id = "a/b".to_owned();
        let expected = [
            "user_id",
            "moved",
            "action.bytes",
            "action.at",
            "action.video_id",
        ];
        let late = NOON + MAX_DISTANCE_MS + 1;
        assert_eq!(fields(check_settle(&request, late)), expected);

        let good = reservation(&clock, 5);
        let upload = action(&clock, ActionKind::Upload, 5);
        let mut request = settle(vec![good.clone()], Some(upload));
        assert!(check_settle(&request, NOON + MAX_DISTANCE_MS).is_ok());
        for (bytes, ahead, playback, field) in [
            (MAX_BYTES + 1, 0, None, "bytes"),
            (1, 2, None, "day"),
            (1, 0, Some("../x"), "playback"),
            (1, 0, Some("1/a/b"), "playback"),
            (1, 0, Some("1"), "playback"),
        ] {
            let mut wrong = good.clone();
            wrong.bytes = bytes;
            wrong.day = Timestamp::from_ms(NOON + ahead * 86_400_000).day();
            wrong.playback = playback.map(str::to_owned);
            request.reservations = vec![good.clone(), wrong];
            let expected = [format!("reservations.1.{field}")];
            assert_eq!(fields(check_settle(&request, NOON)), expected);
        }
        request.reservations = vec![good; MAX_RESERVATIONS + 1];
        assert_eq!(fields(check_settle(&request, NOON)), ["reservations"]);
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
