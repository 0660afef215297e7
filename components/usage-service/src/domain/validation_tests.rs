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
