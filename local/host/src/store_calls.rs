//! How often guests called the key-value stores: the price of a request where every call is a round trip.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a guest asks of a store. One call is counted once, however many keys it names, and also when it fails.
/// `wasi:keyvalue` and `fermyon:spin/key-value` count alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoreOperation {
    /// Reading one value; also what a compare-and-swap handle reads.
    Get,
    /// Reading several values.
    GetMany,
    /// Asking whether a key is there.
    Exists,
    /// Listing all keys.
    ListKeys,
    /// Writing one value.
    Set,
    /// Writing several values.
    SetMany,
    /// Removing one key.
    Delete,
    /// Removing several keys.
    DeleteMany,
    /// Moving a number.
    Increment,
    /// Replacing a value if it is still the one that was seen.
    Swap,
}

impl StoreOperation {
    /// All of them: reads first.
    pub const ALL: [StoreOperation; 10] = [
        StoreOperation::Get,
        StoreOperation::GetMany,
        StoreOperation::Exists,
        StoreOperation::ListKeys,
        StoreOperation::Set,
        StoreOperation::SetMany,
        StoreOperation::Delete,
        StoreOperation::DeleteMany,
        StoreOperation::Increment,
        StoreOperation::Swap,
    ];

    /// The name that `wasi:keyvalue@0.2.0-draft2` gives it.
    pub fn name(self) -> &'static str {
        match self {
            StoreOperation::Get => "get",
            StoreOperation::GetMany => "get-many",
            StoreOperation::Exists => "exists",
            StoreOperation::ListKeys => "list-keys",
            StoreOperation::Set => "set",
            StoreOperation::SetMany => "set-many",
            StoreOperation::Delete => "delete",
            StoreOperation::DeleteMany => "delete-many",
            StoreOperation::Increment => "increment",
            StoreOperation::Swap => "swap",
        }
    }
}

/// One number for each operation, in the order of [`StoreOperation::ALL`].
type Counts = [u64; StoreOperation::ALL.len()];

/// How often guests called each store since the host's start, or between two looks.
///
/// A look is not one moment: calls that are made meanwhile may be in it or not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreCalls(BTreeMap<String, Counts>);

impl StoreCalls {
    /// The calls of one operation on the store of this label; 0 if there is no such store.
    pub fn of(&self, label: &str, operation: StoreOperation) -> u64 {
        self.0
            .get(label)
            .map_or(0, |counts| counts[operation as usize])
    }

    /// The labels of all stores, called or not, in alphabetical order.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// All calls of all stores.
    pub fn total(&self) -> u64 {
        self.0.values().flatten().sum()
    }

    /// The calls that were made since an earlier look at the same host.
    #[must_use]
    pub fn since(&self, earlier: &StoreCalls) -> StoreCalls {
        let difference = |(label, counts): (&String, &Counts)| {
            let mut counts = *counts;
            if let Some(before) = earlier.0.get(label) {
                for (count, before) in counts.iter_mut().zip(before) {
                    *count = count.saturating_sub(*before);
                }
            }
            (label.clone(), counts)
        };
        StoreCalls(self.0.iter().map(difference).collect())
    }
}

impl FromIterator<(String, StoreOperation, u64)> for StoreCalls {
    /// Adds up calls by label and operation.
    fn from_iter<I: IntoIterator<Item = (String, StoreOperation, u64)>>(calls: I) -> StoreCalls {
        let mut all = StoreCalls::default();
        for (label, operation, count) in calls {
            all.0.entry(label).or_default()[operation as usize] += count;
        }
        all
    }
}

/// The calls of one store, while they are being made.
#[derive(Debug, Default)]
pub(crate) struct Counters([AtomicU64; StoreOperation::ALL.len()]);

impl Counters {
    /// One more call.
    pub(crate) fn count(&self, operation: StoreOperation) {
        // Nothing else is ordered by these numbers.
        self.0[operation as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// The numbers so far, for the store of this label.
    pub(crate) fn look(&self, label: &str) -> impl Iterator<Item = (String, StoreOperation, u64)> {
        StoreOperation::ALL
            .into_iter()
            .zip(&self.0)
            .map(move |(operation, count)| {
                (label.to_owned(), operation, count.load(Ordering::Relaxed))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_the_place_that_the_list_gives_it() {
        for (place, operation) in StoreOperation::ALL.into_iter().enumerate() {
            assert_eq!(operation as usize, place, "{}", operation.name());
        }
    }

    #[test]
    fn a_difference_has_what_was_called_between_the_looks() {
        let (users, logs) = (Counters::default(), Counters::default());
        let look = || -> StoreCalls { users.look("users").chain(logs.look("logs")).collect() };
        users.count(StoreOperation::Get);
        let before = look();
        users.count(StoreOperation::Get);
        users.count(StoreOperation::SetMany);
        let after = look();
        let between = after.since(&before);
        assert_eq!(after.of("users", StoreOperation::Get), 2);
        assert_eq!(between.of("users", StoreOperation::Get), 1);
        assert_eq!(between.of("users", StoreOperation::SetMany), 1);
        assert_eq!(between.of("logs", StoreOperation::Get), 0);
        assert_eq!((before.total(), between.total(), after.total()), (1, 2, 3));
        assert_eq!(between.labels().collect::<Vec<_>>(), ["logs", "users"]);
    }

    #[test]
    fn a_store_that_is_not_there_was_never_called() {
        assert_eq!(StoreCalls::default().of("users", StoreOperation::Get), 0);
    }
}
