//! What video-service does, without WASI: written against `spinreel-platform`'s traits.
//!
//! # State
//! | key | what |
//! |---|---|
//! | `videos/{owner}/list/{slot}` | a video's record, in its slot of its owner's list |
//! | `videos/{owner}/list/head`, `…/list/dead/…` | the last slot that was given, and the maps of those that are dead ([`Roster`](spinreel_ledger::Roster)) |
//! | `videos/{owner}/watermark/{0,1,2}` | which slots had been given when |
//! | `videos/{owner}/state`, `…/lock/{version}/{window}` | how many changes there were, and the lock of each version: an owner's videos change one at a time |
//! | `videos/{owner}/gone` | the tombstone of an owner who is gone: nothing is recorded for them any more |
//! | `videos/feed/{number}`, `…/head`, `…/dead/…` | a copy of the record of each video that is public and ready, in a list of its own |
//! | `videos/trash/{number}`, `videos/endings/{number}`, `…/head`, `…/done` | the queues of what is in the trash and of what ends, and how far they are done |
//! | `videos/files/…` | changes of posters and captions that may have left files ([`beside`]) |
//! | `videos/views/{id}` | how often it was played ([`views`]); `videos/view-salt` is what today's viewers are told apart with |
//! | `videos/video/{id}` | where the video's record is: owner and slot |
//!
//! A video is there while its place names a slot that holds its record: a place whose slot is empty, or has another's
//! record, counts as absent. A slot is given once and filled once, so a deletion needs no more than deleting two keys. Slots
//! that are empty for good are struck from the maps, many at a time, by whoever met them, so that they cost nobody anything.

pub mod arrival;
pub mod beside;
pub mod byteranges;
pub mod catalogue;
pub mod conditions;
pub mod delivery;
pub mod disposition;
pub mod edits;
pub mod ending;
pub mod feed;
pub mod filter;
pub mod grant;
pub mod id;
mod indexing;
pub mod inspection;
pub mod language;
mod listed;
pub mod media_type;
pub mod new_video;
pub mod owner_lock;
pub mod packaged;
pub mod picture;
pub mod pieces;
pub mod pseudonym;
pub mod purge;
mod queue;
pub mod record;
pub mod stored;
mod terms;
mod update;
pub mod views;
pub mod webvtt;
pub mod words;

#[cfg(test)]
mod testing;
