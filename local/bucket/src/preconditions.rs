//! `ifGenerationMatch` and its kin
//! (<https://cloud.google.com/storage/docs/request-preconditions>).

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
}
