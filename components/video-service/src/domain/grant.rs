//! Playback links: who has one plays one video without a token.
//!
//! A grant is in the link itself: what it allows, and a signature over that. Nothing is stored to give one, and nothing to
//! check one but the video's record, which says which links have ended.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use http::HeaderMap;
use http::header::{AsHeaderName, ORIGIN, REFERER};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use spinreel_api::videos::Visibility;
use url::Url;

use super::record::Record;

/// Keeps these signatures apart from any other use of the secret.
const PURPOSE: &[u8] = b"spinreel playback link v1\n";
/// The bytes of a signature.
const SIGNATURE: usize = 32;
/// The longest grant, in characters: more is not looked at.
const LONGEST: usize = 2_048;
/// How long a link lives at most, in seconds: a week.
pub const LONGEST_LIFE_S: u64 = 7 * 86_400;
/// How long one lives where nobody says, in seconds: a film and the pauses in it.
pub const USUAL_LIFE_S: u64 = 6 * 3_600;
/// The longest origin, in bytes.
const LONGEST_ORIGIN: usize = 255;

/// What a link allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The video.
    pub video_id: String,
    /// The id of the user who gave it.
    pub giver: String,
    /// Until when, in seconds since the Unix epoch.
    pub expires_s: u64,
    /// The most bytes of one answer.
    pub max_bytes: Option<u64>,
    /// The origin of the pages that may use it: `https://host[:port]`.
    pub origin: Option<String>,
    /// The epoch of the video's links when it was given.
    pub epoch: u64,
    /// Who might see the video then.
    pub visibility: Visibility,
}

impl Grant {
    /// The grant as it stands in a link: base64url, below 2,048 characters.
    pub fn sign(&self, secret: &str) -> Option<String> {
        let mut bytes = postcard::to_allocvec(self).ok()?;
        let signature = keyed(secret, &bytes)?.finalize().into_bytes();
        bytes.extend(signature);
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads what [`sign`](Self::sign) made; `None` where it is anything else, or has expired. The signature is compared in
    /// constant time.
    pub fn verify(text: &str, secret: &str, now_s: u64) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let at = bytes.len().checked_sub(SIGNATURE)?;
        let (claims, signature) = bytes.split_at(at);
        keyed(secret, claims)?.verify_slice(signature).ok()?;
        let grant: Self = postcard::from_bytes(claims).ok()?;
        (now_s < grant.expires_s).then_some(grant)
    }

    /// Whether it still opens this video.
    pub fn opens(&self, record: &Record) -> bool {
        self.video_id == record.id
            && self.epoch == record.playback_epoch
            && self.visibility == record.visibility
            && record.plays()
    }

    /// Whether a request comes from where it may: its `Referer` is of the grant's origin, or its `Origin` where it has
    /// no `Referer`. Whoever makes up a header is believed.
    pub fn allows_origin(&self, headers: &HeaderMap) -> bool {
        let Some(wanted) = &self.origin else {
            return true;
        };
        let own = |name| text(headers, name).map(origin_of);
        let own = own(REFERER).or_else(|| own(ORIGIN)).flatten();
        own.as_ref() == Some(wanted)
    }

    /// Whether it allows less than the bytes of the video to whoever has it.
    pub fn is_limited(&self) -> bool {
        self.max_bytes.is_some() || self.origin.is_some()
    }

    /// Whether an answer may have so many bytes.
    pub fn allows_length(&self, bytes: u64) -> bool {
        self.max_bytes.is_none_or(|most| bytes <= most)
    }
}

fn keyed(secret: &str, claims: &[u8]) -> Option<Hmac<Sha256>> {
    let hmac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    Some(hmac.chain_update(PURPOSE).chain_update(claims))
}

fn text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The origin of an `http` or `https` URL, normalised; `None` where it is none.
pub fn origin_of(url: &str) -> Option<String> {
    let url = Url::parse(url.trim()).ok()?;
    let is_page = matches!(url.scheme(), "http" | "https") && url.username().is_empty();
    let origin = url.origin().ascii_serialization();
    (is_page && origin.len() <= LONGEST_ORIGIN).then_some(origin)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::testing::stored;

    const SECRET: &str = "a secret that nobody can guess, ever";

    fn grant() -> Grant {
        Grant {
            video_id: "v-1".to_owned(),
            giver: "ada".to_owned(),
            expires_s: 1_000,
            max_bytes: Some(500),
            origin: Some("https://app.example".to_owned()),
            epoch: 0,
            visibility: Visibility::Private,
        }
    }

    #[test]
    fn a_grant_comes_back_until_it_expires() {
        let text = grant().sign(SECRET).unwrap();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(text.bytes().all(is_plain));
        assert_eq!(Grant::verify(&text, SECRET, 999), Some(grant()));
        assert_eq!(Grant::verify(&text, SECRET, 1_000), None);
        assert_eq!(Grant::verify(&text, "another secret", 0), None);
    }

    #[test]
    fn claims_cannot_be_swapped() {
        let other = Grant {
            video_id: "v-2".to_owned(),
            ..grant()
        };
        let bytes = |grant: &Grant| {
            let text = grant.sign(SECRET).unwrap();
            let bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
            let (claims, signature) = bytes.split_at(bytes.len() - SIGNATURE);
            (claims.to_vec(), signature.to_vec())
        };
        let (claims, _) = bytes(&other);
        let (_, signature) = bytes(&grant());
        let mixed = URL_SAFE_NO_PAD.encode([claims, signature].concat());
        assert_eq!(Grant::verify(&mixed, SECRET, 0), None);
    }

    #[test]
    fn a_grant_opens_its_video_while_nothing_ended_it() {
        let record = Record::new("v-1", 1, stored("ada", "a.mp4"));
        assert!(grant().opens(&record));
        for end in [
            |record: &mut Record| record.id = "v-2".to_owned(),
            |record: &mut Record| record.playback_epoch = 1,
            |record: &mut Record| record.visibility = Visibility::Unlisted,
            |record: &mut Record| record.deleted_at = Some(record.updated_at),
            |record: &mut Record| record.ending = true,
            |record: &mut Record| record.stored.location.clear(),
        ] {
            let mut record = record.clone();
            end(&mut record);
            assert!(!grant().opens(&record));
        }
    }

    #[test]
    fn a_grant_is_for_the_pages_of_its_origin() {
        for (name, value, allowed) in [
            (REFERER, "https://app.example/", true),
            (REFERER, "https://app.example/watch?v=1", true),
            (REFERER, "https://APP.example:443", true),
            (REFERER, "https://app.example.evil.example/", false),
            (REFERER, "https://app.example@evil.example/", false),
            (REFERER, "http://app.example/", false),
            (REFERER, "https://app.example:8443/", false),
            (REFERER, "app.example", false),
            (REFERER, "null", false),
            (ORIGIN, "https://app.example", true),
            (ORIGIN, "https://evil.example", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(&name, HeaderValue::from_static(value));
            assert_eq!(grant().allows_origin(&headers), allowed, "{name} {value}");
            let open = Grant {
                origin: None,
                ..grant()
            };
            assert!(open.allows_origin(&headers));
        }
        assert!(!grant().allows_origin(&HeaderMap::new()));
        // A page of another origin is not made one of this by what else it says.
        let mut both = HeaderMap::new();
        both.insert(REFERER, HeaderValue::from_static("https://evil.example/"));
        both.insert(ORIGIN, HeaderValue::from_static("https://app.example"));
        assert!(!grant().allows_origin(&both));
    }

    proptest! {
        #[test]
        fn a_grant_that_was_changed_is_none(at in any::<prop::sample::Index>(), change in 1_u8..=255) {
            let mut bytes = URL_SAFE_NO_PAD.decode(grant().sign(SECRET).unwrap()).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= change;
            prop_assert_eq!(Grant::verify(&URL_SAFE_NO_PAD.encode(bytes), SECRET, 0), None);
        }

        #[test]
        fn any_text_is_no_grant(text in ".*") {
            prop_assert_eq!(Grant::verify(&text, SECRET, 0), None);
        }
    }
}
