//! The exchange of a refresh token for the next one: a ratchet, without a lock and by one write.
//!
//! A session's tokens come in turns. The first turn is in the session's record; each later one has a record of its own,
//! turn `t` in place `t mod` [`PLACES`] of the session. Turn `t + 1` is made of turn `t`'s secret and the session's salt,
//! so that all who exchange one token at once write the same, but for the time.
//!
//! **A token of turn `t` is spent when the record of turn `t + 1`, or of a later one in its place, is there.** That is
//! looked at first. Then it is good where turn `t` is there with its secret. Nothing else decides: not which turn is the
//! newest, and no clock.
//!
//! # Why a spent token stays spent
//! Records are written over by later ones of the same place, so it is enough that no place goes back. Only who stands
//! still between its look and its write could do that: it found turn `t + 1` not there, others wrote it, went on for
//! [`PLACES`] turns and wrote over it, and then it writes turn `t + 1` again. Two rules exclude that:
//!
//! - who looked writes within [`WRITE_WITHIN_MS`] or not at all, and a call of the store has its effect within
//!   [`CALL_MS`] or never;
//! - a record is written over when it is older than [`KEPT_MS`], which is more than twice those two times together, and
//!   what clocks may differ by.
//!
//! The one who stands still looked before turn `t + 1` was there first, and its write has its effect within the two times
//! of that look. What the record says is when its writer looked, which was at most the two times before it was there. So
//! the late write has its effect at most twice the two times after what the record says: before that may be written
//! over. A session that turns more often than [`PLACES`] times within [`KEPT_MS`] has to wait.
//!
//! # Why a session that ended stays so
//! The session's own record, which says that it is good, is written by its beginning and by its end, and by no exchange.
//! One that overtakes the end leaves records of turns that nobody looks at.
//!
//! # What is only a hint
//! When sessions were used last is written in the same call, for all of a user's sessions in one cell. Of two that write
//! at once one is lost there until its session's next exchange: nothing but lists, and the end of sessions that are older
//! than a token's life, depends on it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use spinreel_api::Timestamp;
use spinreel_ledger::{CALL_MS, Cell, LedgerError, while_it_may};
use spinreel_platform::{Clock, Store, is_fresh};
use thiserror::Error;

use super::endings;
use super::refresh_token::{RefreshToken, digest, same};
use super::sessions::{self, Granted, Session, SessionId, after};

/// How long after its use a token gives the one that replaced it once more, in milliseconds.
pub(crate) const GRACE_MS: u64 = 10_000;
/// Places for the turns of a session.
pub(crate) const PLACES: u64 = 64;
/// How long after its look an exchange may make its write, in milliseconds.
const WRITE_WITHIN_MS: u64 = 10_000;
/// How old the record of a turn is at least that is written over, in milliseconds.
pub(crate) const KEPT_MS: u64 = 120_000;
// The clocks of two instances differ by less than a call may take.
const _: () = assert!(KEPT_MS > 2 * (WRITE_WITHIN_MS + CALL_MS) + CALL_MS);

/// A turn of a session, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Turn {
    /// The first is 1.
    pub(crate) number: u64,
    /// Digest of the turn's half of the secrets.
    pub(crate) secret: String,
    /// When the turn before ended.
    pub(crate) began_at: Timestamp,
    /// Until when its token is good.
    pub(crate) expires_at: Timestamp,
}

/// When a session was used last, and until when its token is good then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastUse {
    pub(crate) at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// The last uses of a user's sessions, by number; one that was never refreshed has none.
pub(crate) type LastUses = BTreeMap<u64, LastUse>;

/// Why a refresh token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum RefreshError {
    /// It is none, or its session is over.
    #[error("the refresh token is not valid")]
    Invalid,
    /// It was used before. The session has been ended.
    #[error("the refresh token was used before")]
    Reused {
        /// Whose session it was.
        user_id: String,
    },
    /// The session turns too fast, or this exchange stood still for too long.
    #[error("the session was refreshed too often in the last minutes")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A token that its session accepts.
enum Shown {
    /// The one that is good now.
    Current(Session),
    /// The one before, used a moment ago, and what it gave.
    Previous(Granted),
}

/// Exchanges a refresh token for the next one, good for `lifetime_s` seconds. Of several that use one token at once, all
/// get the same. Costs 1 write; none where the answer is given again or the token is not good, 2 where that ends the
/// session.
pub(crate) async fn refresh(
    store: &impl Store,
    clock: &impl Clock,
    token: &str,
    lifetime_s: u64,
) -> Result<Granted, RefreshError> {
    let shown = RefreshToken::parse(token).ok_or(RefreshError::Invalid)?;
    let now = Timestamp::from_ms(clock.now_ms());
    let session = match look(store, clock, &shown).await? {
        Shown::Current(session) => session,
        Shown::Previous(granted) => return Ok(granted),
    };
    let next = shown.next(&session.salt);
    let turn = Turn {
        number: next.turn,
        secret: digest(&next.secret),
        began_at: now,
        expires_at: after(now, lifetime_s),
    };
    let pairs = [
        place(&next.id, next.turn).pair(&turn)?,
        last_uses_with(store, &next.id, &turn).await?,
    ];
    let in_time = || is_fresh(now.as_ms(), clock.now_ms(), WRITE_WITHIN_MS + 1);
    while_it_may(in_time, store.set_many(&pairs))
        .await
        .ok_or(RefreshError::Busy)?
        .map_err(LedgerError::from)?;
    if sessions::read(store, &next.id).await?.is_none() {
        // It ended in the meantime, and what was left of it may have been removed before.
        let left = place(&next.id, next.turn);
        left.delete(store).await?;
        return Err(RefreshError::Invalid);
    }
    Ok(next.into())
}

/// What a token is to its session. One that was used before ends it.
async fn look(
    store: &impl Store,
    clock: &impl Clock,
    shown: &RefreshToken,
) -> Result<Shown, RefreshError> {
    let id = &shown.id;
    let session = sessions::read(store, id)
        .await?
        .ok_or(RefreshError::Invalid)?;
    if !same(&session.family, &digest(&shown.family))
        || !sessions::is_among_newest(store, id).await?
    {
        return Err(RefreshError::Invalid);
    }
    let answer = shown.next(&session.salt);
    let next = place(id, answer.turn).get(store).await?;
    if let Some(next) = next.as_ref().filter(|next| next.number > shown.turn) {
        let is_answer = next.number == answer.turn
            && same(&next.secret, &digest(&answer.secret))
            && age_ms(clock, next.began_at) <= GRACE_MS;
        if is_answer && !is_spent(store, &answer).await? {
            return Ok(Shown::Previous(answer.into()));
        }
        return Err(reused(store, clock, id).await?);
    }
    let own = match shown.turn {
        1 => Some(session.first_turn()),
        number => place(id, number).get(store).await?,
    };
    match own {
        // Its place was taken by a later turn while this stood still.
        Some(own) if own.number > shown.turn => Err(reused(store, clock, id).await?),
        Some(own)
            if own.number == shown.turn
                && same(&own.secret, &digest(&shown.secret))
                && own.expires_at.as_ms() > clock.now_ms() =>
        {
            match next {
                Some(old) if age_ms(clock, old.began_at) <= KEPT_MS => Err(RefreshError::Busy),
                _ => Ok(Shown::Current(session)),
            }
        }
        _ => Err(RefreshError::Invalid),
    }
}

/// Whether a token's turn is over.
async fn is_spent(store: &impl Store, token: &RefreshToken) -> Result<bool, LedgerError> {
    let next = place(&token.id, token.turn.saturating_add(1));
    let next = next.get(store).await?;
    Ok(next.is_some_and(|next| next.number > token.turn))
}

async fn reused(
    store: &impl Store,
    clock: &impl Clock,
    id: &SessionId,
) -> Result<RefreshError, LedgerError> {
    endings::end(store, clock, id).await?;
    Ok(RefreshError::Reused {
        user_id: id.user_id().to_owned(),
    })
}

/// The place of a turn of a session; the first turn has none.
pub(crate) fn place(id: &SessionId, turn: u64) -> Cell<Turn> {
    Cell::new(id.key(&format!("turn/{}", turn % PLACES)))
}

/// The last uses of a user's sessions, and this one among them; those of sessions that are over for long are left out.
async fn last_uses_with(
    store: &impl Store,
    id: &SessionId,
    turn: &Turn,
) -> Result<(String, Vec<u8>), LedgerError> {
    let cell = sessions::last_uses(id.user_id());
    let mut uses = cell.get(store).await?.unwrap_or_default();
    let last = LastUse {
        at: turn.began_at,
        expires_at: turn.expires_at,
    };
    uses.insert(id.number(), last);
    while uses.len() as u64 > sessions::MAX_SESSIONS {
        uses.pop_first();
    }
    cell.pair(&uses)
}

/// How far a time is from now, in milliseconds: another instance's clock may be a little ahead.
fn age_ms(clock: &impl Clock, since: Timestamp) -> u64 {
    clock.now_ms().abs_diff(since.as_ms())
}

#[cfg(test)]
#[path = "rotation_tests.rs"]
mod tests;
