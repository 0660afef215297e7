use std::fmt;

use http::HeaderValue;
use serde::{Deserialize, Serialize};

/// How long before its end a token is no longer used, in milliseconds.
const MARGIN_MS: u64 = 60_000;

/// What a request carries to prove who sends it.
///
/// `Debug` keeps quiet about it, but what `serde` writes contains it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    secret: String,
    account: String,
    expires_ms: u64,
}

impl AccessToken {
    pub(crate) fn new(secret: String, account: &str, expires_ms: u64) -> Self {
        Self {
            secret,
            account: account.to_owned(),
            expires_ms,
        }
    }

    /// When it ends, in milliseconds since the Unix epoch.
    pub fn expires_ms(&self) -> u64 {
        self.expires_ms
    }

    /// Whether it belongs to `account` and has some time left.
    pub(crate) fn serves(&self, account: &str, now_ms: u64) -> bool {
        self.account == account && now_ms.saturating_add(MARGIN_MS) < self.expires_ms
    }

    /// The value of `Authorization` (RFC 6750 section 2.1); `None` if it cannot be one.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.secret)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AccessToken")
            .field("account", &self.account)
            .field("expires_ms", &self.expires_ms)
            .finish_non_exhaustive()
    }
}

/// Where a token is kept from one client to the next: a component is made anew for every request.
///
/// It is a convenience. What cannot be read is as good as absent, and what cannot be kept is fetched again.
#[expect(
    async_fn_in_trait,
    reason = "used by generic code on one thread, like the platform's traits"
)]
pub trait TokenCache {
    /// The token that was kept last, whomever it belongs to and however old it is.
    async fn get(&self) -> Option<AccessToken>;
    /// Keeps `token`.
    async fn put(&self, token: &AccessToken);
    /// Keeps none any more.
    async fn clear(&self);
}

/// Keeps nothing: every client fetches a token of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTokenCache;

impl TokenCache for NoTokenCache {
    async fn get(&self) -> Option<AccessToken> {
        None
    }

    async fn put(&self, _token: &AccessToken) {}

    async fn clear(&self) {}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn token() -> AccessToken {
        AccessToken::new("ya29.secret".into(), "ada", 100_000)
    }

    #[test]
    fn a_token_serves_its_account_until_a_minute_before_its_end() {
        assert!(token().serves("ada", 0));
        assert!(token().serves("ada", 39_999));
        assert!(!token().serves("ada", 40_000));
        assert!(!token().serves("ada", u64::MAX));
        assert!(!token().serves("grace", 0));
    }

    #[test]
    fn a_token_is_not_shown() {
        let shown = format!("{:?} {:?}", token(), token().header().unwrap());
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn a_token_with_a_line_break_is_no_header() {
        let token = AccessToken::new("a\r\nx-injected: 1".into(), "ada", 1);
        assert_eq!(token.header(), None);
    }
}
