//! The bucket's token between two requests, sealed: who reads the store does not get into the bucket.

use spinreel_gcs::{AccessToken, TokenCache};
use spinreel_identity::Sealer;
use spinreel_ledger::Cell;
use spinreel_platform::Random;
use spinreel_service::Context;

/// The key of the bucket's token.
const KEY: &str = "storage/bucket-token";
/// The purpose of its sealer.
const SEALED_FOR: &str = "bucket token";

/// Keeps the token in the service's store.
#[derive(Debug, Clone, Copy)]
pub struct SealedToken<'a>(pub &'a Context);

impl SealedToken<'_> {
    fn cell() -> Cell<String> {
        Cell::new(KEY)
    }

    fn sealer(&self) -> Sealer {
        Sealer::new(self.0.settings.text("service_secret"), SEALED_FOR)
    }
}

impl TokenCache for SealedToken<'_> {
    async fn get(&self) -> Option<AccessToken> {
        let sealed = Self::cell().get(&self.0.store).await.ok()??;
        serde_json::from_slice(&self.sealer().open(&sealed)?).ok()
    }

    async fn put(&self, token: &AccessToken) {
        let mut nonce = [0; Sealer::NONCE];
        self.0.random.fill(&mut nonce);
        if let Ok(bytes) = serde_json::to_vec(token) {
            let sealed = self.sealer().seal(nonce, &bytes);
            let _ = Self::cell().set(&self.0.store, &sealed).await;
        }
    }

    async fn clear(&self) {
        let _ = Self::cell().delete(&self.0.store).await;
    }
}
