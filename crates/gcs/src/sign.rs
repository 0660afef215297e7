use std::collections::BTreeMap;
use std::fmt;

use http::Method;
use sha2::{Digest as _, Sha256};
use spinreel_platform::Random;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::credentials::CredentialsError;
use crate::encode::{component, path};
use crate::endpoint::{self, Endpoint};
use crate::error::Error;
use crate::object::check_name;

mod key;

use key::hex;
pub use key::{HmacKey, SigningKey};

/// The longest that a signed URL can be good, in seconds: 7 days
/// (<https://cloud.google.com/storage/docs/access-control/signed-urls#limitations>).
pub const LONGEST_EXPIRY_S: u32 = 7 * 24 * 60 * 60;

/// What ends the scope of a signature, behind its date.
const SCOPE: [&str; 3] = ["auto", "storage", "goog4_request"];
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");
/// How many characters of [`TIME`] are the date.
const DATE_LENGTH: usize = 8;
/// The query parameters that a signature consists of, in lower case.
const RESERVED: [&str; 6] = [
    "x-goog-algorithm",
    "x-goog-credential",
    "x-goog-date",
    "x-goog-expires",
    "x-goog-signature",
    "x-goog-signedheaders",
];

/// What a signed URL permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlToSign {
    /// The only method that it permits. A `POST` with the header `x-goog-resumable: start` starts an upload.
    pub method: Method,
    /// The object's name; `None`: the bucket itself.
    pub object: Option<String>,
    /// How long it is good, in seconds, from 1 to [`LONGEST_EXPIRY_S`].
    pub expires_s: u32,
    /// What the URL looks like.
    pub style: UrlStyle,
    /// Headers that a request must have with exactly these values, such as `content-type`,
    /// `x-goog-content-length-range` or `x-goog-if-generation-match`. Several of one name become one, with commas.
    pub headers: Vec<(String, String)>,
    /// Query parameters that become part of the URL, such as `generation` or `response-content-disposition`.
    pub query: Vec<(String, String)>,
}

impl UrlToSign {
    /// Permits to read an object, for `expires_s` seconds.
    pub fn read(object: impl Into<String>, expires_s: u32) -> Self {
        Self {
            method: Method::GET,
            object: Some(object.into()),
            expires_s,
            style: UrlStyle::Path,
            headers: Vec::new(),
            query: Vec::new(),
        }
    }
}

/// Where a URL names the bucket (<https://cloud.google.com/storage/docs/request-endpoints#xml-api>).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum UrlStyle {
    /// In its path: `https://storage.googleapis.com/BUCKET/OBJECT`.
    #[default]
    Path,
    /// In its host: `https://BUCKET.storage.googleapis.com/OBJECT`.
    VirtualHosted,
    /// Nowhere, since the host is the bucket's own.
    BucketBound {
        /// Such as `https://videos.example.org`.
        origin: String,
    },
}

/// A URL that opens something to whoever has it: `Debug` shows no signature.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedUrl(String);

impl SignedUrl {
    /// The whole URL, for its receiver and nobody else.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The whole URL, for its receiver and nobody else.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Debug for SignedUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.0.split('?').next().unwrap_or_default();
        write!(formatter, "SignedUrl({open}?…)")
    }
}

/// Signs a URL by <https://cloud.google.com/storage/docs/authentication/signatures>, version 4: for requests to
/// `endpoint` that satisfy `url`, from `now_ms` (milliseconds since the Unix epoch) on.
///
/// # Errors
/// [`Error::InvalidArgument`] if `url` is none that could be asked for; [`Error::Credentials`] if the key cannot sign.
pub fn sign_url(
    endpoint: &Endpoint,
    url: &UrlToSign,
    key: SigningKey<'_>,
    now_ms: u64,
    random: &impl Random,
) -> Result<SignedUrl, Error> {
    let place = Place::of(endpoint, url)?;
    let time = Time::at(now_ms)?;
    Ok(Draft::new(&place, &time, url, key)?.signed(&time, key, random)?)
}

/// Where a signed request goes.
struct Place {
    origin: String,
    /// Percent-encoded.
    path: String,
}

impl Place {
    fn of(endpoint: &Endpoint, url: &UrlToSign) -> Result<Self, Error> {
        if let Some(name) = &url.object {
            check_name(name)?;
        }
        let object = url.object.as_deref().map(path);
        let bucket = endpoint.bucket();
        let (origin, path) = match &url.style {
            UrlStyle::Path => {
                let object = object.map(|object| format!("/{object}"));
                let path = format!("/{bucket}{}", object.unwrap_or_default());
                (endpoint.origin().to_owned(), path)
            }
            UrlStyle::VirtualHosted => {
                let origin = endpoint
                    .origin()
                    .replacen("://", &format!("://{bucket}."), 1);
                (origin, format!("/{}", object.unwrap_or_default()))
            }
            UrlStyle::BucketBound { origin } => (
                endpoint::origin(origin)?,
                format!("/{}", object.unwrap_or_default()),
            ),
        };
        Ok(Self {
            origin: without_default_port(origin),
            path,
        })
    }

    fn host(&self) -> &str {
        self.origin
            .split_once("://")
            .map_or("", |(_, authority)| authority)
    }
}

/// Clients leave the default port out of `Host`, which is signed.
fn without_default_port(origin: String) -> String {
    let port = if origin.starts_with("https:") {
        ":443"
    } else {
        ":80"
    };
    match origin.strip_suffix(port) {
        Some(shorter) => shorter.to_owned(),
        None => origin,
    }
}

/// When a URL was signed, as it is written in it.
struct Time {
    time: String,
    date: String,
}

impl Time {
    fn at(now_ms: u64) -> Result<Self, Error> {
        const NO_TIME: Error = Error::InvalidArgument("the clock is beyond all years");
        let seconds = i64::try_from(now_ms / 1_000).map_err(|_| NO_TIME)?;
        let now = OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| NO_TIME)?;
        Ok(Self::parse(now.format(TIME).map_err(|_| NO_TIME)?))
    }

    fn parse(time: String) -> Self {
        let date = time.chars().take(DATE_LENGTH).collect();
        Self { time, date }
    }

    /// What the signature is good for besides this request: nothing, on any other day.
    fn scope(&self) -> String {
        format!("{}/{}", self.date, SCOPE.join("/"))
    }
}

/// A URL before it is signed.
struct Draft {
    /// <https://cloud.google.com/storage/docs/authentication/canonical-requests>
    request: String,
    url: String,
}

impl Draft {
    fn new(
        place: &Place,
        time: &Time,
        url: &UrlToSign,
        key: SigningKey<'_>,
    ) -> Result<Self, Error> {
        if !(1..=LONGEST_EXPIRY_S).contains(&url.expires_s) {
            return Err(Error::InvalidArgument(
                "a signed URL is good for 1 second to 7 days",
            ));
        }
        let headers = canonical_headers(place.host(), &url.headers)?;
        let names: Vec<&str> = headers.keys().map(String::as_str).collect();
        let names = names.join(";");
        let query = canonical_query(
            &url.query,
            [
                ("X-Goog-Algorithm", key.algorithm()),
                (
                    "X-Goog-Credential",
                    &format!("{}/{}", key.name(), time.scope()),
                ),
                ("X-Goog-Date", &time.time),
                ("X-Goog-Expires", &url.expires_s.to_string()),
                ("X-Goog-SignedHeaders", &names),
            ],
        )?;
        let mut request = format!("{}\n{}\n{query}\n", url.method, place.path);
        for (name, value) in &headers {
            request.push_str(&format!("{name}:{value}\n"));
        }
        let payload = headers
            .get("x-goog-content-sha256")
            .map_or("UNSIGNED-PAYLOAD", String::as_str);
        request.push_str(&format!("\n{names}\n{payload}"));
        Ok(Self {
            request,
            url: format!("{}{}?{query}", place.origin, place.path),
        })
    }

    /// What the signature is of.
    fn string_to_sign(&self, time: &Time, key: SigningKey<'_>) -> String {
        let digest = hex(&Sha256::digest(&self.request));
        let (algorithm, scope) = (key.algorithm(), time.scope());
        format!("{algorithm}\n{}\n{scope}\n{digest}", time.time)
    }

    fn signed(
        self,
        time: &Time,
        key: SigningKey<'_>,
        random: &impl Random,
    ) -> Result<SignedUrl, CredentialsError> {
        let text = self.string_to_sign(time, key);
        let signature = key.sign(&text, &time.date, random)?;
        let url = self.url;
        Ok(SignedUrl(format!("{url}&X-Goog-Signature={signature}")))
    }
}

/// Names in lower case and in order; values without surrounding or repeated white space.
fn canonical_headers(
    host: &str,
    headers: &[(String, String)],
) -> Result<BTreeMap<String, String>, Error> {
    let mut canonical = BTreeMap::from([("host".to_owned(), host.to_owned())]);
    for (name, value) in headers {
        let printable = |byte: u8| matches!(byte, b'!'..=b'~') && !matches!(byte, b':' | b';');
        if name.is_empty() || !name.bytes().all(printable) {
            return Err(Error::InvalidArgument("a header has no valid name"));
        }
        if value.chars().any(|c| c.is_control() && c != '\t') {
            return Err(Error::InvalidArgument("a header has no valid value"));
        }
        let name = name.to_ascii_lowercase();
        if name == "host" {
            return Err(Error::InvalidArgument("the host belongs to the endpoint"));
        }
        let words = value.split([' ', '\t']).filter(|word| !word.is_empty());
        let value = words.collect::<Vec<_>>().join(" ");
        canonical
            .entry(name)
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert(value);
    }
    Ok(canonical)
}

/// All parameters, percent-encoded and in the order of their names.
fn canonical_query(own: &[(String, String)], ours: [(&str, &str); 5]) -> Result<String, Error> {
    let is_reserved =
        |(name, _): &(String, String)| RESERVED.contains(&name.to_ascii_lowercase().as_str());
    if own.iter().any(is_reserved) {
        return Err(Error::InvalidArgument(
            "a query parameter has the name of one of the signature's own",
        ));
    }
    let own = own.iter().map(|(name, value)| (&**name, &**value));
    let mut pairs: Vec<(String, String)> = own
        .chain(ours)
        .map(|(name, value)| (component(name), component(value)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Ok(pairs.join("&"))
}

#[cfg(test)]
mod tests;
