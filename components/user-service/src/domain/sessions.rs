//! Sessions: what a user is signed in with, and its refresh tokens, each good for one use (RFC 9700, section 4.14.2).
//!
//! A refresh token is `<user id>.<number>.<turn>.<secrets>`. The first half of the secrets is the session's, the
//! same in all of its tokens; the second half is new with every turn. Only their digests are stored. Who shows the
//! session's half with a turn that is over has a token that was used before: the session ends, since either the
//! user's copy or the one that replaced it is in wrong hands. Who does not know that half learns and changes nothing.
//!
//! A client whose answer was lost has only the token that it used. For [`GRACE_MS`](super::rotation::GRACE_MS) the token
//! of the last turn therefore gives the one that replaced it, and no other: the next secret is made of the one before and
//! of a salt that only the session's record has. So a record gives nobody a token, and a token nobody a later one, but
//! both together give the answer again. How a turn ends is the affair of [`rotation`](super::rotation).
//!
//! A session is good while its record says that it has begun. The record is written when it begins, and once more when
//! it [ends](super::endings), in the same call as the [note](super::revocations) of that and after it: so no session has ended that others
//! are not told of, and none comes back.
//!
//! Sessions are numbered per user, and only the newest [`MAX_SESSIONS`] are good, so that a user's keys are bounded: a
//! further one ends the oldest, before it begins itself. Where it dies in between the oldest is refreshed no more, and
//! ends with the next round number, with which the keys of all that are over by then are removed, too.

use serde::{Deserialize, Serialize};
use spinreel_api::Timestamp;
use spinreel_ledger::{Cell, LedgerError, Slots};
use spinreel_platform::{Clock, Random, Store};

use super::accounts::is_id;
use super::endings::{end_of, overtaken_by};
use super::refresh_token::{RefreshToken, Salt, digest, fresh, same};
use super::rotation::{LastUse, LastUses, PLACES, Turn, place};

/// How many sessions a user has at most; a further one ends the oldest.
pub(crate) const MAX_SESSIONS: u64 = 32;
/// Every so manyth session removes the keys of as many that are over.
pub(crate) const ROUND: u64 = 8;
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

    /// Which one of its user's; the first is 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Whether it began before `other`, a session of the same user.
    pub(crate) fn is_older_than(&self, other: &Self) -> bool {
        self.number < other.number
    }

    /// A key of this session.
    pub(crate) fn key(&self, part: &str) -> String {
        format!("{}/{}/{part}", prefix(&self.user_id), self.number)
    }

    pub(crate) fn record(&self) -> Cell<Record> {
        slots(&self.user_id).cell(self.number)
    }

    /// All keys that it may have.
    pub(crate) fn keys(&self) -> impl Iterator<Item = String> {
        let turns = (0..PLACES).map(|turn| place(self, turn).key().to_owned());
        turns.chain([self.record().key().to_owned()])
    }
}

impl std::fmt::Display for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.user_id, self.number)
    }
}

/// What is stored of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Record {
    Begun(Session),
    Ended,
}

/// A session that is good, as it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) created_at: Timestamp,
    pub(crate) user_agent: Option<String>,
    /// Until when its first token is good.
    expires_at: Timestamp,
    /// Digest of the session's half of the secrets.
    pub(crate) family: String,
    /// Digest of the other half of its first token.
    secret: String,
    /// What the next secrets are made with.
    pub(crate) salt: Salt,
}

impl Session {
    /// The turn that it began with.
    pub(crate) fn first_turn(&self) -> Turn {
        Turn {
            number: 1,
            secret: self.secret.clone(),
            began_at: self.created_at,
            expires_at: self.expires_at,
        }
    }

    /// Its last use, by what is known of the last uses of its user's sessions.
    fn last_use(&self, number: u64, uses: &LastUses) -> LastUse {
        let first = LastUse {
            at: self.created_at,
            expires_at: self.expires_at,
        };
        uses.get(&number).copied().unwrap_or(first)
    }
}

/// A session in a list.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) id: SessionId,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Timestamp,
    pub(crate) user_agent: Option<String>,
}

/// What a client gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) id: SessionId,
    pub(crate) refresh_token: String,
}

/// Begins a session whose first token is good for `lifetime_s` seconds. Costs 2 writes, and one more each where it ends
/// another one, and where it removes the keys of some that are over.
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
        id: id.clone(),
        turn: 1,
        family: fresh(random),
        secret: fresh(random),
    };
    let now = Timestamp::from_ms(clock.now_ms());
    let session = Session {
        created_at: now,
        user_agent: user_agent.map(|agent| agent.chars().take(MAX_USER_AGENT).collect()),
        expires_at: after(now, lifetime_s),
        family: digest(&shown.family),
        secret: digest(&shown.secret),
        salt: Salt::new(random),
    };
    let over = overtaken_by(&id);
    let mut pairs = end_of(store, clock, user_id, &over).await?;
    pairs.push(id.record().pair(&Record::Begun(session))?);
    store.set_many(&pairs).await?;
    if let [.., newest] = over.as_slice()
        && id.number.is_multiple_of(ROUND)
    {
        // Those of the round before once more, in case that one died.
        let oldest = newest.number.saturating_sub(2 * ROUND - 1);
        let over = numbered(user_id, oldest, newest.number);
        let keys: Vec<String> = over.iter().flat_map(SessionId::keys).collect();
        store.delete_many(&keys).await?;
    }
    Ok(Granted {
        refresh_token: shown.to_string(),
        id,
    })
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

/// Whether a session is good. Costs a read, and another one where the session is older than its first token.
pub(crate) async fn is_live(
    store: &impl Store,
    clock: &impl Clock,
    id: &SessionId,
) -> Result<bool, LedgerError> {
    let Some(session) = read(store, id).await? else {
        return Ok(false);
    };
    if session.expires_at.as_ms() > clock.now_ms() {
        return Ok(true);
    }
    let uses = last_uses(&id.user_id).get(store).await?;
    let last = session.last_use(id.number, &uses.unwrap_or_default());
    Ok(last.expires_at.as_ms() > clock.now_ms())
}

/// The sessions of a user that are good, newest first. Costs a read for each of at most [`MAX_SESSIONS`] that began, and
/// 2 more.
pub(crate) async fn list(
    store: &impl Store,
    clock: &impl Clock,
    user_id: &str,
) -> Result<Vec<Listed>, LedgerError> {
    let head = slots(user_id).head(store).await?;
    let uses = last_uses(user_id).get(store).await?.unwrap_or_default();
    let mut sessions = Vec::new();
    for id in numbered(user_id, (head + 1).saturating_sub(MAX_SESSIONS), head) {
        let Some(session) = read(store, &id).await? else {
            continue;
        };
        let last = session.last_use(id.number, &uses);
        if last.expires_at.as_ms() > clock.now_ms() {
            sessions.push(Listed {
                id,
                created_at: session.created_at,
                last_used_at: last.at,
                user_agent: session.user_agent,
            });
        }
    }
    sessions.reverse();
    Ok(sessions)
}

/// Sessions with these numbers, those at the ends included; 0 is none.
pub(crate) fn numbered(user_id: &str, from: u64, to: u64) -> Vec<SessionId> {
    (from.max(1)..=to)
        .map(|number| SessionId {
            user_id: user_id.to_owned(),
            number,
        })
        .collect()
}

/// The session, where it has begun and has not ended. What cannot be read is as good as none: its user signs in again.
pub(crate) async fn read(
    store: &impl Store,
    id: &SessionId,
) -> Result<Option<Session>, LedgerError> {
    match id.record().get(store).await {
        Ok(Some(Record::Begun(session))) => Ok(Some(session)),
        Ok(Some(Record::Ended) | None) | Err(LedgerError::Corrupt { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a session is one of the newest [`MAX_SESSIONS`]; the others are over.
pub(crate) async fn is_among_newest(
    store: &impl Store,
    id: &SessionId,
) -> Result<bool, LedgerError> {
    let head = slots(&id.user_id).head(store).await?;
    Ok(head.saturating_sub(id.number) < MAX_SESSIONS)
}

/// The keys of all that is left of a user's sessions, who is gone: those of older ones went when they were over. The
/// counter is the last, so that a call that died can be repeated.
pub(crate) async fn keys_of_all(
    store: &impl Store,
    user_id: &str,
) -> Result<Vec<String>, LedgerError> {
    let head = slots(user_id).head(store).await?;
    let oldest = (head + 1).saturating_sub(MAX_SESSIONS + 2 * ROUND);
    let ids = numbered(user_id, oldest, head);
    let mut keys: Vec<String> = ids.iter().flat_map(SessionId::keys).collect();
    keys.push(last_uses(user_id).key().to_owned());
    keys.push(slots(user_id).head_key());
    Ok(keys)
}

/// The cell of a user's [`LastUses`].
pub(crate) fn last_uses(user_id: &str) -> Cell<LastUses> {
    Cell::new(format!("{}/uses", prefix(user_id)))
}

pub(crate) fn slots(user_id: &str) -> Slots {
    Slots::new(prefix(user_id))
}

fn prefix(user_id: &str) -> String {
    format!("users/sessions/{user_id}")
}

/// So many seconds later.
pub(crate) fn after(now: Timestamp, seconds: u64) -> Timestamp {
    Timestamp::from_ms(now.as_ms().saturating_add(seconds.saturating_mul(1_000)))
}

#[cfg(test)]
#[path = "sessions_testing.rs"]
pub(crate) mod testing;
#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
