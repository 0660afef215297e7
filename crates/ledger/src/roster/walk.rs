//! From the newest number to the oldest, past the dead.

use spinreel_platform::Store;

use super::map::{Map, SPAN};
use super::{LEVELS, Roster};
use crate::LedgerError;

/// The numbers of a [`Roster`] that are not known to be dead, newest first. Maps are read when the walk comes to them, or
/// [later](Self::lazy).
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
    /// Whether maps are read only where something was empty.
    lazy: bool,
    /// Whether the number that was given last had nothing.
    was_empty: bool,
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
            lazy: false,
            was_empty: false,
        }
    }

    /// The same walk, but a map is read only after a number that [was empty](Self::was_empty): where all are living,
    /// none is.
    #[must_use]
    pub fn lazy(mut self) -> Self {
        self.lazy = true;
        self
    }

    /// Tells a lazy walk that the number it gave last has nothing.
    pub fn was_empty(&mut self) {
        self.was_empty = true;
    }

    /// Whether a number is known to be dead. For numbers that come newest first: what was read stays.
    pub async fn is_dead(&mut self, number: u64) -> Result<bool, LedgerError> {
        self.at = number;
        Ok(self.dead_stretch().await?.is_some())
    }

    /// The next number, whose cell may be filled or empty; `None` past the oldest.
    pub async fn next(&mut self) -> Result<Option<u64>, LedgerError> {
        let was_empty = std::mem::take(&mut self.was_empty);
        let asks_maps = !self.lazy || was_empty || self.knows_stretch();
        while self.at > 0 {
            let dead_stretch = match asks_maps {
                true => self.dead_stretch().await?,
                false => None,
            };
            match dead_stretch {
                Some(below) => self.at = below,
                None => {
                    self.at -= 1;
                    return Ok(Some(self.at + 1));
                }
            }
        }
        Ok(None)
    }

    /// Whether the maps of the stretch that the walk is in were read.
    fn knows_stretch(&self) -> bool {
        let stretch = self.at.saturating_sub(1) / SPAN;
        matches!(self.maps[0], Some((known, _)) if known == stretch)
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
