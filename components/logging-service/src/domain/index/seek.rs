//! The reader's way through the index.

use spinreel_ledger::LedgerError;
use spinreel_platform::Store;

use super::levels::{self, Levels};
use super::postings;
use super::term::Term;
use super::zones::{self, NODE, Zone};

/// Which way a reader goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// From the newest to the oldest.
    #[default]
    Down,
    /// From the oldest to the newest.
    Up,
}

/// What a reader looks for: segments with entries between two times that have all of some terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// An entry must have each of these, so its segment does.
    pub terms: Vec<Term>,
    /// Not before this moment, in milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// Before this moment.
    pub until_ms: u64,
}

impl Wanted {
    /// Whether every segment will do.
    fn is_all(&self) -> bool {
        self.terms.is_empty() && !self.has_times()
    }

    fn has_times(&self) -> bool {
        self.since_ms > 0 || self.until_ms < u64::MAX
    }
}

/// Where a reader goes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// To this stretch.
    At(u64),
    /// Nowhere: there is nothing more.
    End,
    /// It has read enough of the index for one call; this is where it stands.
    Pause(u64),
}

/// The stretches that may hold what is wanted, one after the other. Those that are not in the index yet all may.
#[derive(Debug)]
pub struct Candidates<'a, S> {
    store: &'a S,
    wanted: &'a Wanted,
    direction: Direction,
    levels: Levels,
    /// The nodes of zones that were read last, by level.
    nodes: [Option<(u64, Vec<Zone>)>; 2],
    /// For each term the segments from the first number to before the second that have it.
    found: Vec<(u64, u64, Vec<u64>)>,
    reads_left: u32,
}

/// Either a segment that fits, or the first one beyond those that are known not to.
enum Step {
    Fits,
    GoTo(Option<u64>),
}

impl<'a, S: Store> Candidates<'a, S> {
    /// Begins; at most `reads` values of the index are read.
    pub async fn new(
        store: &'a S,
        wanted: &'a Wanted,
        direction: Direction,
        reads: u32,
    ) -> Result<Self, LedgerError> {
        let levels = match wanted.is_all() {
            true => Levels::default(),
            false => Levels::cell().get(store).await?.unwrap_or_default(),
        };
        Ok(Self {
            store,
            wanted,
            direction,
            levels,
            nodes: [None, None],
            found: vec![(0, 0, Vec::new()); wanted.terms.len()],
            reads_left: reads,
        })
    }

    /// The first stretch that may hold what is wanted, from `stretch` on.
    pub async fn next(&mut self, mut stretch: u64) -> Result<Next, LedgerError> {
        'look: loop {
            if stretch >= self.levels.indexed() {
                return Ok(Next::At(stretch));
            }
            if self.reads_left == 0 {
                return Ok(Next::Pause(stretch));
            }
            for look in 0..=self.wanted.terms.len() {
                let step = match look.checked_sub(1) {
                    None => self.look_at_times(stretch).await?,
                    Some(term) => self.look_at_term(term, stretch).await?,
                };
                match step {
                    Step::Fits => {}
                    Step::GoTo(Some(other)) => {
                        stretch = other;
                        continue 'look;
                    }
                    Step::GoTo(None) => return Ok(Next::End),
                }
            }
            return Ok(Next::At(stretch));
        }
    }

    async fn look_at_times(&mut self, segment: u64) -> Result<Step, LedgerError> {
        if !self.wanted.has_times() {
            return Ok(Step::Fits);
        }
        // From the coarse to the fine: a node that does not fit spares its 64 neighbours.
        for level in [1, 0] {
            let span = if level == 1 { NODE } else { 1 };
            let index = segment / span;
            let zone = self.zone(level, index).await?;
            let fits =
                zone.is_none_or(|zone| zone.overlaps(self.wanted.since_ms, self.wanted.until_ms));
            if !fits {
                return Ok(Step::GoTo(self.beyond(index * span, (index + 1) * span)));
            }
        }
        Ok(Step::Fits)
    }

    /// The zone of a node's or a segment's place in the level above it; `None` where it is not known.
    async fn zone(&mut self, level: u8, index: u64) -> Result<Option<Zone>, LedgerError> {
        let known = &mut self.nodes[usize::from(level)];
        let place = index / NODE;
        if known.as_ref().is_none_or(|(of, _)| *of != place) {
            let zones = zones::node(level, place).get(self.store).await?;
            *known = Some((place, zones.unwrap_or_default()));
            self.reads_left = self.reads_left.saturating_sub(1);
        }
        let zones = known.as_ref().map(|(_, zones)| zones);
        Ok(zones.and_then(|zones| zones.get((index % NODE) as usize).copied()))
    }

    async fn look_at_term(&mut self, which: usize, segment: u64) -> Result<Step, LedgerError> {
        let (from, to, _) = self.found[which];
        if !(from..to).contains(&segment) {
            self.found[which] = self.find(self.wanted.terms[which], segment).await?;
            self.reads_left = self.reads_left.saturating_sub(1);
        }
        let (from, to, segments) = &self.found[which];
        let place = segments.partition_point(|found| *found < segment);
        if segments.get(place) == Some(&segment) {
            return Ok(Step::Fits);
        }
        let other = match self.direction {
            Direction::Up => segments.get(place),
            Direction::Down => place.checked_sub(1).and_then(|place| segments.get(place)),
        };
        Ok(Step::GoTo(match other {
            Some(other) => Some(*other),
            None => self.beyond(*from, *to),
        }))
    }

    /// The segments of the run around `segment` that have `term`.
    async fn find(&self, term: Term, segment: u64) -> Result<(u64, u64, Vec<u64>), LedgerError> {
        let Some((level, run)) = self.levels.run_of(segment) else {
            return Ok((segment, segment + 1, vec![segment]));
        };
        let span = levels::span(level);
        let (from, to) = (run * span, (run + 1) * span);
        let page = self.store.get(&levels::key_of(level, run, term)).await?;
        let segments = match page {
            Some(bytes) => postings::find(&bytes, term)
                .into_iter()
                .map(|segment| from + u64::from(segment))
                .collect(),
            // It was merged, or dropped, since the reader began: then any segment may have it.
            None => (from..to).collect(),
        };
        Ok((from, to, segments))
    }

    /// The first segment beyond those from `from` to before `to`.
    fn beyond(&self, from: u64, to: u64) -> Option<u64> {
        match self.direction {
            // No segment that is not in the index yet is stepped over.
            Direction::Up => Some(to.min(self.levels.indexed())),
            Direction::Down => from.checked_sub(1),
        }
    }
}
