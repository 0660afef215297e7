//! How often passwords may be guessed, and accounts be made.
//!
//! Each count has failures that are free; after those, every guess has to wait for a pause since the last failure that
//! doubles with each further one. They keep from guessing only: a session that has begun goes on.
//!
//! # What is counted
//! A guess of somebody unknown counts three times: at the account from this client, so that a stranger is in nobody's way
//! but the own; from the client at all accounts; and at the account from all clients, so that many clients together
//! guess no more. Whoever shows that somebody signed in there before (see [`device`](super::device)) has a count of its
//! own instead, which others cannot reach. Guesses count whether or not anybody has the address.
//!
//! Registrations count at the client, whatever comes of them: each costs a hash, and tells whether an address is taken.
//!
//! Requests for tokens that set a forgotten password count at the client and at the address, whatever comes of them.
//!
//! # Places
//! Addresses, clients and devices share a fixed number of places, so that guessing at random cannot fill the store.
//! Nothing is forgiven at a place: others may share it. A right password forgives only where the count is the account's
//! alone, at guesses at the own password.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use spinreel_ledger::{Cell, Counter};

use super::device::Device;
use super::failures::{Last, State};
use super::keyed::mac;
use super::validation::Email;

/// Failures that cost no pause: at an account from one client, from a known device, at the own password.
pub(crate) const FREE: u64 = 10;
/// Those of a client's address, which many may share; registrations, too.
pub(crate) const FREE_OF_CLIENT: u64 = 100;
/// Those at an account from all unknown clients: the most that NIST SP 800-63B allows one after another. One client alone
/// does not come so far within two windows.
pub(crate) const FREE_OF_ACCOUNT: u64 = 100;
/// Requests for tokens at one account: each is a mail.
pub(crate) const FREE_OF_RESETS: u64 = 5;
/// Characters of a digest that name a place: six bits each, so 262,144 places.
const PLACE_CHARS: usize = 3;

/// What is counted together.
#[derive(Debug)]
pub(crate) struct Attempts {
    prefix: String,
    /// Failures that cost no pause.
    pub(super) free: u64,
    /// Whether a right password forgives the failures before it.
    pub(super) forgives: bool,
}

impl Attempts {
    /// Guesses at sign-ins of somebody unknown, from this client, at this address; `None` where it is none.
    pub(crate) fn of_stranger(
        secret: &str,
        client: Option<&str>,
        email: Option<&Email>,
    ) -> Vec<Self> {
        let network = network(client);
        let mut counts = vec![Self::at_place(secret, "client", &network, FREE_OF_CLIENT)];
        if let Some(email) = email {
            let pair = format!("{} {network}", email.digest());
            counts.push(Self::at_place(secret, "pair", &pair, FREE));
            let account = email.digest();
            counts.push(Self::at_place(secret, "account", account, FREE_OF_ACCOUNT));
        }
        counts
    }

    /// Guesses at sign-ins from a known device.
    pub(crate) fn of_device(secret: &str, device: &Device) -> Self {
        Self::at_place(secret, "device", device.nonce(), FREE)
    }

    /// Registrations from a client.
    pub(crate) fn of_registrations(secret: &str, client: Option<&str>) -> Self {
        Self::at_place(secret, "registration", &network(client), FREE_OF_CLIENT)
    }

    /// Requests for tokens that set a forgotten password, from a client.
    pub(crate) fn of_resets(secret: &str, client: Option<&str>) -> Self {
        Self::at_place(secret, "reset-client", &network(client), FREE_OF_CLIENT)
    }

    /// Those for one address, from whomever.
    pub(crate) fn of_resets_at(secret: &str, email: &Email) -> Self {
        Self::at_place(secret, "reset-account", email.digest(), FREE_OF_RESETS)
    }

    /// A user's guesses at the own password.
    pub(crate) fn at_own(user_id: &str) -> Self {
        Self {
            prefix: format!("users/attempts/own/{user_id}"),
            free: FREE,
            forgives: true,
        }
    }

    fn at_place(secret: &str, kind: &str, what: &str, free: u64) -> Self {
        Self {
            prefix: place(secret, kind, what),
            free,
            forgives: false,
        }
    }

    /// All keys of a count.
    pub(crate) fn keys(&self) -> [String; 3] {
        ["state", "last", "failed"].map(|name| format!("{}/{name}", self.prefix))
    }

    pub(super) fn state(&self) -> Cell<State> {
        Cell::new(format!("{}/state", self.prefix))
    }

    pub(super) fn last(&self) -> Cell<Last> {
        Cell::new(format!("{}/last", self.prefix))
    }

    pub(super) fn counter(&self) -> Counter {
        Counter::new(format!("{}/failed", self.prefix))
    }
}

/// What of a client's address is one client: of IPv6 the network (/64), which one has as a whole. Those who are not known
/// count together.
fn network(address: Option<&str>) -> String {
    let address = address.unwrap_or("unknown");
    match address.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V6(ip)) => format!("{:x}/64", ip.to_bits() >> 64),
        Ok(IpAddr::V4(ip)) => ip.to_string(),
        Err(_) => address.to_owned(),
    }
}

/// The prefix of the place that something shares with others. Nobody knows which those are who does not have the secret.
fn place(secret: &str, kind: &str, what: &str) -> String {
    let digest = URL_SAFE_NO_PAD.encode(mac(secret, &format!("attempts {kind} {what}")));
    let place: String = digest.chars().take(PLACE_CHARS).collect();
    format!("users/attempts/{kind}/{place}")
}

#[cfg(test)]
#[path = "attempts_tests.rs"]
mod tests;
