//! Names that at most one account has: e-mail addresses and usernames.
//!
//! A name has numbered attempts to take it, each with one owner: who wins `claim/<n>` (an increment that gives 1)
//! may write attempt n, which says for which account. An attempt **holds** the name when that account's record
//! exists: writing the record, in one call with the attempt and after it, is what settles a registration. Attempt n + 1
//! may be made only when none of the earlier ones holds the name or may still come to hold it: they were given back, or
//! are older than [`PENDING_MS`] and without a record, so that their owner is taken for dead. How old a claim is whose
//! attempt is not written yet its owner alone knows: for others it is as old as their first look at it.
//!
//! An owner that only seemed dead must not come back and share the name. So both sides leave their mark before they
//! look for the other's:
//!
//! - whoever makes attempt n + 1 counts its claim, *then* looks again whether an earlier attempt holds the name, and
//!   gives up if one does ([`Name::claim`]);
//! - the owner of attempt n writes it and the record, *then* looks whether claim n + 1 was made, and takes the record
//!   back if it was ([`Claim::is_last`]).
//!
//! Whichever comes first is seen by the other. Both may give up, never both keep the name; no clock is part of that.
//! Where an owner dies between its record and its look, the later attempt is the one that counts.

use serde::{Deserialize, Serialize};
use spinreel_ledger::{Cell, Counter, LedgerError, claim};
use spinreel_platform::{Clock, Store};

use super::accounts::record_key;
use super::validation::Email;

/// How long an attempt without a record keeps others away, in milliseconds.
pub(crate) const PENDING_MS: u64 = 60_000;
/// The most attempts that are looked at; all before the first that may matter are skipped.
const MAX_ATTEMPTS: u64 = 256;

/// A name, taken or not.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    prefix: String,
}

/// An attempt that was won: the account may take the name.
#[derive(Debug)]
pub(crate) struct Claim {
    name: Name,
    number: u64,
    account_id: String,
    at_ms: u64,
    /// The first attempt that had to be looked at.
    first: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Attempt {
    account_id: String,
    at_ms: u64,
    given_back: bool,
}

/// What an attempt means to whoever wants the name.
enum State {
    Holds,
    MayStillHold,
    Over,
}

impl Name {
    /// An account's address, in whatever spelling.
    pub(crate) fn email(email: &Email) -> Self {
        Self::email_digest(email.digest())
    }

    /// The address with this [digest](Email::digest).
    pub(crate) fn email_digest(digest: &str) -> Self {
        Self {
            prefix: format!("users/email/{digest}"),
        }
    }

    /// A valid username.
    pub(crate) fn username(name: &str) -> Self {
        Self {
            prefix: format!("users/username/{name}"),
        }
    }

    /// The id of the account that has the name.
    pub(crate) async fn holder(&self, store: &impl Store) -> Result<Option<String>, LedgerError> {
        let mut holder = None;
        let mut number = self.first(store).await?;
        let end = number + MAX_ATTEMPTS;
        while number < end && self.is_claimed(store, number).await? {
            holder = self.held_by(store, number).await?.or(holder);
            number += 1;
        }
        Ok(holder)
    }

    /// Whether nobody has the name or is about to.
    pub(crate) async fn is_free(
        &self,
        store: &impl Store,
        clock: &impl Clock,
    ) -> Result<bool, LedgerError> {
        let first = self.first(store).await?;
        Ok(self.next_attempt(store, clock, first).await?.is_some())
    }

    /// Tries to take the name for an account; `None` where somebody else has it or is about to.
    pub(crate) async fn claim(
        &self,
        store: &impl Store,
        clock: &impl Clock,
        account_id: &str,
    ) -> Result<Option<Claim>, LedgerError> {
        let first = self.first(store).await?;
        let Some(number) = self.next_attempt(store, clock, first).await? else {
            return Ok(None);
        };
        if !claim(store, &self.claim_key(number)).await? {
            return Ok(None);
        }
        let claim = Claim {
            name: self.clone(),
            number,
            account_id: account_id.to_owned(),
            at_ms: clock.now_ms(),
            first,
        };
        for earlier in first..number {
            if self.held_by(store, earlier).await?.is_some() {
                self.attempt(number)
                    .set(store, &claim.attempt(true))
                    .await?;
                return Ok(None);
            }
        }
        Ok(Some(claim))
    }

    /// What forgets who had the name, when the record of that account was deleted for good: a value to be set, then a key
    /// to be deleted. What stays are the claims, which tell that somebody once had it. `None` where it was forgotten.
    ///
    /// The name is free without this, but a young attempt keeps others away for a while, and an old one has the
    /// account's id.
    pub(crate) async fn release(
        &self,
        store: &impl Store,
        account_id: &str,
    ) -> Result<Option<((String, Vec<u8>), String)>, LedgerError> {
        let first = self.first(store).await?;
        // One that died here has skipped the attempt already.
        let mut number = first.saturating_sub(1).max(1);
        while number < first + MAX_ATTEMPTS && self.is_claimed(store, number).await? {
            let attempt = self.attempt(number);
            let is_theirs = |attempt: Attempt| attempt.account_id == account_id;
            if attempt.get(store).await?.is_some_and(is_theirs) {
                // As in `give_back`: those before it were over when it was made.
                let skip = self.first_cell().pair(&first.max(number + 1))?;
                return Ok(Some((skip, attempt.key().to_owned())));
            }
            number += 1;
        }
        Ok(None)
    }

    /// The number of the attempt that may be made now, if one may.
    async fn next_attempt(
        &self,
        store: &impl Store,
        clock: &impl Clock,
        first: u64,
    ) -> Result<Option<u64>, LedgerError> {
        for number in first..first + MAX_ATTEMPTS {
            if !self.is_claimed(store, number).await? {
                return Ok(Some(number));
            }
            match self.state(store, clock, number).await? {
                State::Over => {}
                State::Holds | State::MayStillHold => return Ok(None),
            }
        }
        Err(LedgerError::Corrupt {
            key: self.prefix.clone(),
            reason: format!("{MAX_ATTEMPTS} attempts are unsettled"),
        })
    }

    async fn state(
        &self,
        store: &impl Store,
        clock: &impl Clock,
        number: u64,
    ) -> Result<State, LedgerError> {
        let since_ms = match self.attempt(number).get(store).await? {
            Some(attempt) if attempt.given_back => return Ok(State::Over),
            Some(attempt) => {
                if store.get(&record_key(&attempt.account_id)).await?.is_some() {
                    return Ok(State::Holds);
                }
                attempt.at_ms
            }
            None => self.first_seen(store, clock, number).await?,
        };
        if clock.now_ms().abs_diff(since_ms) > PENDING_MS {
            Ok(State::Over)
        } else {
            Ok(State::MayStillHold)
        }
    }

    /// When the claim of an attempt that is not written was first noticed: its owner may have died before it could
    /// leave a time itself.
    async fn first_seen(
        &self,
        store: &impl Store,
        clock: &impl Clock,
        number: u64,
    ) -> Result<u64, LedgerError> {
        let cell = Cell::<u64>::new(format!("{}/seen/{number}", self.prefix));
        if let Some(seen_ms) = cell.get(store).await? {
            return Ok(seen_ms);
        }
        let now_ms = clock.now_ms();
        cell.set(store, &now_ms).await?;
        Ok(now_ms)
    }

    /// The account of an attempt that holds the name.
    async fn held_by(
        &self,
        store: &impl Store,
        number: u64,
    ) -> Result<Option<String>, LedgerError> {
        match self.attempt(number).get(store).await? {
            Some(attempt) if !attempt.given_back => {
                let record = store.get(&record_key(&attempt.account_id)).await?;
                Ok(record.map(|_| attempt.account_id))
            }
            _ => Ok(None),
        }
    }

    /// The first attempt that may matter: all before it are over for good. It only ever lags behind.
    async fn first(&self, store: &impl Store) -> Result<u64, LedgerError> {
        Ok(self.first_cell().get(store).await?.unwrap_or(1))
    }

    async fn is_claimed(&self, store: &impl Store, number: u64) -> Result<bool, LedgerError> {
        Ok(Counter::new(self.claim_key(number)).get(store).await? > 0)
    }

    fn attempt(&self, number: u64) -> Cell<Attempt> {
        Cell::new(format!("{}/{number}", self.prefix))
    }

    fn first_cell(&self) -> Cell<u64> {
        Cell::new(format!("{}/first", self.prefix))
    }

    fn claim_key(&self, number: u64) -> String {
        format!("{}/claim/{number}", self.prefix)
    }
}

impl Claim {
    /// Whether nobody has made a later attempt; to be asked when the account's record is written.
    pub(crate) async fn is_last(&self, store: &impl Store) -> Result<bool, LedgerError> {
        Ok(!self.name.is_claimed(store, self.number + 1).await?)
    }

    /// Shortens the way for readers when the name has been taken.
    pub(crate) async fn settle(&self, store: &impl Store) -> Result<(), LedgerError> {
        self.skip_to(store, self.number).await
    }

    /// The attempt, to be written in one call with the account's record, before that.
    pub(crate) fn pair(&self) -> Result<(String, Vec<u8>), LedgerError> {
        let attempt = self.name.attempt(self.number);
        attempt.pair(&self.attempt(false))
    }

    fn attempt(&self, given_back: bool) -> Attempt {
        Attempt {
            account_id: self.account_id.clone(),
            at_ms: self.at_ms,
            given_back,
        }
    }

    /// The attempts before `number` are over: none of them held the name after this one's claim was counted, and
    /// one that comes to write its record now takes it back.
    async fn skip_to(&self, store: &impl Store, number: u64) -> Result<(), LedgerError> {
        if number > self.first {
            self.name.first_cell().set(store, &number).await?;
        }
        Ok(())
    }
}

/// Gives names back by one write; to be called only where the account has no record.
pub(crate) async fn give_back(store: &impl Store, claims: &[&Claim]) -> Result<(), LedgerError> {
    let mut pairs = Vec::new();
    for claim in claims {
        let attempt = claim.name.attempt(claim.number);
        pairs.push(attempt.pair(&claim.attempt(true))?);
    }
    for claim in claims {
        // As in `skip_to`, and past this one as well.
        pairs.push(claim.name.first_cell().pair(&(claim.number + 1))?);
    }
    Ok(store.set_many(&pairs).await?)
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
