//! What only this installation can compute.

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

/// HMAC-SHA256 of a text under the secret of the services. The text begins with what it is for.
pub(crate) fn mac(secret: &str, text: &str) -> [u8; 32] {
    // A key that is shorter than a block is the block that it begins.
    let key = Sha256::digest(secret);
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(&key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}
