//! Tokens that were verified before: a signature costs more than all the rest of a small request.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use spinreel_identity::{LEEWAY_SECONDS, Trusted, User};
use spinreel_ledger::Cell;
use spinreel_platform::{Clock, is_fresh};
use subtle::ConstantTimeEq as _;

use crate::context::Context;

/// Places for tokens; each token has one, that it shares with others.
const PLACES: u16 = 512;
/// How long a token keeps its place against others, in milliseconds: so that two that share one cause a write now and
/// then, not one a request.
const KEPT_MS: u64 = 10_000;

/// A token that was good. The token itself is not kept.
#[derive(Serialize, Deserialize)]
struct Verified {
    /// SHA-256 of the token, in base64url.
    digest: String,
    /// The key that it is signed with.
    kid: String,
    at_ms: u64,
    user: User,
}

/// A token's place.
pub(super) struct Place {
    digest: String,
    cell: Cell<Verified>,
}

impl Place {
    /// That of `token`.
    pub(super) fn of(context: &Context, token: &str) -> Self {
        let digest = Sha256::digest(token);
        let number = u16::from_le_bytes([digest[0], digest[1]]) % PLACES;
        Self {
            digest: URL_SAFE_NO_PAD.encode(digest),
            cell: Cell::new(format!("{}token/{number}", context.service.prefix)),
        }
    }

    /// Whom the token names, where it was verified before and has not expired, and its key is still trusted; and whether
    /// the place may be taken.
    pub(super) async fn look(&self, context: &Context, trusted: &Trusted) -> (Option<User>, bool) {
        // What cannot be read is as good as nothing.
        let Ok(Some(found)) = self.cell.get(&context.store).await else {
            return (None, true);
        };
        let now_ms = context.clock.now_ms();
        let is_same: bool = found.digest.as_bytes().ct_eq(self.digest.as_bytes()).into();
        let lives = found.user.expires_at_s + LEEWAY_SECONDS > now_ms / 1_000;
        if is_same && lives && trusted.keys.find(&found.kid).is_some() {
            return (Some(found.user), false);
        }
        (None, is_same || !is_fresh(found.at_ms, now_ms, KEPT_MS))
    }

    /// Remembers the token, when the client has its answer.
    pub(super) fn take(self, context: &Rc<Context>, kid: String, user: &User) {
        let verified = Verified {
            digest: self.digest,
            kid,
            at_ms: context.clock.now_ms(),
            user: user.clone(),
        };
        let after = Rc::clone(context);
        context.after_answer(async move {
            // One that is not remembered is verified again.
            let _ = self.cell.set(&after.store, &verified).await;
        });
    }
}
