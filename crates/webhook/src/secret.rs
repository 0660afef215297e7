//! The symmetric signature: HMAC-SHA256 of `id.timestamp.body` (Standard Webhooks, "Signature scheme").

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// How many bytes a secret may have.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
/// Receivers' libraries take secrets with and without padding.
const DECODER: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The secrets that requests are signed with: one, or several while one takes the other's place.
pub(super) struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    /// Reads `whsec_…`, several separated by spaces; `None` where one of them is none. An empty text has no secrets.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let secrets = text.split_ascii_whitespace().map(|secret| {
            let bytes = DECODER.decode(secret.strip_prefix(PREFIX)?).ok()?;
            LENGTHS.contains(&bytes.len()).then_some(bytes)
        });
        secrets.collect::<Option<Vec<_>>>().map(Self)
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of `webhook-signature`: a signature by each secret. `timestamp` is in seconds since the Unix epoch.
    pub(super) fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let signatures: Vec<String> = self
            .0
            .iter()
            .filter_map(|secret| Hmac::<Sha256>::new_from_slice(secret).ok())
            .map(|mut mac| {
                mac.update(format!("{id}.{timestamp}.").as_bytes());
                mac.update(body);
                format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
            })
            .collect();
        signatures.join(" ")
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({} of them)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    /// Of the scheme's own test suites ("sign function works").
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIMESTAMP: u64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn of_bytes(length: usize) -> String {
        format!("{PREFIX}{}", STANDARD.encode(vec![7; length]))
    }

    #[test]
    fn the_schemes_own_vector_is_met() {
        let secrets = Secrets::parse(SECRET).unwrap();
        assert_eq!(secrets.sign(ID, TIMESTAMP, BODY), SIGNATURE);
    }

    #[test]
    fn each_secret_signs_in_its_order() {
        let other = of_bytes(64);
        let both = Secrets::parse(&format!("{other}  {SECRET}")).unwrap();
        let by_other = Secrets::parse(&other).unwrap().sign(ID, TIMESTAMP, BODY);
        let expected = format!("{by_other} {SIGNATURE}");
        assert_eq!(both.sign(ID, TIMESTAMP, BODY), expected);
    }

    #[test]
    fn a_secret_has_its_prefix_and_24_to_64_bytes_with_or_without_padding() {
        for good in [
            of_bytes(24),
            of_bytes(64),
            of_bytes(25),
            of_bytes(25).trim_end_matches('=').to_owned(),
        ] {
            let secrets = Secrets::parse(&good).unwrap();
            assert!(!secrets.is_empty(), "{good}");
        }
        for bad in [
            of_bytes(23),
            of_bytes(65),
            "whsec_".to_owned(),
            "whsec_****".to_owned(),
            SECRET.trim_start_matches(PREFIX).to_owned(),
            SECRET.replace("whsec", "whsk"),
            format!("{SECRET} {}", of_bytes(3)),
            format!("{SECRET},{SECRET}"),
        ] {
            assert!(Secrets::parse(&bad).is_none(), "{bad}");
        }
        assert!(Secrets::parse("").unwrap().is_empty());
    }

    #[test]
    fn a_secret_is_not_shown() {
        let shown = format!("{:?}", Secrets::parse(SECRET).unwrap());
        assert_eq!(shown, "Secrets(1 of them)");
    }

    proptest! {
        #[test]
        fn whatever_is_no_secret_is_refused_without_a_panic(text in "(whsec_)?[ A-Za-z0-9+/=_-]{0,120}") {
            if let Some(secrets) = Secrets::parse(&text) {
                prop_assert!(secrets.0.iter().all(|secret| LENGTHS.contains(&secret.len())));
            }
        }

        #[test]
        fn another_id_time_or_body_has_another_signature(
            id in "[a-z0-9]{1,20}", timestamp in any::<u64>(), body in prop::collection::vec(any::<u8>(), 0..50),
        ) {
            let secrets = Secrets::parse(SECRET).unwrap();
            let signature = secrets.sign(&id, timestamp, &body);
            prop_assert_eq!(&signature, &secrets.sign(&id, timestamp, &body));
            prop_assert_ne!(&signature, &secrets.sign(&format!("{id}x"), timestamp, &body));
            prop_assert_ne!(&signature, &secrets.sign(&id, timestamp ^ 1, &body));
            prop_assert_ne!(&signature, &secrets.sign(&id, timestamp, &[body.as_slice(), b"x"].concat()));
        }
    }
}
