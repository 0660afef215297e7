//! What storage-service does, without WASI: written against `spinreel-platform`'s traits.
//!
//! # A file's life
//! Every upload gets a number of its user and a [`record::FileRecord`] in the slot of that number. Before the first
//! byte goes to the bucket the record says what is being tried ([`record::State::Uploading`]); when the object is
//! there it becomes [`record::State::Stored`]; a deletion turns it into [`record::State::Deleting`] and then removes
//! it. Whoever comes upon a record that its owner abandoned can [settle](settle) it.
//!
//! # Names
//! Two uploads of one name are decided by the bucket: an object is written with `ifGenerationMatch=0`, so exactly one
//! of them creates it, and its deletion frees the name. The key `name/…` is an index, to refuse early and to find the
//! record; where it is missing or wrong, the object's metadata says which record it belongs to.

mod chunks;
pub mod content;
pub mod delete;
pub mod file_name;
pub mod peers;
pub mod record;
pub mod settle;
pub mod status;
pub mod storage;
pub mod upload;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
