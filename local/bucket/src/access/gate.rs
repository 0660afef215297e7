//! The check that each request of a strict bucket goes through.

use http::{HeaderValue, header};

use super::{Account, Scope, signed_url};
use crate::clock;
use crate::context::Context;
use crate::error::ApiError;
use crate::route::Call;

impl Account {
    /// Lets a request pass that has a credential for its call.
    ///
    /// # Errors
    /// 401 without a valid one, 403 if it does not allow the call, 400 or 403 for a signed URL that does
    /// not hold.
    pub(crate) fn admit(&self, context: &Context, call: &Call) -> Result<(), ApiError> {
        match call {
            // They are how one comes by a credential, and check what they are given themselves.
            Call::Token | Call::MachineToken => return Ok(()),
            // An upload's URL is the credential for that upload; the call looks at it.
            _ if call.goes_on_with_upload(&context.query) => return Ok(()),
            _ => {}
        }
        if let Some(value) = context.headers.get(header::AUTHORIZATION) {
            let scope = bearer(value)
                .and_then(|token| self.tokens.check(token, clock::seconds()))
                .ok_or_else(|| ApiError::unauthorized(true))?;
            return match scope {
                Scope::ReadWrite => Ok(()),
                Scope::ReadOnly if call.is_read() => Ok(()),
                Scope::ReadOnly => Err(ApiError::forbidden(
                    "The token's scope allows reading only.",
                )),
            };
        }
        if signed_url::is_signed(&context.query) {
            return signed_url::check(self, context, clock::seconds());
        }
        Err(ApiError::unauthorized(false))
    }
}

/// The token in `Bearer …` (RFC 6750, section 2.1).
fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
