//! The table of `spin.toml`, and one that Spin's router gets wrong.

use std::path::Path;

use super::*;
use crate::manifest::Manifest;

/// The seeds whose orders of the table are tried.
const SEEDS: u64 = 1_000;

/// A route and the component that the manifest names for it.
type Row = (Pattern, String);

/// The public routes of `spin.toml`, in its order.
fn table() -> Vec<Row> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spin.toml");
    let triggers = Manifest::load(&manifest).unwrap().triggers;
    let rows: Vec<Row> = triggers
        .into_iter()
        .filter_map(|trigger| Some((trigger.route?, trigger.component)))
        .collect();
    assert!(rows.len() > 10, "{rows:?}");
    rows
}

/// Whether a route ends in a wildcard.
fn is_wildcard(route: &Pattern) -> bool {
    route.raw().ends_with("/...")
}

/// Every route's own path, and for wildcards paths below it, must lead to its component.
fn assert_right(rows: &[Row]) {
    let router = Router::new(rows.iter().cloned());
    for (route, component) in rows {
        let base = route.base();
        let below: &[&str] = match is_wildcard(route) {
            true => &["", "/", "/x", "/x/y.z/"],
            false => &["", "/"],
        };
        for end in below {
            let path = format!("{base}{end}");
            let found = router.find(&path).map(|found| found.0);
            assert_eq!(found, Some(component), "{path}");
        }
    }
}

/// The next number of a SplitMix64 sequence.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed;
    for last in (1..items.len()).rev() {
        let range = u64::try_from(last).unwrap() + 1;
        let other = usize::try_from(next(&mut state) % range).unwrap();
        items.swap(last, other);
    }
}

#[test]
fn every_path_finds_its_component_whatever_trigger_comes_first() {
    let mut rows = table();
    for _ in 0..rows.len() {
        assert_right(&rows);
        rows.rotate_left(1);
    }
}

#[test]
fn every_path_finds_its_component_in_any_order_of_the_triggers() {
    for seed in 0..SEEDS {
        let mut rows = table();
        shuffle(&mut rows, seed);
        assert_right(&rows);
    }
}

#[test]
fn no_route_lies_inside_the_wildcard_of_another() {
    let rows = table();
    for (place, (wildcard, _)) in rows.iter().enumerate() {
        if !is_wildcard(wildcard) {
            continue;
        }
        let only = Router::new([(wildcard.clone(), ())]);
        for (other, (route, _)) in rows.iter().enumerate() {
            let inside = only.find(route.base()).is_some();
            assert!(
                other == place || !inside,
                "{} lies inside {}",
                route.raw(),
                wildcard.raw()
            );
        }
    }
}

#[test]
fn a_route_inside_a_wildcard_is_missed_beside_a_path_with_dots_as_on_spin() {
    let jwks = "/.well-known/jwks.json";
    let component = |routes: &[&'static str]| *router(routes).find("/v1/users/x").unwrap().0;
    assert_eq!(component(&["/v1/users/...", jwks, "/v1/..."]), "/v1/...");
    // Neither the order nor the wildcard does it without the dots.
    assert_eq!(component(&["/v1/users/...", "/v1/..."]), "/v1/users/...");
    assert_eq!(
        component(&["/v1/users/...", "/jwks", "/v1/..."]),
        "/v1/users/..."
    );
    assert_eq!(
        component(&["/v1/users/...", jwks, "/v1/logs/..."]),
        "/v1/users/..."
    );
}
