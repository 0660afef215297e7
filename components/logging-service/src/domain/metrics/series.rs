use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use spinreel_api::logs::Level;

/// What stands for all labels that found no room.
pub(super) const OTHER: &str = "other";

/// Labels.
pub(super) trait Labels: Ord {
    /// Where they are counted when there is no room.
    fn other(&self) -> Self;
}

impl Labels for String {
    fn other(&self) -> Self {
        OTHER.to_owned()
    }
}

impl Labels for (String, String) {
    fn other(&self) -> Self {
        (OTHER.to_owned(), OTHER.to_owned())
    }
}

impl Labels for (String, Level) {
    fn other(&self) -> Self {
        (OTHER.to_owned(), self.1)
    }
}

impl Labels for super::Request {
    fn other(&self) -> Self {
        (OTHER.to_owned(), OTHER.to_owned(), OTHER.to_owned(), 0)
    }
}

/// Rows under labels. Once there are `MAX`, further labels share the rows of [`Labels::other`].
///
/// As JSON it is an array of pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Series<K, V, const MAX: usize>(BTreeMap<K, V>);

impl<K: Labels, V: Default, const MAX: usize> Series<K, V, MAX> {
    /// The row of these labels, or the one that stands for it.
    pub(super) fn row(&mut self, labels: K) -> &mut V {
        let labels = if self.0.len() < MAX || self.0.contains_key(&labels) {
            labels
        } else {
            labels.other()
        };
        self.0.entry(labels).or_default()
    }
}

impl<K, V, const MAX: usize> Series<K, V, MAX> {
    /// All rows, in the order of their labels.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter()
    }
}

impl<K: Labels, const MAX: usize> Series<K, u64, MAX> {
    pub(super) fn add(&mut self, labels: K, count: u64) {
        add(self.row(labels), count);
    }

    /// The sum of all rows.
    pub(super) fn sum(&self) -> u64 {
        self.0.values().fold(0, |sum, row| sum.saturating_add(*row))
    }
}

/// Moves a counter.
pub(super) fn add(counter: &mut u64, count: u64) {
    *counter = counter.saturating_add(count);
}

impl<K, V, const MAX: usize> Default for Series<K, V, MAX> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Serialize, V: Serialize, const MAX: usize> Serialize for Series<K, V, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

impl<'de, K, V, const MAX: usize> Deserialize<'de> for Series<K, V, MAX>
where
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rows = Vec::<(K, V)>::deserialize(deserializer)?;
        Ok(Self(rows.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn labels_that_find_no_room_are_counted_together_and_the_others_go_on() {
        let mut series = Series::<String, u64, 2>::default();
        for (labels, count) in [("a", 1), ("b", 2), ("c", 4), ("d", 8), ("a", 16)] {
            series.add(labels.to_owned(), count);
        }
        let rows: Vec<(&str, u64)> = series
            .rows()
            .map(|(labels, count)| (labels.as_str(), *count))
            .collect();
        assert_eq!(rows, [("a", 17), ("b", 2), ("other", 12)]);
        assert_eq!(series.sum(), 31);
    }

    #[test]
    fn a_counter_stops_at_the_largest() {
        let mut series = Series::<String, u64, 2>::default();
        for _ in 0..2 {
            series.add("a".to_owned(), u64::MAX - 1);
            series.add("b".to_owned(), 1);
        }
        assert_eq!(series.rows().next().unwrap().1, &u64::MAX);
        assert_eq!(series.sum(), u64::MAX);
    }
}
