//! A client's side of signatures: assertions for tokens, and V4 signed URLs.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::signature::{SignatureEncoding, Signer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::support::TestBucket;

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The members of the bucket's key.
pub(crate) fn account(bucket: &TestBucket) -> Value {
    serde_json::from_str(bucket.bucket().service_account_key().unwrap()).unwrap()
}

pub(crate) fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

fn rsa(key: &Value, message: &[u8]) -> Vec<u8> {
    let private = RsaPrivateKey::from_pkcs8_pem(key["private_key"].as_str().unwrap()).unwrap();
    SigningKey::<Sha256>::new(private).sign(message).to_vec()
}

/// An assertion with these claims changed.
pub(crate) fn assertion(bucket: &TestBucket, changes: Value) -> String {
    let key = account(bucket);
    let mut claims = json!({
        "iss": key["client_email"],
        "aud": key["token_uri"],
        "scope": "https://www.googleapis.com/auth/devstorage.full_control",
        "iat": now(),
        "exp": now() + 3600,
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": key["private_key_id"]});
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(rsa(&key, signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// A request that is to be signed.
pub(crate) struct ToSign<'a> {
    pub(crate) method: &'a str,
    /// Percent-encoded.
    pub(crate) path: &'a str,
    /// Further parameters.
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// Further headers beside `host`.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    /// In seconds since 1970.
    pub(crate) at: i64,
    /// In seconds.
    pub(crate) expires: u64,
    pub(crate) hmac: bool,
}

impl<'a> ToSign<'a> {
    /// A request that is valid for a minute from now on.
    pub(crate) fn new(method: &'a str, path: &'a str) -> ToSign<'a> {
        ToSign {
            method,
            path,
            query: &[],
            headers: &[],
            at: now(),
            expires: 60,
            hmac: false,
        }
    }

    /// The path and query, signed for this bucket.
    pub(crate) fn sign(&self, bucket: &TestBucket) -> String {
        self.sign_for(bucket, &bucket.address().to_string())
    }

    /// The path and query, signed for this bucket as it is called by `host`.
    pub(crate) fn sign_for(&self, bucket: &TestBucket, host: &str) -> String {
        let key = account(bucket);
        let at = OffsetDateTime::from_unix_timestamp(self.at).unwrap();
        let format = format_description!("[year][month][day]T[hour][minute][second]Z");
        let date = at.format(format).unwrap();
        let day = &date[..8];
        let (algorithm, signer) = if self.hmac {
            let key = bucket.bucket().hmac_key().unwrap();
            ("GOOG4-HMAC-SHA256", key.access_id.as_str())
        } else {
            ("GOOG4-RSA-SHA256", key["client_email"].as_str().unwrap())
        };
        let scope = format!("{day}/auto/storage/goog4_request");
        let mut headers = [self.headers, &[("host", host)]].concat();
        headers.sort_unstable();
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let encode = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
        let mut pairs: Vec<(String, String)> = self
            .query
            .iter()
            .map(|(name, value)| (encode(name), encode(value)))
            .chain([
                ("X-Goog-Algorithm".to_owned(), algorithm.to_owned()),
                (
                    "X-Goog-Credential".to_owned(),
                    encode(&format!("{signer}/{scope}")),
                ),
                ("X-Goog-Date".to_owned(), date.clone()),
                ("X-Goog-Expires".to_owned(), self.expires.to_string()),
                ("X-Goog-SignedHeaders".to_owned(), encode(&names)),
            ])
            .collect();
        pairs.sort();
        let query: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let query = query.join("&");
        let lines: Vec<String> = headers.iter().map(|(k, v)| format!("{k}:{v}\n")).collect();
        let headers = lines.concat();
        let (method, path) = (self.method, self.path);
        let canonical = format!("{method}\n{path}\n{query}\n{headers}\n{names}\nUNSIGNED-PAYLOAD");
        let digest = hex(&Sha256::digest(canonical));
        let to_sign = format!("{algorithm}\n{date}\n{scope}\n{digest}");
        let signature = if self.hmac {
            let secret = &bucket.bucket().hmac_key().unwrap().secret;
            let mut key = format!("GOOG4{secret}").into_bytes();
            for part in scope.split('/') {
                key = mac(&key, part);
            }
            mac(&key, &to_sign)
        } else {
            rsa(&key, to_sign.as_bytes())
        };
        format!("{path}?{query}&X-Goog-Signature={}", hex(&signature))
    }
}

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
