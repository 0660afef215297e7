//! Access tokens: JWTs in the profile of RFC 9068.

use jwt_simple::prelude::{EdDSAKeyPairLike as _, EdDSAPublicKeyLike as _, HeaderOptions};
use serde::{Deserialize, Serialize};
use spinreel_api::accounts::Role;

use crate::keys::{Jwks, SigningKey};
use crate::token::{self, TokenError};

const ALGORITHM: &str = "EdDSA";
const TYPE: &str = "at+jwt";
/// Whom access tokens are for (`aud`).
pub const AUDIENCE: &str = "spinreel";
/// The one client that access tokens are given to (`client_id`).
pub const CLIENT_ID: &str = "spinreel";

/// Whom a verified access token names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The account's id (`sub`).
    pub user_id: String,
    /// The account's name: the prefix of its objects.
    pub username: String,
    /// What the user may do; the highest of the token's `roles`.
    pub role: Role,
    /// The session that the token belongs to (`sid`).
    pub session_id: String,
    /// The token's own id (`jti`).
    pub token_id: String,
    /// When the token expires (`exp`), in seconds since the Unix epoch.
    pub expires_at_s: u64,
}

/// What a new access token says.
#[derive(Debug, Clone, Copy)]
pub struct NewAccessToken<'a> {
    /// See [`User::user_id`].
    pub user_id: &'a str,
    /// See [`User::username`].
    pub username: &'a str,
    /// See [`User::role`].
    pub role: Role,
    /// See [`User::session_id`].
    pub session_id: &'a str,
}

/// The claims beside those of RFC 7519: RFC 9068, sections 2.2 and 2.2.3.1, and OpenID Connect's `sid`.
#[derive(Serialize, Deserialize)]
struct Claims {
    client_id: String,
    sid: String,
    username: String,
    roles: Vec<Role>,
}

impl SigningKey {
    /// An access token that is good from `now_s` (seconds since the Unix epoch) for `lifetime_s` seconds.
    ///
    /// # Errors
    /// Only where the claims cannot be written as JSON, which text always can.
    pub fn issue(
        &self,
        new: &NewAccessToken<'_>,
        lifetime_s: u64,
        now_s: u64,
    ) -> Result<String, TokenError> {
        let custom = Claims {
            client_id: CLIENT_ID.to_owned(),
            sid: new.session_id.to_owned(),
            username: new.username.to_owned(),
            roles: vec![new.role],
        };
        let header = HeaderOptions {
            signature_type: Some(TYPE.to_owned()),
            ..HeaderOptions::default()
        };
        let claims = token::claims(new.user_id, AUDIENCE, lifetime_s, now_s, custom);
        self.pair()
            .sign_with_options(claims, &header)
            .map_err(|_| TokenError::Claims)
    }
}

/// Checks an access token against the public keys, at `now_s` seconds since the Unix epoch (RFC 9068, section 4).
pub fn verify_access(token: &str, keys: &Jwks, now_s: u64) -> Result<User, TokenError> {
    let key_id = token::check_header(token, ALGORITHM, TYPE)?.ok_or(TokenError::UnknownKey)?;
    let key = keys
        .find(&key_id)
        .and_then(|key| key.public_key())
        .ok_or(TokenError::UnknownKey)?;
    let claims = key
        .verify_token::<Claims>(token, Some(token::options(TYPE, AUDIENCE, now_s)))
        .map_err(|error| token::convert(&error))?;
    let (user_id, token_id, expires_at_s) = token::required(&claims)?;
    let custom = claims.custom;
    let role = if custom.roles.contains(&Role::Admin) {
        Role::Admin
    } else if custom.roles.contains(&Role::User) {
        Role::User
    } else {
        return Err(TokenError::Claims);
    };
    if custom.client_id != CLIENT_ID || custom.sid.is_empty() || custom.username.is_empty() {
        return Err(TokenError::Claims);
    }
    Ok(User {
        user_id,
        username: custom.username,
        role,
        session_id: custom.sid,
        token_id,
        expires_at_s,
    })
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
