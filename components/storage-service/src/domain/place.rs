//! Where a comparison of store and bucket stands, as a cursor has it.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::survey::Survey;

/// Where a comparison stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Before a repair: counting what it would remove.
    Survey(Survey),
    /// Among the users before this number (the newest where `None`).
    Users(Option<u64>),
    /// Among one user's files before this number: the user's number, the file's.
    Files(u64, u64),
    /// In the bucket's listing, from this page token on.
    Objects(Option<String>),
}

impl Place {
    /// Where a comparison begins. A repair that is not `forced` begins by counting what it would remove.
    pub fn first(repair: bool, forced: bool) -> Self {
        match repair && !forced {
            true => Self::Survey(Survey::default()),
            false => Self::Users(None),
        }
    }
}

/// What is no [`Place`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the cursor is none of a comparison")]
pub struct NoPlace;

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Survey(survey) => write!(f, "s{survey}"),
            Self::Users(None) => write!(f, "u"),
            Self::Users(Some(before)) => write!(f, "u{before}"),
            Self::Files(user, before) => write!(f, "f{user}.{before}"),
            Self::Objects(token) => write!(f, "o{}", token.as_deref().unwrap_or_default()),
        }
    }
}

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let number = |digits: &str| digits.parse::<u64>().map_err(|_| NoPlace);
        match text.split_at_checked(1).ok_or(NoPlace)? {
            ("s", survey) => Ok(Self::Survey(survey.parse()?)),
            ("u", "") => Ok(Self::Users(None)),
            ("u", before) => Ok(Self::Users(Some(number(before)?))),
            ("f", rest) => {
                let (user, before) = rest.split_once('.').ok_or(NoPlace)?;
                Ok(Self::Files(number(user)?, number(before)?))
            }
            ("o", "") => Ok(Self::Objects(None)),
            ("o", token) => Ok(Self::Objects(Some(token.to_owned()))),
            _ => Err(NoPlace),
        }
    }
}
