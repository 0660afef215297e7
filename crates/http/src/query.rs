//! Query strings, and the `limit` and `cursor` of lists.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{FieldError, Problem};

/// Entries of a page where the request names no `limit`.
pub const DEFAULT_LIMIT: usize = 50;
/// The most entries that a page has.
pub const MAX_LIMIT: usize = 200;

/// A query string, decoded.
#[derive(Debug, Clone, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=1&b=2`, without the question mark.
    pub fn parse(text: &str) -> Self {
        Self(
            url::form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The first value of `name`, where it is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// `?limit=`: 1–200.
    pub fn limit(&self) -> Result<usize, Problem> {
        let Some(text) = self.get("limit") else {
            return Ok(DEFAULT_LIMIT);
        };
        match text.parse() {
            Ok(limit @ 1..=MAX_LIMIT) => Ok(limit),
            _ => Err(Problem::invalid(vec![FieldError::new(
                "limit",
                format!("must be a number from 1 to {MAX_LIMIT}"),
            )])),
        }
    }

    /// `?cursor=`, as [`encode_cursor`] made it for the list called `list`.
    pub fn cursor<T: DeserializeOwned>(&self, list: &str) -> Result<Option<T>, Problem> {
        self.get("cursor")
            .map(|text| decode_cursor(list, text))
            .transpose()
    }
}

/// The position that [`encode_cursor`] made a cursor of, for the list called `list`.
pub fn decode_cursor<T: DeserializeOwned>(list: &str, text: &str) -> Result<T, Problem> {
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| Problem::invalid_cursor())?;
    let (named, position): (String, T) =
        serde_json::from_slice(&bytes).map_err(|_| Problem::invalid_cursor())?;
    match named == list {
        true => Ok(position),
        false => Err(Problem::invalid_cursor()),
    }
}

/// Makes the cursor of a position in the list called `list`: opaque, and of no use for another list.
pub fn encode_cursor(list: &str, position: impl Serialize) -> String {
    // A name and a position always serialize.
    let json = serde_json::to_vec(&(list, position)).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(json)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was() {
        let cursor = encode_cursor("logs", 17_u64);
        let query = Query::parse(&format!("limit=5&cursor={cursor}"));
        assert_eq!(query.cursor::<u64>("logs").unwrap(), Some(17));
        assert_eq!(query.limit().unwrap(), 5);
    }

    #[test]
    fn a_cursor_of_another_list_and_a_broken_one_are_refused() {
        let cursor = encode_cursor("logs", 17_u64);
        let query = Query::parse(&format!("cursor={cursor}"));
        assert_eq!(
            query.cursor::<u64>("actions").unwrap_err().code,
            "invalid_cursor"
        );
        let query = Query::parse("cursor=abc");
        assert_eq!(
            query.cursor::<u64>("logs").unwrap_err().code,
            "invalid_cursor"
        );
    }

    #[test]
    fn a_limit_outside_its_borders_is_named() {
        for text in ["limit=0", "limit=201", "limit=-1", "limit=many"] {
            let problem = Query::parse(text).limit().unwrap_err();
            assert_eq!(problem.errors[0].field, "limit", "{text}");
        }
        assert_eq!(Query::parse("").limit().unwrap(), DEFAULT_LIMIT);
    }

    /// The query that brings `cursor` back, as a client writes it.
    fn with_cursor(cursor: &str) -> Query {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        Query::parse(&query.append_pair("cursor", cursor).finish())
    }

    proptest! {
        #[test]
        fn every_position_comes_back_from_its_cursor(list in ".*", number in any::<u64>(), text in ".*") {
            let query = with_cursor(&encode_cursor(&list, (number, &text)));
            prop_assert_eq!(query.cursor::<(u64, String)>(&list).unwrap(), Some((number, text)));
        }

        #[test]
        fn any_query_is_read_without_a_panic(text in ".*") {
            let query = Query::parse(&text);
            prop_assert!(query.limit().is_ok_and(|limit| (1..=MAX_LIMIT).contains(&limit)) || query.get("limit").is_some());
            let _ = query.cursor::<u64>("logs");
        }

        #[test]
        fn a_forged_cursor_is_refused_or_a_position_of_its_type(
            bytes in proptest::collection::vec(any::<u8>(), 1..60),
            json in "[\\[{]\"(logs|a)\"[,:]( |-?[0-9]{1,21}|\\[|\"x\"|1e9|null|\\]){0,4}[\\]}]?",
            text in "[A-Za-z0-9_=+/-]{1,60}",
        ) {
            for cursor in [URL_SAFE_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&json), text] {
                match with_cursor(&cursor).cursor::<u64>("logs") {
                    // What is read is a position that an honest cursor could name, too.
                    Ok(position) => prop_assert_eq!(
                        with_cursor(&encode_cursor("logs", position.unwrap())).cursor::<u64>("logs").unwrap(),
                        position
                    ),
                    Err(problem) => prop_assert_eq!(problem.code, "invalid_cursor"),
                }
            }
        }
    }
}
