use spinreel_api::usage::ActionKind;
use spinreel_ledger::{Counter, LedgerError};
use spinreel_platform::Store;

/// The bits of each number.
const BITS: u32 = 18;
/// From this many actions of a kind on, no more of it are written down that day: as many callers as that may be between
/// their look at the tally and their increment without a number running into the next one.
const FULL: u64 = (1 << BITS) - (1 << 12);

/// How many actions of each kind a day has, in one counter: uploads, playbacks and deletions, 18 bits each. Every action
/// is one increment of it. That raises the sum of the three by 1, so the sum is the position of the action in its day,
/// which no other action has. The whole stays below 2⁵⁴, which a [`Counter`] can be read back from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally(u64);

impl Tally {
    /// Reads it: one `get`. `None` where the counter is not there, or says nothing.
    pub(super) async fn get(
        store: &impl Store,
        counter: &Counter,
    ) -> Result<Option<Self>, LedgerError> {
        let sum = counter.get(store).await?;
        Ok(u64::try_from(sum).ok().filter(|sum| *sum > 0).map(Self))
    }

    /// Adds one action of this kind: one write.
    pub(super) async fn add(
        store: &impl Store,
        counter: &Counter,
        kind: ActionKind,
    ) -> Result<Self, LedgerError> {
        let sum = counter.add(store, 1 << shift(kind)).await?;
        Ok(Self(u64::try_from(sum).unwrap_or(0)))
    }

    /// Whether there are so many of this kind that no more are taken.
    pub(super) fn is_full(self, kind: ActionKind) -> bool {
        self.field(shift(kind)) >= FULL
    }

    /// How many actions there are: the position of the newest one.
    pub(super) fn actions(self) -> u64 {
        self.uploads() + self.downloads() + self.deletions()
    }

    pub(super) fn uploads(self) -> u64 {
        self.field(shift(ActionKind::Upload))
    }

    pub(super) fn downloads(self) -> u64 {
        self.field(shift(ActionKind::Download))
    }

    pub(super) fn deletions(self) -> u64 {
        self.field(shift(ActionKind::Delete))
    }

    fn field(self, shift: u32) -> u64 {
        (self.0 >> shift) & ((1 << BITS) - 1)
    }
}

fn shift(kind: ActionKind) -> u32 {
    match kind {
        ActionKind::Upload => 0,
        ActionKind::Stream | ActionKind::Download => BITS,
        ActionKind::Delete => 2 * BITS,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use proptest::prelude::*;
    use spinreel_platform::memory::MemoryStore;

    use super::*;

    const KINDS: [ActionKind; 4] = [
        ActionKind::Upload,
        ActionKind::Stream,
        ActionKind::Download,
        ActionKind::Delete,
    ];

    #[test]
    fn as_many_as_it_takes_fit_and_can_be_read_back() {
        let (store, counter) = (MemoryStore::default(), Counter::new("t"));
        block_on(async {
            assert_eq!(Tally::get(&store, &counter).await.unwrap(), None);
            for kind in [ActionKind::Upload, ActionKind::Stream, ActionKind::Delete] {
                let most = (FULL as i64 + (1 << 12) - 1) << shift(kind);
                counter.add(&store, most).await.unwrap();
            }
            let tally = Tally::get(&store, &counter).await.unwrap().unwrap();
            assert!(tally.0 < 1 << 54);
            let most = (1 << BITS) - 1;
            assert_eq!(
                (tally.uploads(), tally.downloads(), tally.deletions()),
                (most, most, most)
            );
            assert!(KINDS.into_iter().all(|kind| tally.is_full(kind)));
        });
    }

    #[test]
    fn a_kind_is_full_alone() {
        let tally = Tally(FULL << BITS);
        assert!(tally.is_full(ActionKind::Stream) && tally.is_full(ActionKind::Download));
        assert!(!tally.is_full(ActionKind::Upload) && !tally.is_full(ActionKind::Delete));
        assert!(!Tally((FULL - 1) << BITS).is_full(ActionKind::Stream));
    }

    proptest! {
        #[test]
        fn each_action_has_the_next_position_and_is_one_of_its_kind(
            kinds in prop::collection::vec(0..4_usize, 0..100),
        ) {
            let (store, counter) = (MemoryStore::default(), Counter::new("t"));
            let mut numbers = [0_u64; 4];
            for (n, kind) in kinds.into_iter().enumerate() {
                let tally = block_on(Tally::add(&store, &counter, KINDS[kind])).unwrap();
                numbers[kind] += 1;
                prop_assert_eq!(tally.actions(), n as u64 + 1);
                prop_assert_eq!(tally.uploads(), numbers[0]);
                prop_assert_eq!(tally.downloads(), numbers[1] + numbers[2]);
                prop_assert_eq!(tally.deletions(), numbers[3]);
                let read = block_on(Tally::get(&store, &counter)).unwrap();
                prop_assert_eq!(read, Some(tally));
            }
        }
    }
}
