use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// RFC 3986 section 2.3: only unreserved characters stay as they are. The same set serves path segments and query
/// values; a slash in an object's name becomes `%2F`, as
/// <https://cloud.google.com/storage/docs/request-endpoints#encoding> demands.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One path segment or query value, percent-encoded.
pub(crate) fn component(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A path, percent-encoded but for its slashes.
pub(crate) fn path(text: &str) -> String {
    const IN_PATH: &AsciiSet = &RESERVED.remove(b'/');
    utf8_percent_encode(text, IN_PATH).to_string()
}

/// A query string under construction.
#[derive(Debug, Default)]
pub(crate) struct Query(String);

impl Query {
    /// Adds a parameter. `name` is one of ours and needs no encoding.
    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.0.push(if self.0.is_empty() { '?' } else { '&' });
        self.0.push_str(name);
        self.0.push('=');
        self.0.push_str(&component(&value.to_string()));
        self
    }

    /// Adds a parameter that is there.
    pub(crate) fn with_some(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Empty, or the parameters with their leading `?`.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(component("aZ09-._~"), "aZ09-._~");
        assert_eq!(
            component("a/b?c#d e%2F+&=:@"),
            "a%2Fb%3Fc%23d%20e%252F%2B%26%3D%3A%40"
        );
        assert_eq!(component("größe 🎬"), "gr%C3%B6%C3%9Fe%20%F0%9F%8E%AC");
        assert_eq!(component("nul\0tab\t"), "nul%00tab%09");
    }

    #[test]
    fn the_slashes_of_a_path_stay() {
        assert_eq!(path("/a/b c/?é~&"), "/a/b%20c/%3F%C3%A9~%26");
    }

    #[test]
    fn a_query_joins_what_is_there() {
        let query = Query::default()
            .with("alt", "media")
            .with_some("generation", Some(7))
            .with_some("pageToken", None::<&str>);
        assert_eq!(query.as_str(), "?alt=media&generation=7");
        assert_eq!(Query::default().as_str(), "");
    }
}
