//! Between which times the entries of each segment lie.

use serde::{Deserialize, Serialize};
use spinreel_ledger::{Cell, LedgerError};
use spinreel_platform::Store;

use crate::domain::class::PerClass;

/// How many zones a node holds.
pub const NODE: u64 = 64;

/// Times of the entries of some segments, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Numbers", into = "Numbers")]
pub struct Zone {
    /// The earliest time that an entry says.
    pub first_ms: u64,
    /// The latest time that an entry says.
    pub last_ms: u64,
    /// When the last one arrived.
    pub received_ms: u64,
    /// How many entries of each class there were from the journal's first to the last of these.
    pub through: PerClass,
}

/// A zone as it is stored.
type Numbers = (u64, u64, u64, PerClass);

impl From<Numbers> for Zone {
    fn from((first_ms, last_ms, received_ms, through): Numbers) -> Self {
        Self {
            first_ms,
            last_ms,
            received_ms,
            through,
        }
    }
}

impl From<Zone> for Numbers {
    fn from(zone: Zone) -> Self {
        (zone.first_ms, zone.last_ms, zone.received_ms, zone.through)
    }
}

impl Zone {
    /// The zone of no entries.
    pub const EMPTY: Self = Self {
        first_ms: u64::MAX,
        last_ms: 0,
        received_ms: 0,
        through: [0; 3],
    };

    /// The zone of these entries and those of `other`.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            first_ms: self.first_ms.min(other.first_ms),
            last_ms: self.last_ms.max(other.last_ms),
            received_ms: self.received_ms.max(other.received_ms),
            through: std::array::from_fn(|class| self.through[class].max(other.through[class])),
        }
    }

    /// Whether it may have entries from `since_ms` on that are before `until_ms`.
    pub fn overlaps(&self, since_ms: u64, until_ms: u64) -> bool {
        self.first_ms <= self.last_ms && self.last_ms >= since_ms && self.first_ms < until_ms
    }
}

/// A node: the zones of 64 neighbours. On level 0 these are segments, on level 1 nodes of level 0; above that nodes
/// are walked one by one, each for a quarter of a million cells of the journal.
pub fn node(level: u8, index: u64) -> Cell<Vec<Zone>> {
    Cell::new(format!("logs/zones/{level}/{index}"))
}

/// What must be written so that `zone` is that of `segment`, the one after all that have a zone.
pub async fn append(
    store: &impl Store,
    segment: u64,
    zone: Zone,
) -> Result<Vec<(String, Vec<u8>)>, LedgerError> {
    let (mut index, mut zone, mut pairs) = (segment, zone, Vec::new());
    for level in 0..2 {
        let cell = node(level, index / NODE);
        let mut zones = cell.get(store).await?.unwrap_or_default();
        // Where this was done before by somebody who died, it is done again.
        zones.truncate((index % NODE) as usize);
        zones.push(zone);
        pairs.push(cell.pair(&zones)?);
        zone = zones.into_iter().fold(Zone::EMPTY, Zone::with);
        index /= NODE;
    }
    Ok(pairs)
}

/// The zone of a segment; `None` where it has none.
pub async fn of_segment(store: &impl Store, segment: u64) -> Result<Option<Zone>, LedgerError> {
    let zones = node(0, segment / NODE).get(store).await?;
    Ok(zones.and_then(|zones| zones.get((segment % NODE) as usize).copied()))
}

/// How many entries of each class the segments before this one had, all that were ever written; `None` where that is not
/// known any more.
pub async fn before(store: &impl Store, segment: u64) -> Result<Option<PerClass>, LedgerError> {
    let Some(last) = segment.checked_sub(1) else {
        return Ok(Some(PerClass::default()));
    };
    let zone = of_segment(store, last).await?;
    Ok(zone.map(|zone| zone.through))
}

/// As [`before`], for a segment that the last one which has a zone lies before.
pub async fn through(store: &impl Store, segment: u64) -> Result<PerClass, LedgerError> {
    Ok(before(store, segment).await?.unwrap_or_default())
}

/// The keys of the nodes that the node of this segment follows, where it is the first of its own.
pub fn followed_by(segment: u64) -> Vec<String> {
    [(0, NODE), (1, NODE * NODE)]
        .into_iter()
        .filter(|(_, span)| segment > 0 && segment.is_multiple_of(*span))
        .map(|(level, span)| node(level, segment / span - 1).key().to_owned())
        .collect()
}
