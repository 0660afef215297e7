//! Sessions: refresh tokens, each good for one use (RFC 9700, section 4.14.2).
//!
//! A refresh token is `<user id>.<number>.<turn>.<secrets>`. The first half of the secrets is the session's, the
//! same in all of its tokens; the second half is new with every turn. Only their digests are stored. Who shows the
//! session's half with a turn that is over has a token that was used before: the session ends, since either the
//! user's copy or the one that replaced it is in wrong hands. Who does not know that half learns and changes nothing.
//!
//! Of two that use one token at once, one counts to the turn's number (an increment of `turn`) and gets the next
//! token; the other ends the session. A session that ended is marked by a key of its own, which only ever appears:
//! a refresh that overtakes the end cannot bring it back. Sessions are numbered per user, and only the newest
//! [`MAX_SESSIONS`] are good, so that a user's keys are bounded.

use serde::{Deserialize, Serialize};
use spinreel_api::Timestamp;
use spinreel_ledger::{Cell, Counter, LedgerError, Slots};
use spinreel_platform::{Clock, Random, Store};
use thiserror::Error;

use super::accounts::is_id;
use super::refresh_token::{RefreshToken, digest, fresh, same};

/// How many sessions a user has at most; a further one ends the oldest.
pub(crate) const MAX_SESSIONS: u64 = 32;
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

    fn turn(&self) -> Counter {
        Counter::new(self.key("turn"))
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
    /// The turn of the token that is good now; the first is 1.
    turn: u64,
    /// Digest of the session's half of the secrets.
    family: String,
    /// Digest of the other half of the token that is good now.
    secret: String,
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
        turn: 1,
        family: digest(&shown.family),
        secret: digest(&shown.secret),
    };
    shown.id.cell().set(store, &session).await?;
    if let Some(number) = shown
        .id
        .number
        .checked_sub(MAX_SESSIONS)
        .filter(|number| *number > 0)
    {
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

/// Exchanges a refresh token for the next one.
pub(crate) async fn refresh(
    store: &impl Store,
    clock: &impl Clock,
    random: &impl Random,
    token: &str,
    lifetime_s: u64,
) -> Result<Granted, RefreshError> {
    let shown = RefreshToken::parse(token).ok_or(RefreshError::Invalid)?;
    let id = &shown.id;
    let now = Timestamp::from_ms(clock.now_ms());
    let session = live(store, id, now).await?.ok_or(RefreshError::Invalid)?;
    if !same(&session.family, &digest(&shown.family)) || shown.turn > session.turn {
        return Err(RefreshError::Invalid);
    }
    if shown.turn < session.turn {
        return reused(store, clock, id).await;
    }
    if !same(&session.secret, &digest(&shown.secret)) {
        return Err(RefreshError::Invalid);
    }
    let counted = id.turn().add(store, 1).await?;
    if u64::try_from(counted) != Ok(shown.turn) {
        return reused(store, clock, id).await;
    }
    let next = RefreshToken {
        id: id.clone(),
        turn: shown.turn + 1,
        family: shown.family,
        secret: fresh(random),
    };
    let session = Session {
        last_used_at: now,
        expires_at: after(now, lifetime_s),
        turn: next.turn,
        secret: digest(&next.secret),
        ..session
    };
    id.cell().set(store, &session).await?;
    // Whoever uses the same token in the meantime has ended the session by now or will be seen to reuse it.
    if id.ended().get(store).await?.is_some() {
        return Err(RefreshError::Invalid);
    }
    Ok(Granted {
        refresh_token: next.to_string(),
        id: next.id,
    })
}

async fn reused<T>(
    store: &impl Store,
    clock: &impl Clock,
    id: &SessionId,
) -> Result<T, RefreshError> {
    end(store, clock, id).await?;
    Err(RefreshError::Reused {
        user_id: id.user_id.clone(),
    })
}

/// Ends a session; no refresh token of it is good any more.
pub(crate) async fn end(
    store: &impl Store,
    clock: &impl Clock,
    id: &SessionId,
) -> Result<(), LedgerError> {
    id.ended().set(store, &clock.now_ms()).await?;
    id.cell().delete(store).await
}

/// Ends all sessions of a user that have begun.
pub(crate) async fn end_all(
    store: &impl Store,
    clock: &impl Clock,
    user_id: &str,
) -> Result<(), LedgerError> {
    let now = Timestamp::from_ms(clock.now_ms());
    for id in newest_first(store, user_id).await? {
        if live(store, &id, now).await?.is_some() {
            end(store, clock, &id).await?;
        }
    }
    Ok(())
}

/// The sessions of a user that are good, newest first.
pub(crate) async fn list(
    store: &impl Store,
    clock: &impl Clock,
    user_id: &str,
) -> Result<Vec<(SessionId, Session)>, LedgerError> {
    let now = Timestamp::from_ms(clock.now_ms());
    let mut sessions = Vec::new();
    for id in newest_first(store, user_id).await? {
        if let Some(session) = live(store, &id, now).await? {
            sessions.push((id, session));
        }
    }
    Ok(sessions)
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
    id: &SessionId,
    now: Timestamp,
) -> Result<Option<Session>, LedgerError> {
    let Some(session) = id.cell().get(store).await? else {
        return Ok(None);
    };
    if session.expires_at <= now || id.ended().get(store).await?.is_some() {
        return Ok(None);
    }
    let head = id.slots().head(store).await?;
    Ok((head.saturating_sub(id.number) < MAX_SESSIONS).then_some(session))
}

/// Removes what is left of a session that is older than the newest [`MAX_SESSIONS`], and so is over.
async fn forget(store: &impl Store, id: &SessionId) -> Result<(), LedgerError> {
    id.cell().delete(store).await?;
    let keys = [id.key("ended"), id.key("turn")];
    Ok(store.delete_many(&keys).await?)
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
