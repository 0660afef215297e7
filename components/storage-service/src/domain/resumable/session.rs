//! The bucket's session of an upload, sealed: who reads the store cannot write to the bucket.

use spinreel_gcs::{ResumableSession, TokenCache};
use spinreel_identity::Sealer;
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::Rules;
use crate::domain::peers::Peers;
use crate::domain::record::{Resumable, UserFiles};
use crate::domain::storage::Storage;

/// The purpose of the sealer.
const SEALED_FOR: &str = "upload session";

impl Rules {
    fn sealer(&self) -> Sealer {
        Sealer::new(&self.secret, SEALED_FOR)
    }
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// A session as it may be stored; empty where it cannot be written, and then it cannot be opened.
    pub(super) fn seal_session(&self, session: &ResumableSession) -> String {
        let mut nonce = [0; Sealer::NONCE];
        self.bucket.random().fill(&mut nonce);
        let bytes = serde_json::to_vec(session).unwrap_or_default();
        self.resumable.sealer().seal(nonce, &bytes)
    }

    /// The session of an upload; `None` where it was sealed under another secret.
    pub(super) fn open_session(&self, upload: &Resumable) -> Option<ResumableSession> {
        let sealed = upload.session.as_deref()?;
        let bytes = self.resumable.sealer().open(sealed)?;
        serde_json::from_slice(&bytes).ok()
    }

    /// The session of an upload that takes bytes.
    pub(super) fn session_of(
        &self,
        files: &UserFiles,
        number: u64,
        upload: &Resumable,
    ) -> Result<ResumableSession, LedgerError> {
        self.open_session(upload)
            .ok_or_else(|| LedgerError::Corrupt {
                key: files.record(number).key().to_owned(),
                reason: "the session was sealed under another secret".to_owned(),
            })
    }
}
