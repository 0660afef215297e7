use serde::Serialize;
use serde::de::DeserializeOwned;
use spinreel_platform::Store;

use crate::{Cell, Counter, LedgerError};

/// Numbered cells. A number is given once, to one writer, who alone may fill that cell; a number whose cell is empty
/// was given to a writer that died, is being filled, or was emptied.
#[derive(Debug, Clone)]
pub struct Slots {
    prefix: String,
}

impl Slots {
    /// The slots under `prefix`.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }

    /// Gives out `count` numbers and returns the last of them; the first number ever is 1.
    pub async fn allocate(&self, store: &impl Store, count: u32) -> Result<u64, LedgerError> {
        let last = self.head_counter().add(store, i64::from(count)).await?;
        Ok(u64::try_from(last).unwrap_or(0))
    }

    /// The highest number given, 0 where none was.
    pub async fn head(&self, store: &impl Store) -> Result<u64, LedgerError> {
        let head = self.head_counter().get(store).await?;
        Ok(u64::try_from(head).unwrap_or(0))
    }

    /// The cell of a number.
    pub fn cell<T: Serialize + DeserializeOwned>(&self, number: u64) -> Cell<T> {
        Cell::new(self.cell_key(number))
    }

    pub(crate) fn cell_key(&self, number: u64) -> String {
        format!("{}/{number}", self.prefix)
    }

    fn head_counter(&self) -> Counter {
        Counter::new(self.head_key())
    }

    /// The key of the counter of numbers. Whoever deletes it makes numbers begin anew: only where nobody uses the old ones
    /// any more.
    pub fn head_key(&self) -> String {
        format!("{}/head", self.prefix)
    }
}
