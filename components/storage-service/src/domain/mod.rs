//! What storage-service does, without WASI: written against `spinreel-platform`'s traits.
//!
//! # A file's life
//! Every upload and every deletion takes a number of its user, and writes down under it what it is about to do: its
//! [intent](record::Intent). An upload's number becomes the file's: when the object is there and the quota is right, a
//! [file](record::FileRecord) is written under it, once; a deletion deletes it, once. Then the intent goes. An intent
//! whose lease is over was abandoned: [`tidy`] brings it to its end, asked by the user's next request or by a [`sweep`].
//!
//! # The quota
//! [`used`](record::UserFiles::used) is moved by `increment` alone: up before bytes are taken, down after they are gone.
//! So it may be too high, never too low. Whoever cannot know whether it was moved leaves a note, and a [`recount`]
//! makes it the sum of the files when nothing goes on that moves it.
//!
//! # Names
//! Two uploads of one name are decided by the bucket: an object is written with `ifGenerationMatch=0`, so exactly one
//! of them creates it, and its deletion frees the name. The key `name/…` is an index, to refuse early and to find the
//! file; where it is missing or wrong, the object's metadata says whose it is ([`names`]).
//!
//! # Users who go
//! A [`purge`] deletes the files of a user as the user would, and then forgets the user, but for the numbers that must
//! not be given again.
//!
//! # What is taken for granted
//! A call of the store, and a request to the bucket that was not answered, has its effect within
//! [`CALL_MS`](spinreel_ledger::CALL_MS) of being made, or never; the clocks of instances differ by less than that. What
//! breaks this costs an object without a file, which [`reconcile`] finds.
//!
//! # What costs what
//! In calls of the store, however many files there are or were: `costs` counts them.
//!
//! | | reads | writes |
//! |---|---|---|
//! | an upload in one piece (its intent, its share of the quota, the file with its name) | 5 | 5 |
//! | the same, where the request does not tell the size | 5 | 6 |
//! | a deletion | 10 to 12 | 9 |
//! | a look for what is abandoned, every half minute | 3, and 1 for each number since the mark | 1 |
//! | a status of n files | n + 4, and 1 for each 4,096 numbers that have a living one | |
//! | a user's first upload | | 3 |
//! | a part of a purge | those of 1 look, 1 for each of 32 files, and 32 deletions | as the reads |
//!
//! One of the reads of an upload, a deletion and a status is that of the user's own [limit].
//!
//! A living file has two keys, its record and its name.
mod alert;
mod chunks;
pub mod content;
pub mod delete;
pub mod file_name;
pub mod limit;
mod names;
pub mod peers;
mod purge;
pub mod reconcile;
pub mod record;
mod recount;
pub mod status;
pub mod storage;
pub mod sweep;
pub mod tidy;
pub mod upload;

#[cfg(test)]
mod costs;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
