#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn client(address: Option<&str>) -> Attempts {
    Attempts::of_stranger(SECRET, address, None).remove(0)
}

#[test]
fn a_client_is_its_address_or_its_network() {
    let prefix = |address| client(address).prefix;
    assert_eq!(
        prefix(Some("2001:db8:1:2::1")),
        prefix(Some("2001:db8:1:2:ffff::9"))
    );
    assert_ne!(
        prefix(Some("2001:db8:1:2::1")),
        prefix(Some("2001:db8:1:3::1"))
    );
    assert_eq!(prefix(Some("::ffff:192.0.2.1")), prefix(Some("192.0.2.1")));
    assert_ne!(prefix(Some("192.0.2.1")), prefix(Some("192.0.2.2")));
    assert_ne!(prefix(None), prefix(Some("192.0.2.1")));
    assert!(prefix(None).starts_with("users/attempts/client/"));
}

#[test]
fn which_addresses_share_a_place_depends_on_the_secret() {
    let prefix = |secret, number| place(secret, "account", &format!("user{number}"));
    let same = (0..100)
        .filter(|number| prefix(SECRET, *number) == prefix("another secret", *number))
        .count();
    assert!(same < 3, "{same}");
}

proptest! {
    #[test]
    fn an_address_of_a_client_never_gets_into_keys_as_it_is(address in "\\PC*") {
        let prefix = client(Some(&address)).prefix;
        let place = prefix.strip_prefix("users/attempts/client/").unwrap();
        prop_assert_eq!(place.len(), PLACE_CHARS);
        prop_assert!(!place.contains('/'));
    }
}
