//! JSON from strangers: what two parsers could read differently, or could choke on, is refused.

use std::cell::Cell;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::Problem;

/// How many arrays and objects may be open at once.
pub const MAX_DEPTH: usize = 32;

/// Why bytes are not taken as JSON.
#[derive(Debug, Error)]
pub enum JsonError {
    /// They are no JSON text (RFC 8259). The reason names places, and nothing of the text.
    #[error("the text is not valid JSON: {0}")]
    Malformed(serde_json::Error),
    /// An object has a member twice (RFC 8259, section 4: what that means is up to the reader).
    #[error("an object has two members of the same name")]
    DuplicateKey,
    /// More than [`MAX_DEPTH`] arrays and objects are open at once.
    #[error("arrays and objects are nested deeper than {MAX_DEPTH}")]
    TooDeep,
}

/// 400 `malformed_json`; the detail tells the three apart.
impl From<JsonError> for Problem {
    fn from(error: JsonError) -> Self {
        let problem = Self::malformed_json();
        let detail = match error {
            JsonError::Malformed(_) => return problem.because(error),
            JsonError::DuplicateKey => {
                "The body has a JSON object with two members of the same name.".to_owned()
            }
            JsonError::TooDeep => {
                format!("The body's JSON is nested deeper than {MAX_DEPTH} levels.")
            }
        };
        Self { detail, ..problem }.because(error)
    }
}

/// Reads one JSON text, as serde_json does but for the limits of [`JsonError`].
pub fn read(bytes: &[u8]) -> Result<Value, JsonError> {
    let refused = Cell::new(None);
    let seed = Nested {
        free: MAX_DEPTH,
        refused: &refused,
    };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    seed.deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| refused.take().unwrap_or(JsonError::Malformed(error)))
}

/// One value, with what is inside it.
#[derive(Clone, Copy)]
struct Nested<'a> {
    /// How many arrays and objects may still be opened.
    free: usize,
    /// Our reason to stop: errors of serde are texts.
    refused: &'a Cell<Option<JsonError>>,
}

impl Nested<'_> {
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.free.checked_sub(1) {
            Some(free) => Ok(Self { free, ..self }),
            None => Err(self.refuse(JsonError::TooDeep)),
        }
    }

    fn refuse<E: serde::de::Error>(self, why: JsonError) -> E {
        let error = E::custom(&why);
        self.refused.set(Some(why));
        error
    }
}

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut values = Vec::new();
        while let Some(value) = array.next_element_seed(inside)? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut members = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            match members.entry(name) {
                Entry::Occupied(_) => return Err(self.refuse(JsonError::DuplicateKey)),
                Entry::Vacant(member) => {
                    member.insert(object.next_value_seed(inside)?);
                }
            }
        }
        Ok(members.into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_value_is_read() {
        let value = json!({
            "null": null, "yes": true, "minus": -1, "most": u64::MAX, "half": 0.5,
            "text": "a\"\u{e9}\n", "array": [[], {}], "object": {"yes": {"yes": 1}},
        });
        assert_eq!(read(value.to_string().as_bytes()).unwrap(), value);
    }

    #[test]
    fn a_name_that_comes_twice_is_refused_however_deep_and_however_written() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":{},"\u0061":2}"#,
            r#"[{"x":[0,{"":1,"":2}]}]"#,
        ] {
            let error = read(text.as_bytes()).unwrap_err();
            assert!(matches!(error, JsonError::DuplicateKey), "{text}: {error}");
        }
        assert!(read(br#"{"a":{"a":1},"A":[{"a":1},{"a":1}]}"#).is_ok());
    }

    #[test]
    fn nesting_has_an_end() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let nested = |depth| format!("{}0{}", open.repeat(depth), close.repeat(depth));
            assert!(read(nested(MAX_DEPTH).as_bytes()).is_ok());
            for text in [nested(MAX_DEPTH + 1), open.repeat(100_000)] {
                let error = read(text.as_bytes()).unwrap_err();
                assert!(matches!(error, JsonError::TooDeep), "{error}");
            }
        }
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        for text in [
            "",
            " ",
            "{",
            "[1,]",
            "{\"a\"}",
            "01",
            "1e999",
            "NaN",
            "\"\\ud800\"",
            "1 2",
            "{} {}",
        ] {
            let error = read(text.as_bytes()).unwrap_err();
            assert!(matches!(error, JsonError::Malformed(_)), "{text}: {error}");
        }
        assert!(read(b"\"\xff\"").is_err());
    }

    #[test]
    fn all_of_them_are_400_and_the_detail_tells_why() {
        let deep = "[".repeat(40);
        let details: Vec<String> = ["{", "{\"secret\":1,\"secret\":2}", &deep]
            .into_iter()
            .map(|text| {
                let problem = Problem::from(read(text.as_bytes()).unwrap_err());
                assert_eq!(
                    (problem.status.as_u16(), problem.code),
                    (400, "malformed_json")
                );
                assert!(!problem.internal.unwrap().contains("secret"));
                problem.detail
            })
            .collect();
        assert_eq!(details[0], Problem::malformed_json().detail);
        assert!(details[1].contains("two members of the same name"));
        assert!(details[2].contains("deeper than 32"));
    }

    /// Any value, not nested deeper than eight levels.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(8, 64, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map(".{0,4}", inner, 0..6)
                    .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into()),
            ]
        })
    }

    /// As serde_json reads it, or refused for a reason of our own.
    fn agrees(bytes: &[u8]) -> Result<(), TestCaseError> {
        match (read(bytes), serde_json::from_slice::<Value>(bytes)) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
            (Err(JsonError::DuplicateKey | JsonError::TooDeep), _) => {}
            (ours, theirs) => prop_assert!(ours.is_err() && theirs.is_err()),
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn a_value_without_duplicates_is_what_serde_json_makes_of_it(value in value()) {
            let text = value.to_string();
            let ours = read(text.as_bytes()).unwrap();
            prop_assert_eq!(ours, serde_json::from_str::<Value>(&text).unwrap());
        }

        #[test]
        fn a_member_that_comes_again_is_always_found(value in value(), name in ".{0,4}", depth in 0..MAX_DEPTH - 9) {
            let name = Value::from(name);
            let twice = format!("{{{name}:{value},{name}:{value}}}");
            let text = format!("{}{twice}{}", "[".repeat(depth), "]".repeat(depth));
            prop_assert!(matches!(read(text.as_bytes()), Err(JsonError::DuplicateKey)));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            agrees(&bytes)?;
        }

        #[test]
        fn what_is_nearly_json_is_read_as_serde_json_reads_it(
            text in "([\\[\\]{},: ]|\"[ab]?\"|\"\\\\[un\"d08]{1,5}\"|-?[0-9]{1,3}|1[.e][0-9]{0,3}|null|true|\\PC){0,40}",
        ) {
            agrees(text.as_bytes())?;
        }
    }
}
