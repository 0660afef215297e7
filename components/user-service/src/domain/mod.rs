//! What the service knows, without HTTP and without WASI.
//!
//! # Layout
//! - [`validation`]: what an e-mail address, a username and a password may be.
//! - [`names`]: names that at most one account has.
//! - [`accounts`]: account records and registration; [`changes`]: their changes, one at a time.
//! - [`password_change`]: a user changes the own password. [`departure`]: a user goes, with everything that is kept.
//! - [`directory`]: the list of all accounts. [`administration`]: what admins change.
//! - [`peers`]: the other services.
//! - [`passwords`], [`common_passwords`]: Argon2id.
//! - [`attempts`]: how often a password may be guessed.
//! - [`login`]: from an address and a password to an account; the first admin.
//! - [`sessions`]: what a user is signed in with. [`refresh_token`], [`rotation`]: its tokens, each good for one use.
//! - [`standing`]: what an access token is good for at this moment.
//! - [`revocations`]: whose access tokens were revoked lately.
//! - [`keys`]: the keys that sign access tokens.

pub(crate) mod accounts;
pub(crate) mod administration;
pub(crate) mod attempts;
pub(crate) mod changes;
pub(crate) mod common_passwords;
pub(crate) mod departure;
pub(crate) mod directory;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod names;
pub(crate) mod password_change;
pub(crate) mod passwords;
pub(crate) mod peers;
pub(crate) mod refresh_token;
pub(crate) mod revocations;
pub(crate) mod rotation;
pub(crate) mod sessions;
pub(crate) mod standing;
pub(crate) mod validation;

#[cfg(test)]
mod costs;

#[cfg(test)]
pub(crate) mod interleaving;
