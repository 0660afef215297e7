//! What the roster's tests share.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use spinreel_platform::Store;
use spinreel_platform::memory::MemoryStore;

use super::{Found, Roster, RosterPage};
use crate::LedgerError;

/// The roster `r` whose first `count` numbers were given, with nothing in their cells.
pub(super) async fn given(store: &impl Store, count: u32) -> Roster {
    let roster = Roster::new("r");
    roster.allocate(store, count).await.unwrap();
    roster
}

pub(super) async fn fill(roster: &Roster, store: &impl Store, numbers: &[u64]) {
    for number in numbers {
        roster
            .cell::<u64>(*number)
            .set(store, number)
            .await
            .unwrap();
    }
}

/// A page whose items are the filled cells.
pub(super) async fn page(
    roster: &Roster,
    store: &impl Store,
    before: Option<u64>,
    limit: usize,
) -> RosterPage<u64> {
    let look = async |number| -> Result<Found<u64>, LedgerError> {
        let value = roster.cell::<u64>(number).get(store).await?;
        Ok(value.map_or(Found::Nothing, Found::Item))
    };
    roster.page(store, before, limit, look).await.unwrap()
}

/// All filled and all empty numbers that pages of `limit` come to.
pub(super) async fn read(
    roster: &Roster,
    store: &impl Store,
    limit: usize,
) -> (Vec<u64>, BTreeSet<u64>) {
    let (mut filled, mut empty) = (Vec::new(), BTreeSet::new());
    let mut before = None;
    loop {
        let page = page(roster, store, before, limit).await;
        filled.extend(page.items.iter().map(|(number, _)| *number));
        empty.extend(page.empty);
        match page.next {
            Some(_) => before = page.next,
            None => return (filled, empty),
        }
    }
}

/// How many maps of the dead there are.
pub(super) fn maps(store: &MemoryStore) -> usize {
    let keys = store.keys();
    keys.iter().filter(|key| key.contains("/dead/")).count()
}
