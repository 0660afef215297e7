//! From the newest number to the oldest, past the dead.

use spinreel_platform::Store;

use super::map::{Map, SPAN};
use super::{LEVELS, Roster};
use crate::LedgerError;

/// The numbers of a [`Roster`] that are not known to be dead, newest first. Maps are read when the walk comes to them.
#[derive(Debug)]
pub struct Walk<'a, S> {
    roster: &'a Roster,
    store: &'a S,
    /// The highest number that was not looked at yet; 0 at the end.
    at: u64,
    /// How many levels of maps there can be.
    levels: u32,
    /// The map that the walk is in, level by level, with its index.
    maps: [Option<(u64, Map)>; LEVELS as usize],
}

impl<'a, S: Store> Walk<'a, S> {
    pub(super) fn new(roster: &'a Roster, store: &'a S, before: Option<u64>, head: u64) -> Self {
        // A map is struck in the one above it when all of its numbers were given and are dead.
        let levels = (1..LEVELS)
            .take_while(|level| head >= SPAN.pow(*level))
            .count();
        Self {
            roster,
            store,
            at: before.map_or(head, |before| before.saturating_sub(1).min(head)),
            levels: 1 + levels as u32,
            maps: [const { None }; LEVELS as usize],
        }
    }

    /// The next number, whose cell may be filled or empty; `None` past the oldest.
    pub async fn next(&mut self) -> Result<Option<u64>, LedgerError> {
        while self.at > 0 {
            match self.dead_stretch().await? {
                Some(below) => self.at = below,
                None => {
                    self.at -= 1;
                    return Ok(Some(self.at + 1));
                }
            }
        }
        Ok(None)
    }

    /// Where the walk goes on if the number it stands at is known to be dead: above all, past the largest stretch.
    async fn dead_stretch(&mut self) -> Result<Option<u64>, LedgerError> {
        for level in (0..self.levels).rev() {
            let numbers = SPAN.pow(level);
            let position = (self.at - 1) / numbers;
            let (index, bit) = (position / SPAN, position % SPAN);
            match self.map(level, index).await?.living_at_or_below(bit) {
                Some(living) if living == bit => {}
                Some(living) => return Ok(Some((index * SPAN + living + 1) * numbers)),
                None => return Ok(Some(index * SPAN * numbers)),
            }
        }
        Ok(None)
    }

    async fn map(&mut self, level: u32, index: u64) -> Result<&Map, LedgerError> {
        let known = &mut self.maps[level as usize];
        if known.as_ref().is_none_or(|(of, _)| *of != index) {
            *known = None;
        }
        match known {
            Some((_, map)) => Ok(map),
            None => {
                let map = self.roster.map(self.store, level, index).await?;
                Ok(&known.insert((index, map)).1)
            }
        }
    }
}
