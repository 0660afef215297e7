//! `cargo xtask rotate-keys`: a new key for access tokens.

use anyhow::Result;
use spinreel_api::operations::{RotateKeys, RotatedKeys};

use crate::admin::{Admin, Installation};

#[derive(clap::Args)]
pub(crate) struct RotateArguments {
    #[command(flatten)]
    installation: Installation,
    /// The present key is in wrong hands: the new one is used at once, and all access tokens end. Sessions go on.
    #[arg(long)]
    emergency: bool,
}

/// Makes a key, and says from when on it signs.
pub(crate) async fn rotate(arguments: RotateArguments) -> Result<()> {
    let admin = Admin::sign_in(arguments.installation).await?;
    let request = RotateKeys {
        emergency: arguments.emergency,
    };
    let rotated: RotatedKeys = admin.post("/internal/users/keys/rotate", &request).await?;
    println!("key {} signs from {}", rotated.kid, rotated.active_from);
    Ok(())
}
