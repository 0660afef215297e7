//! One write a second for a name (<https://cloud.google.com/storage/quotas#objects>): a limit of the real
//! thing, for who wants to meet it here first.

use std::collections::HashMap;
use std::sync::Mutex;

use super::{StorageError, lock};

/// The time between two writes of one name, in microseconds.
const BETWEEN: u64 = 1_000_000;

/// How many names are remembered before those are forgotten whose time is over.
const MANY: usize = 10_000;

/// When names were written, in microseconds since 1970.
#[derive(Default)]
pub(super) struct Pace(Mutex<HashMap<(String, String), u64>>);

impl Pace {
    /// Whether a name may be written at `now`.
    ///
    /// # Errors
    /// [`StorageError::TooFast`], if it was less than a second before.
    pub(super) fn check(&self, bucket: &str, name: &str, now: u64) -> Result<(), StorageError> {
        let last = lock(&self.0)
            .get(&(bucket.to_owned(), name.to_owned()))
            .copied();
        match last {
            // A clock that was set back makes nobody wait.
            Some(last) if (last..last + BETWEEN).contains(&now) => Err(StorageError::TooFast),
            _ => Ok(()),
        }
    }

    /// Notes that a name was written at `now`.
    pub(super) fn note(&self, bucket: &str, name: &str, now: u64) {
        let mut names = lock(&self.0);
        if names.len() >= MANY {
            names.retain(|_, last| (*last..*last + BETWEEN).contains(&now));
        }
        names.insert((bucket.to_owned(), name.to_owned()), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_second_between_writes_and_others_do_not_count() {
        let pace = Pace::default();
        pace.note("films", "a", 5_000_000);
        assert!(pace.check("films", "a", 5_999_999).is_err());
        assert!(pace.check("films", "a", 6_000_000).is_ok());
        assert!(pace.check("films", "a", 4_000_000).is_ok());
        assert!(pace.check("films", "b", 5_000_000).is_ok());
        assert!(pace.check("books", "a", 5_000_000).is_ok());
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let pace = Pace::default();
        for number in 0..MANY {
            pace.note("films", &number.to_string(), 0);
        }
        pace.note("films", "a", BETWEEN);
        assert_eq!(lock(&pace.0).len(), 1);
    }
}
