//! Checksums: what clients claim about an object's bytes, in JSON or in `X-Goog-Hash`
//! (<https://cloud.google.com/storage/docs/data-validation>).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderMap;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// What a client says the checksums of the bytes are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) crc32c: Option<u32>,
    pub(crate) md5: Option<[u8; 16]>,
}

/// A CRC32C as the API shows it: base64 of its four bytes, most significant first.
pub(crate) fn encode_crc32c(crc: u32) -> String {
    BASE64.encode(crc.to_be_bytes())
}

/// An MD5 as the API shows it.
pub(crate) fn encode_md5(md5: &[u8; 16]) -> String {
    BASE64.encode(md5)
}

impl Claims {
    /// Reads them from their base64 forms.
    ///
    /// # Errors
    /// 400, if one is not the base64 of as many bytes as the checksum has.
    pub(crate) fn parse(crc32c: Option<&str>, md5: Option<&str>) -> Result<Claims, ApiError> {
        Ok(Claims {
            crc32c: crc32c
                .map(|text| decode(text, "CRC32C"))
                .transpose()?
                .map(u32::from_be_bytes),
            md5: md5.map(|text| decode(text, "MD5")).transpose()?,
        })
    }

    /// Reads them from the `X-Goog-Hash` headers: `crc32c=…`, `md5=…`, separated by commas or apart.
    ///
    /// # Errors
    /// 400, as in [`Claims::parse`].
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Claims, ApiError> {
        let mut claims = Claims::default();
        for value in headers.get_all("x-goog-hash") {
            let text = value
                .to_str()
                .map_err(|_| ApiError::invalid("Invalid X-Goog-Hash."))?;
            for (kind, hash) in text
                .split(',')
                .filter_map(|item| item.trim().split_once('='))
            {
                claims = match kind.to_ascii_lowercase().as_str() {
                    "crc32c" => claims.and(Claims::parse(Some(hash), None)?)?,
                    "md5" => claims.and(Claims::parse(None, Some(hash))?)?,
                    _ => claims,
                };
            }
        }
        Ok(claims)
    }

    /// Both claims together.
    ///
    /// # Errors
    /// 400, if they contradict each other.
    pub(crate) fn and(self, other: Claims) -> Result<Claims, ApiError> {
        let contradict = self.crc32c.zip(other.crc32c).is_some_and(|(a, b)| a != b)
            || self.md5.zip(other.md5).is_some_and(|(a, b)| a != b);
        if contradict {
            return Err(ApiError::invalid(
                "The request names two different checksums.",
            ));
        }
        Ok(Claims {
            crc32c: self.crc32c.or(other.crc32c),
            md5: self.md5.or(other.md5),
        })
    }
}

fn decode<const N: usize>(text: &str, kind: &str) -> Result<[u8; N], ApiError> {
    let bytes = BASE64
        .decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| ApiError::invalid(format!("Invalid {kind}: not the base64 of {N} bytes.")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_crc_of_the_check_string_has_its_known_form() {
        // CRC-32C of "123456789" is E3069283 in every catalogue of CRCs.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(encode_crc32c(0xE306_9283), "4waSgw==");
        assert_eq!(
            Claims::parse(Some("4waSgw=="), None).unwrap().crc32c,
            Some(0xE306_9283)
        );
    }

    #[test]
    fn claims_come_from_one_header_or_several() {
        let mut headers = HeaderMap::new();
        let both = "crc32c=4waSgw==,md5=1B2M2Y8AsgTpgAmY7PhCfg==";
        headers.insert("x-goog-hash", both.parse().unwrap());
        let together = Claims::from_headers(&headers).unwrap();
        assert!(together.md5.is_some());
        headers.insert("x-goog-hash", "crc32c=4waSgw==".parse().unwrap());
        headers.append(
            "x-goog-hash",
            "md5=1B2M2Y8AsgTpgAmY7PhCfg==".parse().unwrap(),
        );
        assert_eq!(Claims::from_headers(&headers).unwrap(), together);
    }

    #[test]
    fn malformed_and_contradicting_claims_are_refused() {
        assert!(Claims::parse(Some("AAAA"), None).is_err());
        assert!(Claims::parse(Some("!!"), None).is_err());
        assert!(Claims::parse(None, Some("4waSgw==")).is_err());
        let one = Claims::parse(Some("4waSgw=="), None).unwrap();
        let other = Claims::parse(Some("AAAAAA=="), None).unwrap();
        assert!(one.and(other).is_err());
        assert_eq!(one.and(Claims::default()).unwrap(), one);
    }
}
