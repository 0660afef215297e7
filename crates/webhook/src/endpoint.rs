use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Uri;
use sha2::{Digest as _, Sha256};

use super::secret::Secrets;

/// The origin that means that there is no webhook. The name is reserved (RFC 6761, section 6.4): nobody can be there.
pub const NO_ORIGIN: &str = "https://webhook.invalid";

/// Where messages are sent to.
#[derive(Debug)]
pub struct Endpoint {
    pub(super) uri: Uri,
    pub(super) secrets: Secrets,
}

impl Endpoint {
    /// The endpoint that the variables name: an origin, a path that begins with a slash, and secrets. `None` where
    /// there is none, or where they are not what [`are_secrets`] and their kinds demand.
    pub fn new(origin: &str, path: &str, secrets: &str) -> Option<Self> {
        if origin == NO_ORIGIN {
            return None;
        }
        let secrets = Secrets::parse(secrets).filter(|secrets| !secrets.is_empty())?;
        let uri = format!("{origin}{path}").parse().ok()?;
        Some(Self { uri, secrets })
    }

    /// What tells it from others in the store. A path may have a secret of the receiver's, so it is not written down.
    pub fn digest(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.uri.to_string()))
    }
}

/// Whether a text of secrets is fit for this origin: `whsec_` and the base64 of 24 to 64 bytes, several
/// of them separated by spaces; none only where there is no webhook.
pub fn are_secrets(text: &str, origin: &str) -> bool {
    Secrets::parse(text).is_some_and(|secrets| !secrets.is_empty() || origin == NO_ORIGIN)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn an_endpoint_is_origin_and_path() {
        for (origin, path) in [
            ("https://example.com", "/"),
            ("http://127.0.0.1:8080", "/hooks/1?from=spinreel"),
        ] {
            let endpoint = Endpoint::new(origin, path, SECRET).unwrap();
            assert_eq!(endpoint.uri.to_string(), format!("{origin}{path}"));
        }
    }

    #[test]
    fn without_an_origin_there_is_none_and_a_secret_may_be_missing() {
        assert!(Endpoint::new(NO_ORIGIN, "/", "").is_none());
        assert!(Endpoint::new(NO_ORIGIN, "/", SECRET).is_none());
        assert!(are_secrets("", NO_ORIGIN));
        assert!(are_secrets(SECRET, NO_ORIGIN));
        assert!(!are_secrets("secret", NO_ORIGIN));
    }

    #[test]
    fn with_an_origin_there_must_be_a_secret() {
        let origin = "https://example.com";
        assert!(are_secrets(SECRET, origin));
        assert!(are_secrets(&format!("{SECRET} {SECRET}"), origin));
        for wrong in ["", " ", "secret", "whsec_c2hvcnQ="] {
            assert!(!are_secrets(wrong, origin), "{wrong}");
            assert!(Endpoint::new(origin, "/", wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn endpoints_differ_by_origin_and_path_and_not_by_secret() {
        let digest = |origin: &str, path: &str, secret: &str| {
            Endpoint::new(origin, path, secret).unwrap().digest()
        };
        let one = digest("https://example.com", "/a", SECRET);
        let both = format!("{SECRET} {SECRET}");
        assert_eq!(digest("https://example.com", "/a", &both), one);
        assert_ne!(digest("https://example.com", "/b", SECRET), one);
        assert_ne!(digest("https://example.org", "/a", SECRET), one);
    }
}
