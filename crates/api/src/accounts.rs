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

/// An account, as admins see and change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedUser {
    /// What its owner sees.
    #[serde(flatten)]
    pub user: User,
    /// Whether it is shut: nobody signs in, and its tokens are worth nothing.
    pub disabled: bool,
    /// What it may store, in bytes; `None`: what everybody may.
    pub storage_limit: Option<u64>,
    /// What it may move in a day, in bytes; `None`: what everybody may.
    pub bandwidth_limit: Option<u64>,
}

/// `PATCH /v1/users/{id}`, by an admin. Members that are left out stay as they are; a limit of `null` is taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ChangeUser {
    /// See [`User::role`].
    pub role: Option<Role>,
    /// See [`ManagedUser::disabled`].
    pub disabled: Option<bool>,
    /// See [`ManagedUser::storage_limit`].
    #[serde(deserialize_with = "present")]
    pub storage_limit: Option<Option<u64>>,
    /// See [`ManagedUser::bandwidth_limit`].
    #[serde(deserialize_with = "present")]
    pub bandwidth_limit: Option<Option<u64>>,
}

/// Tells a member that is `null` from one that is left out.
fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<u64>>, D::Error> {
    Option::<u64>::deserialize(deserializer).map(Some)
}

/// `PATCH /v1/users/me`: changes the password, and ends the other sessions.
#[derive(Clone, Deserialize)]
pub struct ChangePassword {
    /// The password as it is.
    pub current_password: String,
    /// The password as it shall be: 8–256 characters.
    #[serde(alias = "new_password")]
    pub password: String,
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

/// `POST /v1/password-resets`: somebody forgot the password.
#[derive(Clone, Deserialize)]
pub struct ForgottenPassword {
    /// The address of the account.
    pub email: String,
}

/// `POST /v1/password-resets/complete`.
#[derive(Clone, Deserialize)]
pub struct CompleteReset {
    /// What the user was sent.
    pub token: String,
    /// The password as it shall be: 8–256 characters.
    pub password: String,
}

/// `POST /v1/users/{id}/password-reset`, by an admin.
#[derive(Clone, Serialize, Deserialize)]
pub struct PasswordReset {
    /// Opaque; good once.
    pub token: String,
    /// Until when.
    pub expires_at: Timestamp,
}

/// What is sent to the webhook of an installation when somebody forgot the password: the payload of Standard Webhooks.
#[derive(Clone, Serialize, Deserialize)]
pub struct ResetEvent {
    /// Always `password.reset_requested`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it was asked for.
    pub timestamp: Timestamp,
    /// Whom to mail what.
    pub data: ResetRequested,
}

impl ResetEvent {
    /// Of a token that was asked for at `timestamp`.
    pub fn new(timestamp: Timestamp, data: ResetRequested) -> Self {
        Self {
            kind: "password.reset_requested".to_owned(),
            timestamp,
            data,
        }
    }
}

/// A token, and who is to get it.
#[derive(Clone, Serialize, Deserialize)]
pub struct ResetRequested {
    /// The account's address.
    pub email: String,
    /// The account's name.
    pub username: String,
    /// Opaque; good once, for whoever has it.
    pub token: String,
    /// Until when.
    pub expires_at: Timestamp,
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
