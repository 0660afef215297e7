//! Sessions: refresh tokens, each good for one use (RFC 9700, section 4.14.2).
//!
//! A refresh token is `<user id>.<number>.<turn>.<secrets>`. The first half of the secrets is the session's, the
//! same in all of its tokens; the second half is new with every turn. Only their digests are stored. Who shows the
//! session's half with a turn that is over has a token that was used before: the session ends, since either the
//! user's copy or the one that replaced it is in wrong hands. Who does not know that half learns and changes nothing.
//!
//! A client whose answer was lost has only the token that it used. For [`GRACE_MS`] the token of the last turn
//! therefore gives the one that replaced it, and no other: the next secret is made of the one before and of a salt that
//! only the session's record has. So a record gives nobody a token, and a token nobody a later one, but both together
//! give the answer again.
//!
//! A turn ends under the session's lock, by one write of the record. A session that ended is marked by a key of its own,
//! which only ever appears: a refresh that overtakes the end cannot bring it back. Then the end is
//! [noted](super::revocations), and the record goes last: one beside a mark tells that its end may not be noted yet.
//! Sessions are numbered per user, and only the newest [`MAX_SESSIONS`] are good, so that a user's keys are bounded.

use serde::{Deserialize, Serialize};
use spinreel_api::Timestamp;
use spinreel_ledger::{Cell, LedgerError, Lock, Slots, while_it_may};
use spinreel_platform::{Clock, Random, Store};
use thiserror::Error;

use super::accounts::is_id;
use super::refresh_token::{RefreshToken, Salt, digest, fresh, same};
use super::revocations;

/// How many sessions a user has at most; a further one ends the oldest.
pub(crate) const MAX_SESSIONS: u64 = 32;
/// How long after its use a token gives the one that replaced it once more, in milliseconds.
pub(crate) const GRACE_MS: u64 = 10_000;
/// How often a refresh looks whether another one is ready, and how long it waits in between, in milliseconds.
const LOCK_TRIES: u32 = 40;
const LOCK_PAUSE_MS: u64 = 50;
/// The longest `User-Agent` that is kept, in characters.
const MAX_USER_AGENT: usize = 200;

/// Which session: the `sid` of access tokens is `<user id>.<number>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionId {
    user_id: String,
    number: u64,
}

impl SessionId {
    /// Reads what [`Display`](std::fmt::Display) wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (user_id, number) = text.split_once('.')?;
        let number = number.parse().ok().filter(|number| *number > 0)?;
        is_id(user_id).then(|| Self {
            user_id: user_id.to_owned(),
            number,
        })
    }

    /// Whose it is.
    pub(crate) fn user_id(&self) -> &str {
        &self.user_id
    }

    /// Whether it began before `other`, a session of the same user.
    pub(crate) fn is_older_than(&self, other: &Self) -> bool {
        self.number < other.number
    }

    fn slots(&self) -> Slots {
        slots(&self.user_id)
    }

    fn cell(&self) -> Cell<Session> {
        self.slots().cell(self.number)
    }

    fn key(&self, part: &str) -> String {
        format!("{}/{part}/{}", prefix(&self.user_id), self.number)
    }

    /// A number that is given once; where it is, the session is over.
    fn ended(&self) -> Cell<u64> {
        Cell::new(self.key("ended"))
    }

    fn lock(&self) -> Lock {
        Lock::new(self.key("lock"))
    }
}

impl std::fmt::Display for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.user_id, self.number)
    }
}

/// A session, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Timestamp,
    pub(crate) user_agent: Option<String>,
    expires_at: Timestamp,
    /// When the token that is good now was given first.
    rotated_at: Timestamp,
    /// The turn of the token that is good now; the first is 1.
    turn: u64,
    /// Digest of the session's half of the secrets.
    family: String,
    /// Digest of the other half of the token that is good now.
    secret: String,
    /// What the next secrets are made with.
    salt: Salt,
}

/// What a client gets.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) id: SessionId,
    pub(crate) refresh_token: String,
}

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
    /// Another refresh of the session takes too long, or died a moment ago.
    #[error("another refresh of the session is at work")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Begins a session that lasts `lifetime_s` seconds after its last use.
pub(crate) async fn begin(
    store: &impl Store,
    clock: &impl Clock,
    random: &impl Random,
    user_id: &str,
    user_agent: Option<&str>,
    lifetime_s: u64,
) -> Result<Granted, LedgerError> {
    let id = SessionId {
        number: slots(user_id).allocate(store, 1).await?,
        user_id: user_id.to_owned(),
    };
    let shown = RefreshToken {
        id,
        turn: 1,
        family: fresh(random),
        secret: fresh(random),
    };
    let now = Timestamp::from_ms(clock.now_ms());
    let session = Session {
        created_at: now,
        last_used_at: now,
        user_agent: user_agent.map(|agent| agent.chars().take(MAX_USER_AGENT).collect()),
        expires_at: after(now, lifetime_s),
        rotated_at: now,
        turn: 1,
        family: digest(&shown.family),
        secret: digest(&shown.secret),
        salt: Salt::new(random),
    };
    shown.id.cell().set(store, &session).await?;
    if let Some(number) = shown
        .id
        .number
        .checked_sub(MAX_SESSIONS)
        .filter(|number| *number > 0)
    {
        // That session may have been good until now, and an access token of it alive.
        revocations::note(store, clock, user_id).await?;
        forget(
            store,
            &SessionId {
                number,
                ..shown.id.clone()
            },
        )
        .await?;
    }
    Ok(Granted {
        refresh_token: shown.to_string(),
        id: shown.id,
    })
}

/// Exchanges a refresh token for the next one. Of several that use one token at once, all get the same.
pub(crate) async fn refresh(
    store: &impl Store,
    clock: &impl Clock,
    token: &str,
    lifetime_s: u64,
) -> Result<Granted, RefreshError> {
    let shown = RefreshToken::parse(token).ok_or(RefreshError::Invalid)?;
    let lock = shown.id.lock();
    for attempt in 0..LOCK_TRIES {
        if attempt > 0 {
            clock.sleep_ms(LOCK_PAUSE_MS).await;
        }
        // Without the lock: nobody waits for what needs no writing, and a forged token writes nothing.
        if let Shown::Previous(granted) = look(store, clock, &shown).await? {
            return Ok(granted);
        }
        if let Some(held) = lock.acquire(store, clock).await? {
            let rotation = rotate(store, clock, &shown, lifetime_s);
            let rotated = while_it_may(|| held.is_good(clock), rotation).await;
            // A write that failed may have its effect yet: it needs the lock until then.
            let is_over = !matches!(rotated, Some(Err(RefreshError::Ledger(_))));
            if is_over && held.is_good(clock) {
                // A lock that stays is in nobody's way for long.
                let _ = held.release(store).await;
            }
            return rotated.unwrap_or(Err(RefreshError::Busy));
        }
    }
    Err(RefreshError::Busy)
}

/// A token that its session accepts.
enum Shown {
    /// The one that is good now.
    Current(Session),
    /// The one before, used a moment ago, and what it gave.
    Previous(Granted),
}

/// What a token is to its session. One that was used before ends it.
async fn look(
    store: &impl Store,
    clock: &impl Clock,
    shown: &RefreshToken,
) -> Result<Shown, RefreshError> {
    let id = &shown.id;
    let session = read(store, id).await?.ok_or(RefreshError::Invalid)?;
    if !same(&session.family, &digest(&shown.family)) {
        return Err(RefreshError::Invalid);
    }
    if id.ended().get(store).await?.is_some() {
        // Its end may have stopped before it was noted.
        end(store, clock, id).await?;
        return Err(RefreshError::Invalid);
    }
    let now = Timestamp::from_ms(clock.now_ms());
    if session.expires_at <= now || !is_among_newest(store, id).await? {
        return Err(RefreshError::Invalid);
    }
    let shown_digest = digest(&shown.secret);
    if shown.turn == session.turn && same(&session.secret, &shown_digest) {
        return Ok(Shown::Current(session));
    }
    if shown.turn >= session.turn {
        return Err(RefreshError::Invalid);
    }
    let age_ms = now.as_ms().saturating_sub(session.rotated_at.as_ms());
    let next = shown.next(&session.salt);
    if next.turn == session.turn
        && age_ms <= GRACE_MS
        && same(&session.secret, &digest(&next.secret))
    {
        return Ok(Shown::Previous(next.into()));
    }
    end(store, clock, id).await?;
    Err(RefreshError::Reused {
        user_id: id.user_id.clone(),
    })
}

/// Ends the turn of a token; to be done under the session's lock.
async fn rotate(
    store: &impl Store,
    clock: &impl Clock,
    shown: &RefreshToken,
    lifetime_s: u64,
) -> Result<Granted, RefreshError> {
    let session = match look(store, clock, shown).await? {
        Shown::Current(session) => session,
        Shown::Previous(granted) => return Ok(granted),
    };
    let now = Timestamp::from_ms(clock.now_ms());
    let next = shown.next(&session.salt);
    let session = Session {
        last_used_at: now,
        expires_at: after(now, lifetime_s),
        rotated_at: now,
        turn: next.turn,
        secret: digest(&next.secret),
        ..session
    };
    next.id.cell().set(store, &session).await?;
    // Whoever ended the session in the meantime left a mark before this.
    if next.id.ended().get(store).await?.is_some() {
        return Err(RefreshError::Invalid);
    }
    Ok(next.into())
}

/// Ends a session; no refresh token of it is good any more.
pub(crate) async fn end(
    store: &impl Store,
    clock: &impl Clock,
    id: &SessionId,
) -> Result<(), LedgerError> {
    end_these(store, clock, &id.user_id, std::slice::from_ref(id)).await
}

/// Ends all sessions of a user that have begun.
pub(crate) async fn end_all(
    store: &impl Store,
    clock: &impl Clock,
    user_id: &str,
) -> Result<(), LedgerError> {
    let ids = live_ids(store, clock, user_id).await?;
    end_these(store, clock, user_id, &ids).await
}

/// Ends all sessions of a user that have begun, but one.
pub(crate) async fn end_others(
    store: &impl Store,
    clock: &impl Clock,
    keep: &SessionId,
) -> Result<(), LedgerError> {
    let mut ids = live_ids(store, clock, &keep.user_id).await?;
    ids.retain(|id| id != keep);
    end_these(store, clock, &keep.user_id, &ids).await
}

/// Marks sessions of a user as ended, notes it, and removes their records.
async fn end_these(
    store: &impl Store,
    clock: &impl Clock,
    user_id: &str,
    ids: &[SessionId],
) -> Result<(), LedgerError> {
    let mut marks = Vec::new();
    for id in ids {
        marks.push(id.ended().pair(&clock.now_ms())?);
    }
    if !marks.is_empty() {
        store.set_many(&marks).await?;
    }
    // Even where none was good: an earlier call may have ended them and died here.
    revocations::note(store, clock, user_id).await?;
    let records: Vec<_> = ids.iter().map(|id| id.cell().key().to_owned()).collect();
    if !records.is_empty() {
        store.delete_many(&records).await?;
    }
    Ok(())
}

/// The session that a refresh token belongs to, whether or not its turn is over; `None` where the token is none, or its
/// session has ended.
pub(crate) async fn of_token(
    store: &impl Store,
    token: &str,
) -> Result<Option<SessionId>, LedgerError> {
    let Some(shown) = RefreshToken::parse(token) else {
        return Ok(None);
    };
    let session = read(store, &shown.id).await?;
    let is_known = session.is_some_and(|session| same(&session.family, &digest(&shown.family)));
    Ok(is_known.then_some(shown.id))
}

/// Whether a session is good.
pub(crate) async fn is_live(
    store: &impl Store,
    clock: &impl Clock,
    id: &SessionId,
) -> Result<bool, LedgerError> {
    Ok(live(store, clock, id).await?.is_some())
}

/// The sessions of a user that are good, newest first.
pub(crate) async fn list(
    store: &impl Store,
    clock: &impl Clock,
    user_id: &str,
) -> Result<Vec<(SessionId, Session)>, LedgerError> {
    let mut sessions = Vec::new();
    for id in newest_first(store, user_id).await? {
        if let Some(session) = live(store, clock, &id).await? {
            sessions.push((id, session));
        }
    }
    Ok(sessions)
}

async fn live_ids(
    store: &impl Store,
    clock: &impl Clock,
    user_id: &str,
) -> Result<Vec<SessionId>, LedgerError> {
    let sessions = list(store, clock, user_id).await?;
    Ok(sessions.into_iter().map(|(id, _)| id).collect())
}

async fn newest_first(
    store: &impl Store,
    user_id: &str,
) -> Result<impl Iterator<Item = SessionId>, LedgerError> {
    let head = slots(user_id).head(store).await?;
    let oldest = head.saturating_sub(MAX_SESSIONS) + 1;
    let user_id = user_id.to_owned();
    Ok((oldest..=head).rev().map(move |number| SessionId {
        user_id: user_id.clone(),
        number,
    }))
}

/// The session, where it is good.
async fn live(
    store: &impl Store,
    clock: &impl Clock,
    id: &SessionId,
) -> Result<Option<Session>, LedgerError> {
    let Some(session) = read(store, id).await? else {
        return Ok(None);
    };
    if session.expires_at.as_ms() <= clock.now_ms() || id.ended().get(store).await?.is_some() {
        return Ok(None);
    }
    Ok(is_among_newest(store, id).await?.then_some(session))
}

/// The record of a session. One that an earlier version wrote is as good as none: its user signs in again.
async fn read(store: &impl Store, id: &SessionId) -> Result<Option<Session>, LedgerError> {
    match id.cell().get(store).await {
        Err(LedgerError::Corrupt { .. }) => Ok(None),
        read => read,
    }
}

/// Whether a session is one of the newest [`MAX_SESSIONS`]; the others are over.
async fn is_among_newest(store: &impl Store, id: &SessionId) -> Result<bool, LedgerError> {
    let head = id.slots().head(store).await?;
    Ok(head.saturating_sub(id.number) < MAX_SESSIONS)
}

/// Removes what is left of a session that is older than the newest [`MAX_SESSIONS`], and so is over.
async fn forget(store: &impl Store, id: &SessionId) -> Result<(), LedgerError> {
    let keys = [id.cell().key().to_owned(), id.ended().key().to_owned()];
    Ok(store.delete_many(&keys).await?)
}

/// Removes what is left of a user's sessions, who is gone: the keys of the newest, since those of older ones went when
/// they were followed. The counter goes last, so that a call that died can be repeated.
pub(crate) async fn forget_all(store: &impl Store, user_id: &str) -> Result<(), LedgerError> {
    let head = slots(user_id).head(store).await?;
    let oldest = head.saturating_sub(2 * MAX_SESSIONS) + 1;
    let keys: Vec<String> = (oldest..=head)
        .map(|number| SessionId {
            number,
            user_id: user_id.to_owned(),
        })
        .flat_map(|id| [id.cell().key().to_owned(), id.ended().key().to_owned()])
        .collect();
    if !keys.is_empty() {
        store.delete_many(&keys).await?;
    }
    slots(user_id).forget(store).await
}

fn slots(user_id: &str) -> Slots {
    Slots::new(prefix(user_id))
}

fn prefix(user_id: &str) -> String {
    format!("users/sessions/{user_id}")
}

fn after(now: Timestamp, seconds: u64) -> Timestamp {
    Timestamp::from_ms(now.as_ms().saturating_add(seconds.saturating_mul(1_000)))
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
