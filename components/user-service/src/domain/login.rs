//! From an address and a password to an account; and the first admin.

use spinreel_api::accounts::{Credentials, Role};
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, Random, Store};
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use super::accounts::{self, Account, ChangeError, NewAccount, RegisterError};
use super::attempts::Attempts;
use super::device::Device;
use super::guesses::{Guess, Pause};
use super::hashing::{self, Who};
use super::passwords::{self, HashError};
use super::unicode;
use super::validation::{Email, password_fault};

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
        if !Self::may_have_password(password) {
            return Err(InvalidFirstAdmin::Password);
        }
        Ok(Some(Self {
            email,
            password: unicode::password(password),
        }))
    }

    /// Whether the variable `admin_email` may be this.
    pub(crate) fn may_have_address(text: &str) -> bool {
        text.is_empty() || Email::parse(text).is_some()
    }

    /// Whether the variable `admin_password` may be this: nothing, or what anybody's password may be.
    pub(crate) fn may_have_password(text: &str) -> bool {
        text.is_empty() || password_fault(text, "", ADMIN_USERNAME).is_none()
    }

    /// Whether this is the admin's address, in whatever spelling. Nobody may register it.
    pub(crate) fn has_address(&self, email: &Email) -> bool {
        self.email.digest() == email.digest()
    }

    fn has_password(&self, password: &str) -> bool {
        let password = unicode::password(password);
        self.password.as_bytes().ct_eq(password.as_bytes()).into()
    }
}

/// Why the variables name no admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum InvalidFirstAdmin {
    /// No e-mail address.
    #[error("the variable admin_email is no e-mail address")]
    Email,
    /// Not what a password may be.
    #[error("the variable admin_password is too short, too long or too easy to guess")]
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
    /// The password is right, and an admin has shut the account.
    #[error("the account is disabled")]
    Disabled {
        /// Whose account.
        user_id: String,
    },
    /// Too many wrong guesses, at this account or from this client.
    #[error("there were too many attempts")]
    TooMany(Pause),
    /// As many passwords are hashed as may be at once.
    #[error("too many sign in at once")]
    Crowded,
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
    /// For the places where guesses are [counted](Attempts), and for [devices](Device).
    pub(crate) secret: &'a str,
    /// Where the client is, as far as that is known.
    pub(crate) client_address: Option<&'a str>,
    /// The values that it shows to be a known [`Device`].
    pub(crate) shown_devices: &'a [&'a str],
    /// See [`hashing::may_begin`].
    pub(crate) hashes_per_second: u64,
    /// The id of the first admin's account, should it be made.
    pub(crate) new_id: String,
}

/// Whom a right password opens a door to.
enum Known<'a> {
    Account(Account),
    /// The first admin, who has no account yet.
    FirstAdmin(&'a FirstAdmin),
}

/// The account with this address and this password. An unknown address is refused in the same words after the same
/// work as a wrong password. A right password costs a write, a wrong one 4, or 2 from a known device; see [`Guess`].
///
/// All that is dear, the hashing of a password, is between the beginning of the guess and its end.
pub(crate) async fn login<S: Store, C: Clock, R: Random>(
    world: World<'_, S, C, R>,
    credentials: &Credentials,
) -> Result<Account, LoginError> {
    let World { store, clock, .. } = world;
    let email = Email::parse(&credentials.email);
    let shown = world.shown_devices.iter().copied();
    let device = email
        .as_ref()
        .and_then(|email| Device::known(world.secret, clock, email, shown));
    let (who, attempts) = match &device {
        Some(device) => (Who::Known, vec![Attempts::of_device(world.secret, device)]),
        None => (
            Who::Stranger,
            Attempts::of_stranger(world.secret, world.client_address, email.as_ref()),
        ),
    };
    let guess = Guess::begin(store, clock, attempts).await?;
    let guess = guess.map_err(LoginError::TooMany)?;
    if !hashing::may_begin(store, clock, who, world.hashes_per_second).await? {
        return Err(LoginError::Crowded);
    }
    let known = check(&world, email.as_ref(), &credentials.password).await;
    let told = match &known {
        Ok(_) | Err(LoginError::Disabled { .. }) => guess.right(store, clock).await?,
        Err(LoginError::Invalid { .. }) => guess.wrong(store, clock).await?,
        Err(_) => Ok(()),
    };
    told.map_err(LoginError::TooMany)?;
    match known? {
        Known::Account(account) => Ok(with_new_hash(&world, account, &credentials.password).await),
        Known::FirstAdmin(admin) => make_first_admin(&world, admin).await,
    }
}

async fn check<'a, S: Store, C: Clock, R: Random>(
    world: &World<'a, S, C, R>,
    email: Option<&Email>,
    password: &str,
) -> Result<Known<'a>, LoginError> {
    let nobody = LoginError::Invalid { user_id: None };
    let Some(email) = email else {
        passwords::verify_nobody(password);
        return Err(nobody);
    };
    let Some(account) = accounts::find_by_email(world.store, email).await? else {
        if let Some(admin) = world.first_admin
            && admin.has_address(email)
            && admin.has_password(password)
        {
            return Ok(Known::FirstAdmin(admin));
        }
        passwords::verify_nobody(password);
        return Err(nobody);
    };
    let is_right = passwords::verify(password, &account.password_hash);
    if account.leaving_since.is_some() {
        return Err(nobody);
    }
    let user_id = account.id.clone();
    if !is_right {
        let user_id = Some(user_id);
        return Err(LoginError::Invalid { user_id });
    }
    if !account.is_open() {
        return Err(LoginError::Disabled { user_id });
    }
    Ok(Known::Account(account))
}

/// The account, with its password hashed anew where that was done in another way than now.
async fn with_new_hash<S: Store, C: Clock, R: Random>(
    world: &World<'_, S, C, R>,
    mut account: Account,
    password: &str,
) -> Account {
    if passwords::is_outdated(&account.password_hash)
        && let Ok(hash) = passwords::hash(password, world.random)
    {
        // Where it fails the old one is good still, and the next sign-in tries again.
        let _ = renew_hash(world.store, world.clock, &account, &hash).await;
        account.password_hash = hash;
    }
    account
}

/// Replaces an account's hash by another one of the same password, where it is still the one that is known.
async fn renew_hash(
    store: &impl Store,
    clock: &impl Clock,
    known: &Account,
    hash: &str,
) -> Result<(), ChangeError> {
    accounts::change(store, clock, &known.id, async |account: &mut Account| {
        if account.password_hash == known.password_hash {
            hash.clone_into(&mut account.password_hash);
        }
        Ok::<_, ChangeError>(())
    })
    .await
    .map(drop)
}

/// Whether a password still opens an account that it opened a moment ago. To be asked when a session has begun: whoever
/// changes the password, or shuts the account, ends the sessions after it, and may not have seen this one.
pub(crate) async fn still_opens(
    store: &impl Store,
    account: &Account,
    password: &str,
) -> Result<bool, LedgerError> {
    let now = accounts::find(store, &account.id).await?;
    Ok(now.is_some_and(|now| {
        now.is_open()
            && (now.password_hash == account.password_hash
                // Another sign-in may have hashed the same one anew.
                || passwords::verify(password, &now.password_hash))
    }))
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
