use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use spinreel_api::internal::Playback;
use spinreel_api::usage::ActionKind;
use spinreel_api::{Timestamp, internal::Reservation};
use spinreel_ledger::{Counter, LedgerError};
use spinreel_platform::Store;

const HOUR_MS: u64 = 3_600_000;
/// The bytes of the digest that are kept.
const DIGEST: usize = 16;

/// The counter of a playback's bytes, by its name.
pub(super) fn counter(user: &str, name: &str) -> Counter {
    Counter::new(counter_key(user, name))
}

/// Its key.
pub(super) fn counter_key(user: &str, name: &str) -> String {
    format!("usage/{user}/playback/{name}")
}

/// The name of a playback that goes on at this moment: the hour of the clock, and a digest of whose it is, and of what.
pub(super) fn name_of(playback: &Playback, now: Timestamp) -> String {
    let kind = match playback.kind {
        ActionKind::Download => "download",
        _ => "stream",
    };
    // No part has a line feed.
    let text = format!("{}\n{}\n{kind}", playback.video_id, playback.viewer);
    let digest = URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..DIGEST]);
    format!("{}/{digest}", now.as_ms() / HOUR_MS)
}

/// Adds the bytes of a request to its playback; returns whether it is the first one. Of several at once one is: the one
/// whose increment finds nothing there. A playback of which everything was given back has had its first request, which the
/// look before tells. Costs a `get` and a write.
pub(super) async fn count(
    store: &impl Store,
    user: &str,
    name: &str,
    bytes: i64,
) -> Result<bool, LedgerError> {
    let counter = counter(user, name);
    let is_known = store.get(&counter_key(user, name)).await?.is_some();
    let sum = counter.add(store, bytes).await?;
    Ok(!is_known && sum == bytes)
}

/// Whether a name is one that [`name_of`] may have made: it becomes a part of a key.
pub(super) fn is_name(name: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    name.len() <= 64
        && name
            .split_once('/')
            .is_some_and(|(hour, digest)| is_word(hour) && is_word(digest))
}

/// Whether the playback of a reservation, if it has one, is one.
pub(super) fn is_sound(reservation: &Reservation) -> bool {
    reservation.playback.as_deref().is_none_or(is_name)
}
