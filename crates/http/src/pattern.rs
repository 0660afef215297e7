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
    use proptest::prelude::*;

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

    /// Anything but U+FFFD, which stands for bytes that are no text.
    const VALUE: &str = "[^\u{fffd}]+";

    /// A value as it is written into a path: every byte escaped.
    fn percent_encode(value: &str) -> String {
        value.bytes().map(|byte| format!("%{byte:02X}")).collect()
    }

    proptest! {
        #[test]
        fn any_value_comes_back_from_its_segment(id in VALUE, part in VALUE) {
            let path = format!("/v1/videos/{}/{}", percent_encode(&id), percent_encode(&part));
            let parameters = matches("/v1/videos/:id/:part", &path).unwrap();
            prop_assert_eq!((parameters.get("id"), parameters.get("part")), (&*id, &*part));
        }

        #[test]
        fn any_path_is_compared_without_a_panic_and_a_named_segment_is_never_empty(
            path in "/v1/videos/(%[0-9a-fA-F]{0,2}|[/&=+;?#.]|\\PC){0,12}",
            other in ".*",
        ) {
            for path in [path, other] {
                if let Some(parameters) = matches("/v1/videos/:id", &path) {
                    prop_assert!(!parameters.get("id").is_empty());
                    prop_assert_eq!(path.split('/').count(), 4);
                }
            }
        }
    }
}
