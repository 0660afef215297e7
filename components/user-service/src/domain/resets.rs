//! Forgotten passwords: tokens that set a new one.
//!
//! A token is `<user id>.<secret>`, where the secret has 256 bits. Stored is its digest, one for each user: a newer token
//! takes the older one's place. It names the password hash that it is to replace, so whatever changes the password ends
//! it, its own use as well: of two that use one at once, one finds another hash under the account's lock.
//!
//! It is written under the account's lock: a departure sees it, and removes it with the account.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use spinreel_api::Timestamp;
use spinreel_ledger::{Cell, LedgerError};
use spinreel_platform::{Clock, Random, Store};
use thiserror::Error;

use super::accounts::{Account, ChangeError, change_together, find, is_id};
use super::endings;
use super::hashing::{self, Who};
use super::passwords::{self, HashError};
use super::refresh_token::{digest, same};
use super::validation;

/// How long a token is good, in milliseconds.
pub(crate) const LIFETIME_MS: u64 = 1_800_000;
/// Bytes of a secret.
const SECRET: usize = 32;

/// A token, as its user has it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ResetToken {
    user_id: String,
    secret: [u8; SECRET],
}

impl ResetToken {
    /// Of a secret that nobody else knows.
    pub(crate) fn new(user_id: &str, secret: [u8; SECRET]) -> Self {
        Self {
            user_id: user_id.to_owned(),
            secret,
        }
    }

    /// Of a secret of chance.
    pub(crate) fn by_chance(user_id: &str, random: &impl Random) -> Self {
        let mut secret = [0; SECRET];
        random.fill(&mut secret);
        Self::new(user_id, secret)
    }

    /// Reads what [`Display`](fmt::Display) wrote.
    fn parse(text: &str) -> Option<Self> {
        let (user_id, secret) = text.split_once('.')?;
        let secret = URL_SAFE_NO_PAD.decode(secret).ok()?;
        is_id(user_id).then_some(())?;
        Some(Self::new(user_id, secret.try_into().ok()?))
    }

    /// What is stored of it.
    pub(crate) fn digest(&self) -> String {
        digest(&self.secret)
    }
}

impl fmt::Display for ResetToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = URL_SAFE_NO_PAD.encode(self.secret);
        write!(f, "{}.{secret}", self.user_id)
    }
}

impl fmt::Debug for ResetToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResetToken({}, ..)", self.user_id)
    }
}

/// What is stored of a user's token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reset {
    /// Of the token's secret.
    digest: String,
    pub(crate) expires_at: Timestamp,
    /// Digest of the password hash that it is to replace.
    replaces: String,
}

impl Reset {
    /// Whether it is that of this token, and good for this account now.
    pub(crate) fn is_good(&self, token_digest: &str, account: &Account, now_ms: u64) -> bool {
        same(&self.digest, token_digest)
            && same(&self.replaces, &digest(account.password_hash.as_bytes()))
            // One that lies further ahead than it can is from before the clock was set.
            && (1..=LIFETIME_MS).contains(&self.expires_at.as_ms().saturating_sub(now_ms))
            && account.is_open()
    }
}

/// Where a user's token is.
pub(crate) fn record(user_id: &str) -> Cell<Reset> {
    Cell::new(format!("users/reset/{user_id}"))
}

/// Makes a token good, and ends the ones before it; until when it is. `also` is written in the same call, before it. Costs 3 writes.
///
/// # Errors
/// [`ChangeError::Unknown`] where there is no such account, or it is disabled.
pub(crate) async fn issue(
    store: &impl Store,
    clock: &impl Clock,
    token: &ResetToken,
    also: Vec<(String, Vec<u8>)>,
) -> Result<Timestamp, ChangeError> {
    let expires_at = Timestamp::from_ms(clock.now_ms() + LIFETIME_MS);
    change_together(store, clock, &token.user_id, async |account| {
        if !account.is_open() {
            return Err(ChangeError::Unknown);
        }
        let reset = Reset {
            digest: token.digest(),
            expires_at,
            replaces: digest(account.password_hash.as_bytes()),
        };
        let mut pairs = also;
        pairs.push(record(&account.id).pair(&reset)?);
        Ok(pairs)
    })
    .await?;
    Ok(expires_at)
}

/// Why a token set no new password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ResetError {
    /// It is none, was used, is over, or the account cannot be used.
    #[error("the token is not good")]
    Invalid,
    /// The new password cannot be one of this account; the token stays good.
    #[error("the new password {0}")]
    Fault(&'static str),
    /// As many passwords are hashed as may be at once.
    #[error("too many passwords are hashed at once")]
    Crowded,
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// See [`ChangeError`].
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<LedgerError> for ResetError {
    fn from(error: LedgerError) -> Self {
        Self::Change(error.into())
    }
}

/// Sets the password of the token's account, which ends the token and all sessions: those in the call that writes the
/// password, and once more after it, as one may have begun with the old one beside it.
///
/// A token that is none costs 2 reads at most. See [`hashing::may_begin`] for `hashes_per_second`.
pub(crate) async fn complete(
    store: &impl Store,
    clock: &impl Clock,
    random: &impl Random,
    hashes_per_second: u64,
    token: &str,
    password: &str,
) -> Result<Account, ResetError> {
    let token = ResetToken::parse(token).ok_or(ResetError::Invalid)?;
    let (id, shown) = (&token.user_id, token.digest());
    let known = find(store, id).await?;
    let known = match (known, record(id).get(store).await?) {
        (Some(account), Some(reset)) if reset.is_good(&shown, &account, clock.now_ms()) => account,
        _ => return Err(ResetError::Invalid),
    };
    if let Some(fault) = validation::password_fault(password, &known.email, &known.username) {
        return Err(ResetError::Fault(fault));
    }
    if !hashing::may_begin(store, clock, Who::Stranger, hashes_per_second).await? {
        return Err(ResetError::Crowded);
    }
    let hash = passwords::hash(password, random)?;
    let changed = change_together(store, clock, id, async |account: &mut Account| {
        // Another one may have used it, or a newer one ended it.
        let reset = record(id).get(store).await?;
        if !reset.is_some_and(|reset| reset.is_good(&shown, account, clock.now_ms())) {
            return Err(ResetError::Invalid);
        }
        account.password_hash = hash;
        Ok(endings::end_of_all(store, clock, id).await?)
    });
    let account = match changed.await {
        Err(ResetError::Change(ChangeError::Unknown)) => return Err(ResetError::Invalid),
        other => other?,
    };
    endings::end_all(store, clock, id).await?;
    Ok(account)
}

#[cfg(test)]
#[path = "resets_tests.rs"]
mod tests;
