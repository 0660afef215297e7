//! `ifGenerationMatch` and its kin
//! (<https://cloud.google.com/storage/docs/request-preconditions>).

use http::HeaderMap;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::object::Record;
use crate::query::Query;

/// What must hold of the stored object for a request to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Preconditions {
    generation_match: Option<u64>,
    generation_not_match: Option<u64>,
    metageneration_match: Option<u64>,
    metageneration_not_match: Option<u64>,
}

/// The precondition that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unmet {
    /// One that names what the object must be: 412.
    Match,
    /// One that names what the object must not be: 304 on a read, 412 on a write.
    NotMatch,
}

impl Preconditions {
    /// Reads them from a request's parameters.
    ///
    /// # Errors
    /// 400, if one of them is not a whole number.
    pub(crate) fn from_query(query: &Query) -> Result<Preconditions, ApiError> {
        Ok(Preconditions {
            generation_match: query.number("ifGenerationMatch")?,
            generation_not_match: query.number("ifGenerationNotMatch")?,
            metageneration_match: query.number("ifMetagenerationMatch")?,
            metageneration_not_match: query.number("ifMetagenerationNotMatch")?,
        })
    }

    /// Reads them from a request's headers, of which the XML API has fewer.
    ///
    /// # Errors
    /// 400, if one of them is not a whole number.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Preconditions, ApiError> {
        let number = |name: &str| {
            let Some(value) = headers.get(name) else {
                return Ok(None);
            };
            let digits = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
            let text = value.to_str().ok().filter(digits);
            text.and_then(|text| text.parse().ok())
                .map(Some)
                .ok_or_else(|| {
                    ApiError::invalid(format!("Invalid value for {name}: not a whole number."))
                })
        };
        Ok(Preconditions {
            generation_match: number("x-goog-if-generation-match")?,
            metageneration_match: number("x-goog-if-metageneration-match")?,
            ..Preconditions::default()
        })
    }

    /// Holds them against what is stored. An absent object has generation and metageneration 0:
    /// that is how `ifGenerationMatch=0` asks for absence.
    pub(crate) fn check(&self, current: Option<&Record>) -> Result<(), Unmet> {
        let generation = current.map_or(0, |record| record.generation);
        let metageneration = current.map_or(0, |record| record.metageneration);
        let must = |wanted: Option<u64>, found| wanted.is_none_or(|wanted| wanted == found);
        let must_not = |unwanted: Option<u64>, found| unwanted != Some(found);
        if !must(self.generation_match, generation)
            || !must(self.metageneration_match, metageneration)
        {
            return Err(Unmet::Match);
        }
        if !must_not(self.generation_not_match, generation)
            || !must_not(self.metageneration_not_match, metageneration)
        {
            return Err(Unmet::NotMatch);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn conditions(query: &str) -> Preconditions {
        Preconditions::from_query(&Query::parse(query).unwrap()).unwrap()
    }

    #[test]
    fn generation_zero_means_absent() {
        let record = Record {
            generation: 7,
            metageneration: 2,
            ..Record::default()
        };
        let create = conditions("ifGenerationMatch=0");
        assert_eq!(create.check(None), Ok(()));
        assert_eq!(create.check(Some(&record)), Err(Unmet::Match));
        let exists = conditions("ifGenerationNotMatch=0");
        assert_eq!(exists.check(None), Err(Unmet::NotMatch));
        assert_eq!(exists.check(Some(&record)), Ok(()));
    }

    #[test]
    fn all_of_them_must_hold() {
        let record = Record {
            generation: 7,
            metageneration: 2,
            ..Record::default()
        };
        for (query, expected) in [
            ("", Ok(())),
            ("ifGenerationMatch=7&ifMetagenerationMatch=2", Ok(())),
            (
                "ifGenerationMatch=7&ifMetagenerationMatch=1",
                Err(Unmet::Match),
            ),
            ("ifGenerationMatch=8", Err(Unmet::Match)),
            ("ifGenerationNotMatch=7", Err(Unmet::NotMatch)),
            ("ifMetagenerationNotMatch=2", Err(Unmet::NotMatch)),
            ("ifGenerationNotMatch=8&ifMetagenerationNotMatch=3", Ok(())),
        ] {
            assert_eq!(conditions(query).check(Some(&record)), expected, "{query}");
        }
    }

    #[test]
    fn headers_of_the_xml_api_say_the_same() {
        let mut headers = HeaderMap::new();
        headers.insert("x-goog-if-generation-match", "7".parse().unwrap());
        headers.insert("x-goog-if-metageneration-match", "2".parse().unwrap());
        assert_eq!(
            Preconditions::from_headers(&headers).unwrap(),
            conditions("ifGenerationMatch=7&ifMetagenerationMatch=2")
        );
        for bad in ["", "-1", "+1", "x", "1.0", "18446744073709551616"] {
            headers.insert("x-goog-if-generation-match", bad.parse().unwrap());
            assert!(Preconditions::from_headers(&headers).is_err(), "{bad}");
        }
    }
}
