//! What storage-service does, without WASI: written against `spinreel-platform`'s traits.
//!
//! # A file's life
//! Every upload and every deletion takes a number of its user, and writes down under it what it is about to do: its
//! [intent](record::Intent). An upload's number becomes the file's: when the object is there and the quota is right, the
//! [file](record::FileRecord) takes the intent's place, in one write. A deletion removes the object, gives the quota back
//! and deletes the file; its intent then means nothing, and is removed with others. An intent whose lease is over was
//! abandoned: [`tidy`] brings it to its end, asked by the user's next request or by a [`sweep`].
//!
//! # The quota
//! [`used`](record::UserFiles::used) is moved by `increment` alone: up before bytes are taken, down after they are gone
//! and before their file is. So it may be too high, never too low. Whoever cannot know whether it was moved leaves a note,
//! and a [`recount`] makes it the sum of the files when nothing goes on that moves it.
//!
//! # Names
//! Two uploads of one name are decided by the bucket: an object is written with `ifGenerationMatch=0`, so exactly one
//! of them creates it, and its deletion frees the name. The key `name/…` is an index, to refuse early and to find the
//! file; where it is missing or wrong, the object's metadata says whose it is ([`names`]).
//!
//! # Who deletes
//! Two deletions of one file are decided by the bucket, too: it deletes a generation once, and tells one of them so, or
//! none if that answer is lost. The one that is told needs no lock. Who is told that the object was gone waits for it;
//! where there is nobody to wait for (an answer was lost, an instance died, the object is lost), it
//! [takes over](takeover) under the file's lock.
//!
//! # Users who go
//! A [`purge`] leaves the user's tombstone, deletes the files as the user would, and then forgets the user, but for the
//! tombstone and the numbers that must not be given again. Where there is a tombstone, no upload begins.
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
//! | an upload in one piece (number, intent, quota, the file with its name) | 5 | 4 |
//! | the same, where the request does not tell the size | 5 | 5 |
//! | a user's first upload | | 3 more |
//! | a deletion (number, intent, quota, the file with its name) | 4 | 4 |
//! | – that another one was faster than | 4 | 2 |
//! | an upload whose name is taken | 2 | 0 |
//! | a deletion of what is not there | 3 | 0 |
//! | after each upload and deletion | 1 | 0 |
//! | – and after one in 8 of them, instead, a look | 2, and 1 for each number since the mark; 3 for each deletion, and 1 for the map | 1, after deletions 2 |
//! | a status of n files | n + 2 | 0 |
//! | – after deletions | 1 more for each number since the mark that is no file, and 1 or 2 for each 4,096 numbers | 0 |
//! | a part of a purge | those of 2 looks, 1 for each of 32 files, and 32 deletions without their search | as the reads |
//!
//! One of the reads of an upload, a deletion and a status is that of the user's own [limit].
//!
//! Whoever crosses the alert's threshold, upwards or downwards, makes 1 write more. All writes are made before the answer but
//! those of a look and of an alert. A living file has two keys, its record and its name. A
//! deletion leaves one, of which a user has about 8 before they are removed.
mod alert;
mod chunks;
pub mod content;
pub mod delete;
pub mod file_name;
mod inspection;
pub mod limit;
mod names;
pub mod peers;
mod place;
mod purge;
pub mod reconcile;
pub mod record;
mod recount;
pub mod resumable;
mod settle;
pub mod status;
pub mod storage;
pub mod survey;
pub mod sweep;
mod takeover;
pub mod tidy;
pub mod upload;

#[cfg(test)]
mod attachment_tests;
#[cfg(test)]
mod costs;
#[cfg(test)]
mod deletion_tests;
#[cfg(test)]
mod purge_tests;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
