//! Who may do what: the service account of a strict bucket, its tokens and its signed URLs.

mod assertion;
mod gate;
mod key;
mod metadata_server;
mod signed_url;
mod token;
mod token_endpoint;

use std::fmt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::options::StartError;
use crate::storage::Storage;
use key::ServiceAccountKey;
pub use key::{HmacKey, generate_service_account_key};
pub(crate) use metadata_server::PATH as METADATA_TOKEN_PATH;
pub(crate) use token::Scope;
use token::TokenKey;
pub(crate) use token_endpoint::PATH as TOKEN_PATH;

/// The file of the service account's key.
const ACCOUNT_FILE: &str = "service-account.json";

/// The file of the HMAC key.
const HMAC_FILE: &str = "hmac.json";

/// The file of the secret that tokens are made with, in base64.
const TOKEN_FILE: &str = "token-key";

/// The service account of a strict bucket, and the secrets that its requests are checked against.
pub(crate) struct Account {
    key: ServiceAccountKey,
    hmac: HmacKey,
    tokens: TokenKey,
    /// The token URI in the key.
    token_uri: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Account")
            .field("email", &self.key.email)
            .finish_non_exhaustive()
    }
}

impl Account {
    /// Takes the secrets from the folder, and makes those that are not there yet. A `key` that is given
    /// replaces the one in the folder. `origin` is where this server is, `http://host:port`.
    ///
    /// # Errors
    /// [`StartError::Key`] for a given key that cannot be used, [`StartError::Damaged`] for a file that
    /// cannot, [`StartError::Folder`] for one that cannot be read or written.
    pub(crate) fn open(
        storage: &Storage,
        key: Option<&str>,
        origin: &str,
    ) -> Result<Account, StartError> {
        let token_uri = format!("{origin}{}", token_endpoint::PATH);
        let key = match (key, storage.secret(ACCOUNT_FILE)?) {
            (Some(given), _) => {
                ServiceAccountKey::parse(given, &token_uri).map_err(StartError::Key)?
            }
            (None, Some((path, stored))) => ServiceAccountKey::parse(&stored, &token_uri)
                .map_err(|detail| damaged(&path, detail))?,
            (None, None) => {
                let made = generate_service_account_key()?;
                ServiceAccountKey::parse(&made, &token_uri).map_err(StartError::Key)?
            }
        };
        // Written anew at each start, since the address may be another one.
        storage.keep_secret(ACCOUNT_FILE, &key.json)?;
        Ok(Account {
            key,
            hmac: open_hmac(storage)?,
            tokens: open_tokens(storage)?,
            token_uri,
        })
    }

    /// The key of the service account, as Google's JSON, with this server's token URI.
    pub(crate) fn key_json(&self) -> &str {
        &self.key.json
    }

    /// The key for signed URLs without RSA.
    pub(crate) fn hmac(&self) -> &HmacKey {
        &self.hmac
    }

    /// A new token; `now` is in seconds since 1970.
    pub(crate) fn token(&self, scope: Scope, now: u64) -> String {
        self.tokens.issue(scope, now)
    }
}

fn open_hmac(storage: &Storage) -> Result<HmacKey, StartError> {
    match storage.secret(HMAC_FILE)? {
        Some((path, stored)) => serde_json::from_str(&stored).map_err(|_| {
            damaged(
                &path,
                "it is no JSON object with access_id and secret".to_owned(),
            )
        }),
        None => {
            let made = HmacKey::generate();
            let json =
                serde_json::to_string(&made).map_err(|error| StartError::Key(error.to_string()))?;
            storage.keep_secret(HMAC_FILE, &json)?;
            Ok(made)
        }
    }
}

fn open_tokens(storage: &Storage) -> Result<TokenKey, StartError> {
    match storage.secret(TOKEN_FILE)? {
        Some((path, stored)) => BASE64
            .decode(stored.trim())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(TokenKey)
            .ok_or_else(|| damaged(&path, "it is not the base64 of 32 bytes".to_owned())),
        None => {
            let made = key::random();
            storage.keep_secret(TOKEN_FILE, &BASE64.encode(made))?;
            Ok(TokenKey(made))
        }
    }
}

fn damaged(path: &Path, detail: String) -> StartError {
    StartError::Damaged {
        path: path.to_owned(),
        detail,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::sync::mpsc;

    use super::*;

    fn storage(dir: &Path) -> Storage {
        Storage::open(dir, mpsc::channel(1).0, false).unwrap()
    }

    #[test]
    fn secrets_are_made_once_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let storage = storage(dir.path());
        let first = Account::open(&storage, Some(key::tests::key()), "http://a:1").unwrap();
        let token = first.token(Scope::ReadOnly, 5);
        let second = Account::open(&storage, None, "http://b:2").unwrap();
        assert_eq!(second.key.id, first.key.id);
        assert!(second.key_json().contains("\"http://b:2/token\""));
        assert_eq!(second.hmac().secret, first.hmac().secret);
        assert_eq!(second.tokens.check(&token, 6), Some(Scope::ReadOnly));
        let on_disk = std::fs::read_to_string(dir.path().join(ACCOUNT_FILE)).unwrap();
        assert_eq!(on_disk, second.key_json());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_the_secrets() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let storage = storage(dir.path());
        Account::open(&storage, Some(key::tests::key()), "http://a:1").unwrap();
        for file in [ACCOUNT_FILE, HMAC_FILE, TOKEN_FILE] {
            let mode = std::fs::metadata(dir.path().join(file)).unwrap();
            assert_eq!(mode.permissions().mode() & 0o777, 0o600, "{file}");
        }
    }

    #[test]
    fn secrets_that_are_damaged_stop_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let storage = storage(dir.path());
        let open = || Account::open(&storage, None, "http://a:1").map(drop);
        let with = Account::open(&storage, Some(key::tests::key()), "http://a:1");
        assert!(with.is_ok());
        for file in [ACCOUNT_FILE, HMAC_FILE, TOKEN_FILE] {
            let path = dir.path().join(file);
            let good = std::fs::read(&path).unwrap();
            std::fs::write(&path, "{\"").unwrap();
            let error = open().unwrap_err();
            assert!(
                matches!(&error, StartError::Damaged { path: named, .. } if *named == path),
                "{error}"
            );
            std::fs::write(&path, good).unwrap();
        }
        open().unwrap();
        let broken = Account::open(&storage, Some("{}"), "http://a:1").map(drop);
        assert!(matches!(broken, Err(StartError::Key(_))));
    }
}
