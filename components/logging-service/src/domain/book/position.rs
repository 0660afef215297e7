//! Where an entry stands.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The place of an entry in the order of arrival: the cell of the journal, and the entry's place in it from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position(pub u64, pub u32);

impl Position {
    /// Before the first entry of all.
    pub const BEGINNING: Self = Self(0, u32::MAX);
    /// After the last one.
    pub const END: Self = Self(u64::MAX, u32::MAX);

    /// After all entries of a cell.
    pub fn after(cell: u64) -> Self {
        Self(cell, u32::MAX)
    }

    /// Before all entries of a cell.
    pub fn before(cell: u64) -> Self {
        Self(cell, 0)
    }
}

/// As the id of an event: the two numbers and a hyphen.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

/// A text that is no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no id of an event")]
pub struct NoPosition;

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, NoPosition> {
        let (cell, entry) = text.split_once('-').ok_or(NoPosition)?;
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(cell) || !is_number(entry) {
            return Err(NoPosition);
        }
        let cell = cell.parse().map_err(|_| NoPosition)?;
        Ok(Self(cell, entry.parse().map_err(|_| NoPosition)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_is_written() {
        for position in [Position::BEGINNING, Position::END, Position(17, 3)] {
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        for text in [
            "",
            "-",
            "17",
            "17-",
            "-3",
            "+17-3",
            "17-3-1",
            "18446744073709551616-0",
            "a-b",
        ] {
            assert_eq!(text.parse::<Position>(), Err(NoPosition), "{text}");
        }
    }
}
