//! From an address and a password to an account; and the first admin.

use spinreel_api::accounts::{Credentials, Role};
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, Random, Store};
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use super::accounts::{self, Account, NewAccount, RegisterError};
use super::attempts::Attempts;
use super::passwords::{self, HashError};
use super::validation::Email;

/// The first admin's username; a later first admin (another address) gets a suffix.
const ADMIN_USERNAME: &str = "admin";
/// Random bytes of that suffix.
const SUFFIX_BYTES: usize = 4;

/// The admin that the application's variables name.
pub(crate) struct FirstAdmin {
    email: Email,
    password: String,
}

impl FirstAdmin {
    /// From the variables; `None` where one of them is empty, an error where they cannot make an account.
    pub(crate) fn new(email: &str, password: &str) -> Result<Option<Self>, InvalidFirstAdmin> {
        if email.is_empty() || password.is_empty() {
            return Ok(None);
        }
        let email = Email::parse(email).ok_or(InvalidFirstAdmin::Email)?;
        if !(8..=256).contains(&password.chars().count()) {
            return Err(InvalidFirstAdmin::Password);
        }
        Ok(Some(Self {
            email,
            password: password.to_owned(),
        }))
    }

    /// Whether this is the admin's address, in whatever spelling. Nobody may register it.
    pub(crate) fn has_address(&self, email: &Email) -> bool {
        self.email.digest() == email.digest()
    }

    fn has_password(&self, password: &str) -> bool {
        self.password.as_bytes().ct_eq(password.as_bytes()).into()
    }
}

/// Why the variables name no admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum InvalidFirstAdmin {
    /// No e-mail address.
    #[error("the variable admin_email is no e-mail address")]
    Email,
    /// Too short or too long.
    #[error("the variable admin_password has not 8 to 256 characters")]
    Password,
}

/// Why nobody is logged in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum LoginError {
    /// The address is nobody's, or the password is wrong.
    #[error("the address or the password is wrong")]
    Invalid {
        /// Whose password was guessed; `None` where the address is nobody's.
        user_id: Option<String>,
    },
    /// Too many wrong guesses.
    #[error("there were too many attempts")]
    TooMany {
        /// Seconds until the next may be made.
        wait_s: u64,
    },
    /// The first admin's account could not be made.
    #[error("the first admin's account could not be made: {0}")]
    FirstAdmin(RegisterError),
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What a login needs of the world.
pub(crate) struct World<'a, S, C, R> {
    pub(crate) store: &'a S,
    pub(crate) clock: &'a C,
    pub(crate) random: &'a R,
    pub(crate) first_admin: Option<&'a FirstAdmin>,
    /// The id of the first admin's account, should it be made.
    pub(crate) new_id: String,
}

/// The account with this address and this password. An unknown address is refused in the same words after the same
/// work as a wrong password.
pub(crate) async fn login<S: Store, C: Clock, R: Random>(
    world: World<'_, S, C, R>,
    credentials: &Credentials,
) -> Result<Account, LoginError> {
    let password = &credentials.password;
    let Some(email) = Email::parse(&credentials.email) else {
        passwords::verify_nobody(password);
        return Err(LoginError::Invalid { user_id: None });
    };
    let attempts = Attempts::of(&email, world.clock);
    if let Some(wait_s) = attempts.wait_seconds(world.store).await? {
        return Err(LoginError::TooMany { wait_s });
    }
    let user_id = match accounts::find_by_email(world.store, &email).await? {
        Some(account) => {
            if passwords::verify(password, &account.password_hash) {
                return Ok(account);
            }
            Some(account.id)
        }
        None => {
            if let Some(admin) = world.first_admin
                && admin.has_address(&email)
                && admin.has_password(password)
            {
                return make_first_admin(&world, admin).await;
            }
            passwords::verify_nobody(password);
            None
        }
    };
    attempts.count_failure(world.store).await?;
    Err(LoginError::Invalid { user_id })
}

async fn make_first_admin<S: Store, C: Clock, R: Random>(
    world: &World<'_, S, C, R>,
    admin: &FirstAdmin,
) -> Result<Account, LoginError> {
    let mut new = NewAccount {
        id: world.new_id.clone(),
        email: admin.email.clone(),
        username: ADMIN_USERNAME.to_owned(),
        role: Role::Admin,
        password_hash: passwords::hash(&admin.password, world.random)?,
    };
    match accounts::register(world.store, world.clock, new.clone()).await {
        Err(RegisterError::UsernameTaken) => {
            let mut suffix = [0; SUFFIX_BYTES];
            world.random.fill(&mut suffix);
            new.username = format!("{ADMIN_USERNAME}-{:08x}", u32::from_be_bytes(suffix));
            accounts::register(world.store, world.clock, new).await
        }
        outcome => outcome,
    }
    .map_err(LoginError::FirstAdmin)
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
