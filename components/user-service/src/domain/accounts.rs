//! Account records and registration.

use serde::{Deserialize, Serialize};
use spinreel_api::Timestamp;
use spinreel_api::accounts::{ManagedUser, PublicUser, Role, User};
use spinreel_ledger::{Cell, LedgerError};
use spinreel_platform::{Clock, Store, is_fresh};
use thiserror::Error;

use super::directory;
use super::names::{self, Claim, Name, PENDING_MS};
use super::validation::Email;

pub(crate) use super::changes::{ChangeError, change, change_together, remove};

/// How long a registration may take from its first claim to its record, in milliseconds. A good deal less than the
/// time after which it is taken for dead, so that hardly ever two meet over one name.
const WRITE_WITHIN_MS: u64 = PENDING_MS / 2;

/// An account, as it is stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) username: String,
    pub(crate) role: Role,
    /// A PHC string.
    pub(crate) password_hash: String,
    pub(crate) created_at: Timestamp,
    /// Its number in the [directory].
    #[serde(default)]
    pub(crate) number: u64,
    /// See [`ManagedUser::disabled`].
    #[serde(default)]
    pub(crate) disabled: bool,
    /// Bytes; `None`: what everybody has.
    #[serde(default)]
    pub(crate) storage_limit: Option<u64>,
    /// Bytes; `None`: what everybody has.
    #[serde(default)]
    pub(crate) bandwidth_limit: Option<u64>,
    /// When its owner ended it: it is as good as gone, and what it left is being removed.
    #[serde(default)]
    pub(crate) leaving_since: Option<Timestamp>,
}

impl Account {
    /// Whether it can be used.
    pub(crate) fn is_open(&self) -> bool {
        !self.disabled && self.leaving_since.is_none()
    }

    /// What its owner sees.
    pub(crate) fn user(&self) -> User {
        User {
            id: self.id.clone(),
            email: self.email.clone(),
            username: self.username.clone(),
            role: self.role,
            created_at: self.created_at,
        }
    }

    /// What admins see.
    pub(crate) fn managed(&self) -> ManagedUser {
        ManagedUser {
            user: self.user(),
            disabled: self.disabled,
            storage_limit: self.storage_limit,
            bandwidth_limit: self.bandwidth_limit,
        }
    }

    /// What everybody sees.
    pub(crate) fn public(&self) -> PublicUser {
        PublicUser {
            id: self.id.clone(),
            username: self.username.clone(),
            created_at: self.created_at,
        }
    }
}

/// An account that is to be.
#[derive(Clone)]
pub(crate) struct NewAccount {
    pub(crate) id: String,
    pub(crate) email: Email,
    /// Valid, and not reserved unless the service itself gives it.
    pub(crate) username: String,
    pub(crate) role: Role,
    /// A PHC string.
    pub(crate) password_hash: String,
}

/// Why there is no new account.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum RegisterError {
    /// Another account has the address, or is about to.
    #[error("the address is taken")]
    EmailTaken,
    /// Another account has the username, or is about to.
    #[error("the username is taken")]
    UsernameTaken,
    /// It took so long that others may have taken it for dead.
    #[error("the registration took too long")]
    TooSlow,
    /// The store failed. The account may exist or not; its names are not blocked for longer than a minute.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Whether both names are free: a look that costs no write and settles nothing.
pub(crate) async fn check_free(
    store: &impl Store,
    clock: &impl Clock,
    email: &Email,
    username: &str,
) -> Result<(), RegisterError> {
    if !Name::email(email).is_free(store, clock).await? {
        return Err(RegisterError::EmailTaken);
    }
    if !Name::username(username).is_free(store, clock).await? {
        return Err(RegisterError::UsernameTaken);
    }
    Ok(())
}

/// Makes an account: claims the address, then the username, takes a number of the [directory], then writes the record
/// with all that belongs to it, which settles it. A registration that fails gives back what it claimed; one that dies is
/// taken for dead after a minute. Costs 4 writes where nothing is in its way.
pub(crate) async fn register(
    store: &impl Store,
    clock: &impl Clock,
    new: NewAccount,
) -> Result<Account, RegisterError> {
    let began_ms = clock.now_ms();
    let email = Name::email(&new.email)
        .claim(store, clock, &new.id)
        .await?
        .ok_or(RegisterError::EmailTaken)?;
    let username = match Name::username(&new.username)
        .claim(store, clock, &new.id)
        .await
    {
        Ok(Some(claim)) => claim,
        Ok(None) => {
            give_back(store, &[&email]).await;
            return Err(RegisterError::UsernameTaken);
        }
        Err(error) => {
            give_back(store, &[&email]).await;
            return Err(error.into());
        }
    };
    let claims = [&email, &username];
    let number = match directory::allocate(store, clock).await {
        Ok(number) => number,
        Err(error) => {
            give_back(store, &claims).await;
            return Err(error.into());
        }
    };
    let now_ms = clock.now_ms();
    if !is_fresh(began_ms, now_ms, WRITE_WITHIN_MS + 1) {
        give_back(store, &claims).await;
        bury(store, number).await;
        return Err(RegisterError::TooSlow);
    }
    let account = Account {
        id: new.id,
        email: new.email.address().to_owned(),
        username: new.username,
        role: new.role,
        password_hash: new.password_hash,
        created_at: Timestamp::from_ms(now_ms),
        number,
        disabled: false,
        storage_limit: None,
        bandwidth_limit: None,
        leaving_since: None,
    };
    if let Err(error) = settle(store, &account, &email, &username).await {
        // As long as there may be a record the names must stay with it. An admin may be changing it already.
        if remove(store, clock, &account, &[]).await.is_ok() {
            give_back(store, &claims).await;
            bury(store, number).await;
        }
        return Err(error);
    }
    for claim in claims {
        // Only shortens the way for readers.
        let _ = claim.settle(store).await;
    }
    Ok(account)
}

/// Writes an account's record, after what tells whose names they are: a part of that is a registration that did not
/// come so far.
async fn settle(
    store: &impl Store,
    account: &Account,
    email: &Claim,
    username: &Claim,
) -> Result<(), RegisterError> {
    let pairs = [
        email.pair()?,
        username.pair()?,
        directory::entry(account)?,
        record(&account.id).pair(account)?,
    ];
    store.set_many(&pairs).await.map_err(LedgerError::from)?;
    if !email.is_last(store).await? {
        return Err(RegisterError::EmailTaken);
    }
    if !username.is_last(store).await? {
        return Err(RegisterError::UsernameTaken);
    }
    Ok(())
}

async fn give_back(store: &impl Store, claims: &[&Claim]) {
    // Where this fails the names are free a minute later.
    let _ = names::give_back(store, claims).await;
}

async fn bury(store: &impl Store, number: u64) {
    // Where this fails readers bury it when it is old.
    let _ = directory::bury(store, &[number]).await;
}

/// The account with this id; anything that is no id is nobody's.
pub(crate) async fn find(store: &impl Store, id: &str) -> Result<Option<Account>, LedgerError> {
    if !is_id(id) {
        return Ok(None);
    }
    record(id).get(store).await
}

/// The account with this address.
pub(crate) async fn find_by_email(
    store: &impl Store,
    email: &Email,
) -> Result<Option<Account>, LedgerError> {
    let Some(id) = Name::email(email).holder(store).await? else {
        return Ok(None);
    };
    let Some(account) = record(&id).get(store).await? else {
        return Ok(None);
    };
    // A registration that was taken for dead and then died with its record written has an address, but its username
    // may be another's.
    let holder = Name::username(&account.username).holder(store).await?;
    Ok((holder.as_deref() == Some(id.as_str())).then_some(account))
}

/// Whether this is an id as the service makes them; others must not get into keys.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// The key of an account's record.
pub(crate) fn record_key(id: &str) -> String {
    format!("users/account/{id}")
}

/// The cell of an account's record. It is written by a registration, and else by [`change`] alone.
pub(crate) fn record(id: &str) -> Cell<Account> {
    Cell::new(record_key(id))
}

#[cfg(test)]
pub(crate) mod testing {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The id of account `number`.
    pub(crate) fn id(number: usize) -> String {
        format!("0190c0de-0000-7000-8000-{number:012}")
    }

    /// Registers account `number`: `user<number>@example.org`, `user<number>`.
    pub(crate) async fn registered(
        store: &impl Store,
        clock: &impl Clock,
        number: usize,
    ) -> Account {
        let new = NewAccount {
            id: id(number),
            email: Email::parse(&format!("user{number}@example.org")).unwrap(),
            username: format!("user{number}"),
            role: Role::User,
            password_hash: "$argon2id$".to_owned(),
        };
        register(store, clock, new).await.unwrap()
    }
}

#[cfg(test)]
#[path = "accounts_tests.rs"]
mod tests;
