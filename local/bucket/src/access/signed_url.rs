//! V4 signed URLs: the credential is a signature in the query, over everything else that counts
//! (<https://cloud.google.com/storage/docs/authentication/canonical-requests>,
//! <https://cloud.google.com/storage/docs/authentication/signatures>).

use hmac::Mac;
use http::{HeaderMap, HeaderName, StatusCode, header};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::Account;
use super::key::hex;
use super::token::mac;
use crate::context::Context;
use crate::error::ApiError;
use crate::object::encode_segment;
use crate::query::Query;

/// The longest that a URL can be valid: seven days, in seconds.
const LONGEST: u64 = 604_800;

/// How far the signer's clock may be ahead of this one, in seconds.
const LEEWAY: u64 = 15 * 60;

/// The parameter that is not signed.
const SIGNATURE: &str = "X-Goog-Signature";

/// How a URL is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Rsa,
    Hmac,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Algorithm::Rsa => "GOOG4-RSA-SHA256",
            Algorithm::Hmac => "GOOG4-HMAC-SHA256",
        }
    }
}

/// What a signed URL says of its signature.
struct Claims<'a> {
    algorithm: Algorithm,
    /// The account or the HMAC key.
    signer: &'a str,
    /// `date/location/storage/goog4_request`.
    scope: &'a str,
    /// `YYYYMMDDTHHMMSSZ`.
    date: &'a str,
    /// In seconds since 1970.
    signed_at: u64,
    /// In seconds.
    lifetime: u64,
    /// Lower-case names, in their order, with semicolons between.
    headers: &'a str,
    signature: Vec<u8>,
}

/// Whether a request means to be signed.
pub(super) fn is_signed(query: &Query) -> bool {
    query.text(SIGNATURE).is_some() || query.text("X-Goog-Algorithm").is_some()
}

/// Checks the signature of a request. `now` is in seconds since 1970.
///
/// # Errors
/// 400 for parameters that cannot be, for headers that are signed and missing or the other way round, and
/// for a URL that has expired; 403 for a signature that does not hold.
pub(super) fn check(account: &Account, context: &Context, now: u64) -> Result<(), ApiError> {
    let claims = Claims::read(&context.query)?;
    let host = context.headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let canonical = canonical_request(context, claims.headers, host)?;
    let to_sign = claims.string_to_sign(&canonical);
    // Google's own client for Node signs the host without a port.
    let without_port = || {
        let name = host.rsplit_once(':')?.0;
        let canonical = canonical_request(context, claims.headers, name).ok()?;
        Some(claims.hold(account, &claims.string_to_sign(&canonical)))
    };
    // Of what a stranger signed nothing else is worth an answer.
    if !claims.hold(account, &to_sign) && without_port() != Some(true) {
        return Err(ApiError::signature(&to_sign, &canonical));
    }
    if claims.signed_at > now + LEEWAY {
        return Err(ApiError::skewed());
    }
    if claims.signed_at + claims.lifetime <= now {
        return Err(ApiError::expired());
    }
    Ok(())
}

impl<'a> Claims<'a> {
    fn read(query: &'a Query) -> Result<Claims<'a>, ApiError> {
        let text = |name: &str| query.text(name).ok_or_else(|| ApiError::required(name));
        let algorithm = match text("X-Goog-Algorithm")? {
            "GOOG4-RSA-SHA256" => Algorithm::Rsa,
            "GOOG4-HMAC-SHA256" => Algorithm::Hmac,
            _ => return Err(invalid("X-Goog-Algorithm")),
        };
        let date = text("X-Goog-Date")?;
        let signed_at = seconds(date).ok_or_else(|| invalid("X-Goog-Date"))?;
        let (signer, scope) = text("X-Goog-Credential")?
            .split_once('/')
            .filter(|(_, scope)| is_scope(scope, date))
            .ok_or_else(|| invalid("X-Goog-Credential"))?;
        let lifetime = query.number("X-Goog-Expires")?;
        let lifetime = lifetime.ok_or_else(|| ApiError::required("X-Goog-Expires"))?;
        if !(1..=LONGEST).contains(&lifetime) {
            return Err(invalid("X-Goog-Expires"));
        }
        let headers = text("X-Goog-SignedHeaders")?;
        let names: Vec<&str> = headers.split(';').collect();
        if !names.contains(&"host") || !names.is_sorted_by(|one, next| one < next) {
            return Err(invalid("X-Goog-SignedHeaders"));
        }
        Ok(Claims {
            algorithm,
            signer,
            scope,
            date,
            signed_at,
            lifetime,
            headers,
            signature: unhex(text(SIGNATURE)?).ok_or_else(|| invalid(SIGNATURE))?,
        })
    }

    fn string_to_sign(&self, canonical_request: &str) -> String {
        let (algorithm, date, scope) = (self.algorithm.name(), self.date, self.scope);
        let digest = hex(&Sha256::digest(canonical_request));
        format!("{algorithm}\n{date}\n{scope}\n{digest}")
    }

    /// Whether the signature is the account's, of this string.
    fn hold(&self, account: &Account, to_sign: &str) -> bool {
        match self.algorithm {
            Algorithm::Rsa => {
                self.signer == account.key.email
                    && account.key.has_signed(to_sign.as_bytes(), &self.signature)
            }
            Algorithm::Hmac => {
                let mut key = format!("GOOG4{}", account.hmac.secret).into_bytes();
                for part in self.scope.split('/') {
                    key = mac(&key, part.as_bytes()).finalize().into_bytes().to_vec();
                }
                // Compares in constant time.
                self.signer == account.hmac.access_id
                    && mac(&key, to_sign.as_bytes())
                        .verify_slice(&self.signature)
                        .is_ok()
            }
        }
    }
}

/// `date/location/storage/goog4_request`, with the day of `date` and any location.
fn is_scope(scope: &str, date: &str) -> bool {
    let parts: Vec<&str> = scope.split('/').collect();
    matches!(parts.as_slice(), [day, location, "storage", "goog4_request"]
        if date.get(..8) == Some(*day) && !location.is_empty())
}

/// The request as both sides write it down: method, path, query, headers, their names, hash of the body.
fn canonical_request(context: &Context, signed: &str, host: &str) -> Result<String, ApiError> {
    let (method, path) = (&context.method, canonical_path(&context.path));
    let query = canonical_query(&context.query);
    let headers = canonical_headers(&context.headers, signed, host)?;
    let body = context
        .headers
        .get("x-goog-content-sha256")
        .filter(|_| {
            signed
                .split(';')
                .any(|name| name == "x-goog-content-sha256")
        })
        .and_then(|hash| hash.to_str().ok())
        .unwrap_or("UNSIGNED-PAYLOAD");
    Ok(format!(
        "{method}\n{path}\n{query}\n{headers}\n{signed}\n{body}"
    ))
}

/// Every segment in the one form of percent-encoding that signers use, whichever came over the wire.
fn canonical_path(path: &str) -> String {
    let segments = path.split('/').map(|segment| {
        let decoded: Vec<u8> = percent_decode_str(segment).collect();
        // A path that is not UTF-8 was refused before.
        encode_segment(&String::from_utf8_lossy(&decoded))
    });
    segments.collect::<Vec<_>>().join("/")
}

fn canonical_query(query: &Query) -> String {
    let mut pairs: Vec<_> = query
        .pairs()
        .filter(|(name, _)| *name != SIGNATURE)
        .map(|(name, value)| (encode_segment(name), encode_segment(value)))
        .collect();
    pairs.sort();
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join("&")
}

/// The signed headers, `name:value` a line. All that Google's services would act upon must be among them.
fn canonical_headers(headers: &HeaderMap, signed: &str, host: &str) -> Result<String, ApiError> {
    let is_signed = |wanted: &HeaderName| signed.split(';').any(|name| name == wanted.as_str());
    for name in headers.keys() {
        if name.as_str().starts_with("x-goog-") && !is_signed(name) {
            return Err(ApiError::malformed_header(
                name.as_str(),
                "The header is sent, but not signed.",
            ));
        }
    }
    let mut lines = String::new();
    for name in signed.split(';') {
        if name == header::HOST.as_str() {
            lines += &format!("host:{host}\n");
            continue;
        }
        let values: Vec<String> = headers
            .get_all(name)
            .iter()
            .map(|value| {
                let value = String::from_utf8_lossy(value.as_bytes());
                value.split_whitespace().collect::<Vec<_>>().join(" ")
            })
            .collect();
        if values.is_empty() {
            return Err(ApiError::malformed_header(
                name,
                "The header is signed, but not sent.",
            ));
        }
        lines += &format!("{name}:{}\n", values.join(","));
    }
    Ok(lines)
}

fn seconds(date: &str) -> Option<u64> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let date = PrimitiveDateTime::parse(date, format).ok()?.assume_utc();
    (date - OffsetDateTime::UNIX_EPOCH)
        .whole_seconds()
        .try_into()
        .ok()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0 && !digits.is_empty())?;
    Some(
        digits
            .chunks(2)
            .map(|pair| (pair[0] * 16 + pair[1]) as u8)
            .collect(),
    )
}

fn invalid(parameter: &str) -> ApiError {
    ApiError::invalid(format!("Invalid value for {parameter}."))
}

impl ApiError {
    fn signature(to_sign: &str, canonical: &str) -> ApiError {
        ApiError::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "The signature is not that of this request by this account.",
        )
        .named("SignatureDoesNotMatch")
        .with_detail("StringToSign", to_sign)
        .with_detail("CanonicalRequest", canonical)
    }

    fn expired() -> ApiError {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "invalid",
            "The signed URL has expired.",
        )
        .named("ExpiredToken")
    }

    fn skewed() -> ApiError {
        ApiError::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "The URL is signed in the future.",
        )
        .named("RequestTimeTooSkewed")
    }

    fn malformed_header(name: &str, message: &str) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid", message)
            .named("MalformedSecurityHeader")
            .with_detail("ParameterName", name)
    }
}

#[cfg(test)]
mod tests;
