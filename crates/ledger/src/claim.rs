use spinreel_platform::Store;

use crate::LedgerError;

/// Asks for the right that `key` stands for; exactly one of all that ever ask gets `true`.
///
/// An error leaves it open who won. A winner that dies keeps the right, so whatever a claim guards must be
/// written down before (an intent), for somebody else to find.
pub async fn claim(store: &impl Store, key: &str) -> Result<bool, LedgerError> {
    Ok(store.increment(key, 1).await? == 1)
}
