//! The ends of sessions: each is noted for the other services and written in one call, the note first, together with what
//! it belongs to.

use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, Store};

use super::revocations;
use super::sessions::{MAX_SESSIONS, ROUND, Record, SessionId, numbered, read, slots};

/// The sessions that are over when this one begins: one, or a round of them.
pub(crate) fn overtaken_by(id: &SessionId) -> Vec<SessionId> {
    let newest = id.number().saturating_sub(MAX_SESSIONS);
    let count = if id.number().is_multiple_of(ROUND) {
        ROUND
    } else {
        1
    };
    numbered(id.user_id(), newest.saturating_sub(count - 1), newest)
}

/// Ends a session; no refresh token of it is good any more. Costs 2 writes where that was not so before.
pub(crate) async fn end(
    store: &impl Store,
    clock: &impl Clock,
    id: &SessionId,
) -> Result<(), LedgerError> {
    let pairs = end_of(store, clock, id.user_id(), std::slice::from_ref(id)).await?;
    write(store, &pairs).await
}

/// Ends all sessions of a user that have begun, as [`end`] does one.
pub(crate) async fn end_all(
    store: &impl Store,
    clock: &impl Clock,
    user_id: &str,
) -> Result<(), LedgerError> {
    let pairs = end_of_all(store, clock, user_id).await?;
    write(store, &pairs).await
}

/// Ends all sessions of a user that have begun, but one.
pub(crate) async fn end_others(
    store: &impl Store,
    clock: &impl Clock,
    keep: &SessionId,
) -> Result<(), LedgerError> {
    let pairs = end_of_others(store, clock, keep).await?;
    write(store, &pairs).await
}

/// What [`end_all`] writes, to be written at once, together with what it belongs to and before that; empty where no
/// session is good. Costs a write itself where one is.
pub(crate) async fn end_of_all(
    store: &impl Store,
    clock: &impl Clock,
    user_id: &str,
) -> Result<Vec<(String, Vec<u8>)>, LedgerError> {
    let ids = may_be_good(store, user_id).await?;
    end_of(store, clock, user_id, &ids).await
}

/// What [`end_others`] writes, as [`end_of_all`].
pub(crate) async fn end_of_others(
    store: &impl Store,
    clock: &impl Clock,
    keep: &SessionId,
) -> Result<Vec<(String, Vec<u8>)>, LedgerError> {
    let mut ids = may_be_good(store, keep.user_id()).await?;
    ids.retain(|id| id != keep);
    end_of(store, clock, keep.user_id(), &ids).await
}

/// What ends those of some sessions that are good: the note first.
pub(crate) async fn end_of(
    store: &impl Store,
    clock: &impl Clock,
    user_id: &str,
    ids: &[SessionId],
) -> Result<Vec<(String, Vec<u8>)>, LedgerError> {
    let mut ends = Vec::new();
    for id in ids {
        if read(store, id).await?.is_some() {
            ends.push(id.record().pair(&Record::Ended)?);
        }
    }
    if !ends.is_empty() {
        let note = revocations::prepare(store, clock, user_id).await?;
        ends.insert(0, note);
    }
    Ok(ends)
}

async fn write(store: &impl Store, pairs: &[(String, Vec<u8>)]) -> Result<(), LedgerError> {
    if !pairs.is_empty() {
        store.set_many(pairs).await?;
    }
    Ok(())
}

/// The sessions of a user that can be good, and those that a beginning which died may have left so.
async fn may_be_good(store: &impl Store, user_id: &str) -> Result<Vec<SessionId>, LedgerError> {
    let head = slots(user_id).head(store).await?;
    let oldest = (head + 1).saturating_sub(MAX_SESSIONS + ROUND);
    Ok(numbered(user_id, oldest, head))
}
