use http::{HeaderMap, Uri};

use crate::request::one;
use crate::{Metadata, Refusal, header};

const REFUSED: Refusal = Refusal::Header("Upload-Concat");

/// What an upload is to others (`Upload-Concat`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concat {
    /// `partial`: a part of what is made later.
    Partial,
    /// `final;URL URL`: made of parts, in this order.
    Final {
        /// The paths of the parts' URLs, as they are written there.
        parts: Vec<String>,
        /// The field as the client wrote it.
        text: String,
    },
}

impl Concat {
    /// Reads the field; `None` where it is not there. `target`: the path that the request goes to, on which relative URLs
    /// build (RFC 3986, section 5.2). Which host an absolute URL names means nothing.
    ///
    /// # Errors
    /// [`Refusal::Header`] for any other form.
    pub fn parse(headers: &HeaderMap, target: &str) -> Result<Option<Self>, Refusal> {
        let text = match one(headers, &header::UPLOAD_CONCAT, "Upload-Concat")? {
            None => return Ok(None),
            Some("partial") => return Ok(Some(Self::Partial)),
            Some(text) => text,
        };
        let urls = text.strip_prefix("final;").ok_or(REFUSED)?;
        let urls = urls.split(' ').filter(|url| !url.is_empty());
        let parts: Option<Vec<String>> = urls.map(|url| path_of(url, target)).collect();
        let parts = parts.filter(|parts| !parts.is_empty()).ok_or(REFUSED)?;
        Ok(Some(Self::Final {
            parts,
            text: text.to_owned(),
        }))
    }
}

/// What a `POST` says that makes an upload of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateFinal {
    /// What the client says of the file.
    pub metadata: Metadata,
    /// The same as the client wrote it; empty where it said nothing.
    pub metadata_text: String,
}

impl CreateFinal {
    /// Reads a request's headers.
    ///
    /// # Errors
    /// What is wrong with them: such an upload has no length of its own.
    pub fn parse(headers: &HeaderMap) -> Result<Self, Refusal> {
        for (name, called) in [
            (&header::UPLOAD_LENGTH, "Upload-Length"),
            (&header::UPLOAD_DEFER_LENGTH, "Upload-Defer-Length"),
        ] {
            if headers.contains_key(name) {
                return Err(Refusal::Header(called));
            }
        }
        let text = one(headers, &header::UPLOAD_METADATA, "Upload-Metadata")?;
        let metadata = text.map(Metadata::parse).transpose()?;
        Ok(Self {
            metadata: metadata.unwrap_or_default(),
            metadata_text: text.unwrap_or_default().to_owned(),
        })
    }
}

/// The path of a URL; `None` where it is none.
fn path_of(url: &str, target: &str) -> Option<String> {
    let absolute = match url {
        _ if url.starts_with("//") => format!("http:{url}"),
        _ if url.starts_with('/') || url.contains("://") => url.to_owned(),
        _ => {
            let (folder, _) = target.rsplit_once('/')?;
            format!("{folder}/{url}")
        }
    };
    let uri: Uri = absolute.parse().ok()?;
    let is_http = matches!(uri.scheme_str(), None | Some("http" | "https"));
    (is_http && uri.query().is_none()).then(|| uri.path().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Option<Concat>, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert("upload-concat", HeaderValue::from_str(text).unwrap());
        Concat::parse(&headers, "/v1/uploads")
    }

    #[test]
    fn parts_may_be_named_by_absolute_and_relative_urls() {
        let text = "final;/v1/uploads/a http://x.test:1/v1/uploads/b https://x.test/v1/uploads/c //x.test/v1/uploads/d uploads/e";
        let Some(Concat::Final { parts, text: kept }) = parse(text).unwrap() else {
            panic!("it is final");
        };
        let expected = ["a", "b", "c", "d", "e"].map(|id| format!("/v1/uploads/{id}"));
        assert_eq!(parts, expected);
        assert_eq!(kept, text);
    }

    #[test]
    fn other_forms_are_refused() {
        assert_eq!(parse("partial"), Ok(Some(Concat::Partial)));
        for text in [
            "",
            "Partial",
            "partial;",
            "final",
            "final;",
            "final; ",
            "final /v1/uploads/a",
            "final;ftp://x.test/v1/uploads/a",
            "final;http://",
            "final;/v1/uploads/a?b",
        ] {
            assert_eq!(parse(text), Err(REFUSED), "{text}");
        }
        assert_eq!(Concat::parse(&HeaderMap::new(), "/v1/uploads"), Ok(None));
        let mut twice = HeaderMap::new();
        for _ in 0..2 {
            twice.append("upload-concat", HeaderValue::from_static("partial"));
        }
        assert_eq!(Concat::parse(&twice, "/v1/uploads"), Err(REFUSED));
    }

    #[test]
    fn a_final_upload_has_no_length_of_its_own() {
        let mut headers = HeaderMap::new();
        headers.insert("upload-metadata", HeaderValue::from_static("filename YQ=="));
        let create = CreateFinal::parse(&headers).unwrap();
        assert_eq!(create.metadata.text("filename"), Ok(Some("a")));
        for name in ["upload-length", "upload-defer-length"] {
            let mut headers = headers.clone();
            headers.insert(name, HeaderValue::from_static("1"));
            assert!(CreateFinal::parse(&headers).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parts_or_refused(text in "final;[ -~]{0,80}") {
            let _ = parse(&text);
        }
    }
}
