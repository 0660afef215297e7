//! What video-service does, without WASI: written against `spinreel-platform`'s traits.
//!
//! # State
//! A video is one value, `videos/video/{id}`. Its owner's list is a row of slots, `videos/{owner}/list`, that hold ids;
//! a slot counts only if its video's record names that slot. So two that record one video at the same time leave one
//! entry in the list, and a deletion needs no more than deleting two keys. Slots that are empty for good are struck from
//! the list's maps ([`Roster`](spinreel_ledger::Roster)), so that they cost nobody anything.

pub mod catalogue;
pub mod conditions;
pub mod delivery;
pub mod disposition;
pub mod filter;
pub mod id;
mod listed;
pub mod media_type;
pub mod pseudonym;
pub mod purge;
pub mod record;
pub mod stored;

#[cfg(test)]
mod testing;
