//! Paths with `:name` segments, as routes name them.

/// The values of a pattern's `:name` segments, percent-decoded, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameters(Vec<(&'static str, String)>);

impl Parameters {
    /// The value of `:name`; empty where the pattern has no such segment.
    pub fn get(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(known, _)| *known == name)
            .map_or("", |(_, value)| value)
    }
}

/// Compares `path` with `pattern`, segment by segment; `None` where they differ.
///
/// A `:name` segment takes any one segment that is not empty and is UTF-8 after percent-decoding.
pub fn matches(pattern: &'static str, path: &str) -> Option<Parameters> {
    let mut parameters = Vec::new();
    let mut wanted = pattern.split('/');
    let mut given = path.split('/');
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(Parameters(parameters)),
            (Some(wanted), Some(given)) => match wanted.strip_prefix(':') {
                Some(name) => {
                    let value = percent_decode(given).filter(|value| !value.is_empty())?;
                    parameters.push((name, value));
                }
                None if wanted == given => {}
                None => return None,
            },
            _ => return None,
        }
    }
}

fn percent_decode(segment: &str) -> Option<String> {
    // A plus sign is itself in a path, and a space for a form decoder.
    let escaped = format!("v={}", segment.replace('+', "%2B").replace('&', "%26"));
    let (_, value) = url::form_urlencoded::parse(escaped.as_bytes()).next()?;
    (!value.contains('\u{fffd}')).then(|| value.into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_literal_path_matches_itself_only() {
        assert!(matches("/v1/users/me", "/v1/users/me").is_some());
        assert!(matches("/v1/users/me", "/v1/users/me/").is_none());
        assert!(matches("/v1/users/me", "/v1/users").is_none());
        assert!(matches("/v1/users/me", "/v1/users/ME").is_none());
    }

    #[test]
    fn a_named_segment_is_decoded() {
        let parameters = matches("/v1/videos/:id/content", "/v1/videos/a%2Fb+c/content").unwrap();
        assert_eq!(parameters.get("id"), "a/b+c");
    }

    #[test]
    fn an_empty_segment_or_one_that_is_not_utf_8_does_not_match() {
        assert!(matches("/v1/videos/:id", "/v1/videos/").is_none());
        assert!(matches("/v1/videos/:id", "/v1/videos/%ff").is_none());
    }
}
