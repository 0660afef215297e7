//! Accounts, sessions and keys (user-service).

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything that is their own.
    User,
    /// Everything.
    Admin,
}

/// An account, as its owner and admins see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Time-ordered and opaque.
    pub id: String,
    /// The address that signs in.
    pub email: String,
    /// Unique and immutable: the prefix of the user's objects.
    pub username: String,
    /// What the user may do.
    pub role: Role,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// An account, as everybody sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicUser {
    /// See [`User::id`].
    pub id: String,
    /// See [`User::username`].
    pub username: String,
    /// See [`User::created_at`].
    pub created_at: Timestamp,
}

/// `POST /v1/users`.
#[derive(Clone, Deserialize)]
pub struct NewUser {
    /// An e-mail address.
    pub email: String,
    /// 8–256 characters.
    pub password: String,
    /// 3–32 of `a-z 0-9 _ -`.
    pub username: String,
}

/// `POST /v1/sessions`.
#[derive(Clone, Deserialize)]
pub struct Credentials {
    /// The address of the account.
    pub email: String,
    /// Its password.
    pub password: String,
}

/// A session's tokens (RFC 6749, section 5.1).
#[derive(Clone, Serialize, Deserialize)]
pub struct Tokens {
    /// A JWT (RFC 9068).
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Lifetime of the access token, in seconds.
    pub expires_in: u64,
    /// Opaque; good for one refresh.
    pub refresh_token: String,
}
