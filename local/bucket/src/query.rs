//! Query strings, decoded strictly: what is not UTF-8 is refused, never repaired.

use percent_encoding::percent_decode_str;

use crate::error::ApiError;

/// The parameters of a request, in their order.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=b&c=d`, percent-encoded, with `+` for a space.
    ///
    /// # Errors
    /// 400, if a name or a value is not UTF-8 once decoded.
    pub(crate) fn parse(query: &str) -> Result<Query, ApiError> {
        let decode = |text: &str| {
            percent_decode_str(&text.replace('+', " "))
                .decode_utf8()
                .map(|text| text.into_owned())
                .map_err(|_| ApiError::invalid("The query string is not UTF-8."))
        };
        query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Ok((decode(name)?, decode(value)?))
            })
            .collect::<Result<_, _>>()
            .map(Query)
    }

    /// All parameters with their values.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of a parameter; the first one, if it is given more than once.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that is a whole number.
    ///
    /// # Errors
    /// 400, if it is given and is none.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits => Ok(Some(number)),
            _ => Err(ApiError::invalid(format!(
                "Invalid value for {name}: not a whole number."
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn parameters_are_decoded_and_the_first_of_a_name_counts() {
        let query = Query::parse("name=a%2Fb+c&name=x&&flag&n=007").unwrap();
        assert_eq!(query.text("name"), Some("a/b c"));
        assert_eq!(query.text("flag"), Some(""));
        assert_eq!(query.text("absent"), None);
        assert_eq!(query.number("n").unwrap(), Some(7));
        assert_eq!(query.number("absent").unwrap(), None);
    }

    #[test]
    fn what_is_no_number_or_no_utf8_is_refused() {
        for bad in [
            "n=",
            "n=-1",
            "n=%2B1",
            "n=1.0",
            "n=x",
            "n=18446744073709551616",
        ] {
            assert!(Query::parse(bad).unwrap().number("n").is_err(), "{bad}");
        }
        assert!(Query::parse("n=%FF").is_err());
    }
}
