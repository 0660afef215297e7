//! What the service knows, without HTTP and without WASI.
//!
//! # Layout
//! - [`validation`]: what an e-mail address, a username and a password may be. [`unicode`]: texts in one form.
//! - [`names`]: names that at most one account has.
//! - [`accounts`]: account records and registration; [`changes`]: their changes, one at a time.
//! - [`password_change`]: a user changes the own password. [`departure`]: a user goes, with everything that is kept.
//! - [`directory`]: the list of all accounts. [`administration`]: what admins change.
//! - [`peers`]: the other services.
//! - [`passwords`], [`common_passwords`]: Argon2id.
//! - [`attempts`], [`guesses`], [`failures`]: how often passwords may be guessed, and accounts be made. [`device`]: clients that are known.
//! - [`hashing`]: how many passwords may be hashed. [`keyed`]: what only this installation can compute.
//! - [`login`]: from an address and a password to an account; the first admin.
//! - [`sessions`], [`endings`]: what a user is signed in with. [`refresh_token`], [`rotation`]: its tokens, each good for one use.
//! - [`resets`]: forgotten passwords. [`reset_deliveries`]: their tokens on the way to the webhook.
//! - [`standing`]: what an access token is good for at this moment.
//! - [`revocations`]: whose access tokens were revoked lately.
//! - [`keys`]: the keys that sign access tokens.
//!
//! # What costs what
//! In calls of the store, with everything after the answer: `costs` counts them. Writes are what is dear.
//!
//! | | reads | writes |
//! |---|---|---|
//! | a registration: a count for the client, the hash's, two claims of names, a number, the account with all that belongs to it | 16 | 6 |
//! | a sign-in: the hash's count, a number, the session | 27 | 3 |
//! | – from a known device | 19 | 3 |
//! | – where it ends the oldest of too many sessions; every eighth of these | 28; 35 | 1 more; 2 more |
//! | a sign-in that fails: the hash's count, one for the client, two for the account | 25 | 4 |
//! | – from a known device: the hash's count, one for the device | 17 | 2 |
//! | – the last free one, or past those; the first in a window past those | 25, 26; 27 | 5; 6 |
//! | – refused before its password is looked at | 3 to 9 | |
//! | a refresh | 8 | 1 |
//! | – the answer once more; a token that was used before | 6; 4 | 0; 2 |
//! | the standing of a session, of one that is older than its first refresh token | 2, 3 | |
//! | the key set | 1 | |
//! | the trust | 2, and 1 for each new revocation | |
//! | a list of n sessions, of n accounts | n + 2 | |
//! | the end of sessions, however many | 1, or all that there are | 2, where one was good |
//! | another password, without or with other sessions that end | 8, and all sessions | 4, 5 |
//! | a request for a token, before and after the answer: two counts; a number, the token with its delivery, what is left of that | 4, 12 | 2, 6 |
//! | a new password by a token | 9, and all sessions | 4, 5 |
//! | a change by an admin; another role, or an account that is shut | 3, and all sessions where it is shut | 3; 4 |
//! | a departure, before and after the answer | | 5, 8 |
//! | a rotation of the keys | 3 to 5 | 3 |
//!
//! All sessions are twice those of a list, and a read: they are looked for once more. Those of lists and of the standing
//! come on top of what the shell reads for every request: the key set and a remembered token.

pub(crate) mod accounts;
pub(crate) mod administration;
pub(crate) mod attempts;
pub(crate) mod changes;
pub(crate) mod common_passwords;
pub(crate) mod departure;
pub(crate) mod device;
pub(crate) mod directory;
pub(crate) mod endings;
pub(crate) mod failures;
pub(crate) mod guesses;
pub(crate) mod hashing;
pub(crate) mod keyed;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod names;
pub(crate) mod password_change;
pub(crate) mod passwords;
pub(crate) mod peers;
pub(crate) mod refresh_token;
pub(crate) mod reset_deliveries;
pub(crate) mod resets;
pub(crate) mod revocations;
pub(crate) mod rotation;
pub(crate) mod sessions;
pub(crate) mod standing;
pub(crate) mod unicode;
pub(crate) mod validation;

#[cfg(test)]
mod costs;

#[cfg(test)]
pub(crate) mod interleaving;
