//! The folder that holds the buckets. Everything here is synchronous and knows no HTTP; callers in the
//! server run it through [`blocking`].
//!
//! ```text
//! VERSION  LOCK
//! service-account.json  hmac.json  token-key    the secrets of a strict bucket
//! buckets/<bucket>/bucket.json          a bucket
//! buckets/<bucket>/objects/<hash>.json  an object's record; <hash> is the SHA-256 of its name
//! data/<id>                             an object's bytes, or what has arrived of them
//! sessions/<id>.json                    a resumable upload
//! ```
//!
//! A data file never changes once a record names it, and it never moves: storing an object is to write
//! and sync a data file, then to rename a record that names it into place. What no record names is a
//! leftover, which the next start removes.

mod commit;
mod data;
mod folder;
mod index;
mod pace;
mod resume;
mod secret;
mod session;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::mpsc;

use crate::names;
use crate::object::Record;
use crate::options::StartError;
use crate::preconditions::Unmet;

pub(crate) use data::{DataWriter, UNIT};
pub(crate) use folder::BucketRecord;
use folder::Folder;
pub(crate) use index::{BucketIndex, Selection};
use pace::Pace;
use session::Sessions;
pub(crate) use session::{Found, Session, Ticket};

/// How many objects can be committed at the same time.
const LOCKS: usize = 64;

/// Why the storage did not do what it was asked for. Nothing has changed, but for [`StorageError::Unsynced`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    #[error("The specified bucket does not exist.")]
    NoSuchBucket,
    #[error("No such object: {bucket}/{name}")]
    NoSuchObject { bucket: String, name: String },
    #[error("There is no such upload: it never was, was cancelled, has failed or has expired.")]
    NoSuchSession,
    #[error("The bucket exists already.")]
    BucketExists,
    #[error("Invalid bucket name: {0}.")]
    BucketName(&'static str),
    #[error("At least one of the pre-conditions you specified did not hold.")]
    Precondition(Unmet),
    #[error(
        "The {kind} that the request names is {claimed}, but that of the received bytes is {found}."
    )]
    Checksum {
        kind: &'static str,
        claimed: String,
        found: String,
    },
    #[error("The name was written less than a second ago; that is the most for one name.")]
    TooFast,
    /// The XML API's code says which way.
    #[error("The object's size is outside of X-Goog-Content-Length-Range.")]
    Length(&'static str),
    #[error("{0}")]
    Attribute(String),
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The change is made and visible, but may not outlive a power failure.
    #[error("{0}")]
    Unsynced(io::Error),
}

/// An opened folder of buckets.
pub(crate) struct Storage {
    folder: Folder,
    buckets: RwLock<BTreeMap<String, Arc<BucketIndex>>>,
    sessions: Sessions,
    /// One of them is held while an object changes, chosen by its name.
    locks: [Mutex<()>; LOCKS],
    /// The last generation that was given out.
    generation: AtomicU64,
    /// Where writes of one name have a limit.
    pace: Option<Pace>,
    /// Keeps other processes out of the folder.
    _lock: File,
    /// Tells the starter that the folder is free again; after the lock, since fields drop in their order.
    _released: mpsc::Sender<()>,
}

impl Storage {
    /// Opens the folder, makes it if need be, loads its index and removes what a killed process left behind.
    /// `released` is dropped when the storage is; `paced` limits the writes of one name.
    pub(crate) fn open(
        dir: &Path,
        released: mpsc::Sender<()>,
        paced: bool,
    ) -> Result<Storage, StartError> {
        let (folder, lock) = Folder::open(dir)?;
        let buckets = folder.load_buckets()?;
        let newest = buckets
            .values()
            .map(|bucket| bucket.newest_generation())
            .max();
        let storage = Storage {
            folder,
            buckets: RwLock::new(buckets),
            sessions: Sessions::default(),
            locks: [const { Mutex::new(()) }; LOCKS],
            generation: AtomicU64::new(newest.unwrap_or(0)),
            pace: paced.then(Pace::default),
            _lock: lock,
            _released: released,
        };
        storage.load_sessions()?;
        storage.remove_leftovers()?;
        Ok(storage)
    }

    /// Makes a bucket.
    pub(crate) fn create_bucket(&self, name: &str) -> Result<Arc<BucketIndex>, StorageError> {
        names::check_bucket(name).map_err(StorageError::BucketName)?;
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        if buckets.contains_key(name) {
            return Err(StorageError::BucketExists);
        }
        let record = BucketRecord {
            name: name.to_owned(),
            created: crate::clock::now(),
        };
        self.folder.create_bucket(&record)?;
        let bucket = Arc::new(BucketIndex::new(record, BTreeMap::new()));
        buckets.insert(name.to_owned(), Arc::clone(&bucket));
        Ok(bucket)
    }

    /// A bucket by its name.
    pub(crate) fn bucket(&self, name: &str) -> Result<Arc<BucketIndex>, StorageError> {
        let buckets = self.buckets.read().unwrap_or_else(PoisonError::into_inner);
        buckets.get(name).cloned().ok_or(StorageError::NoSuchBucket)
    }

    /// Up to `limit` buckets whose names start with `prefix`, from the name `from` on, and the name
    /// that the next page starts from.
    pub(crate) fn buckets(
        &self,
        prefix: &str,
        from: &str,
        limit: usize,
    ) -> (Vec<Arc<BucketIndex>>, Option<String>) {
        let buckets = self.buckets.read().unwrap_or_else(PoisonError::into_inner);
        let mut rest = buckets
            .range(from.max(prefix).to_owned()..)
            .take_while(|(name, _)| name.starts_with(prefix));
        let page = rest
            .by_ref()
            .take(limit)
            .map(|(_, bucket)| Arc::clone(bucket))
            .collect();
        (page, rest.next().map(|(name, _)| name.clone()))
    }

    /// An object by its name, of one generation if that is asked for.
    pub(crate) fn object(
        &self,
        bucket: &str,
        name: &str,
        generation: Option<u64>,
    ) -> Result<Arc<Record>, StorageError> {
        self.bucket(bucket)?
            .get(name)
            .filter(|record| generation.is_none_or(|wanted| wanted == record.generation))
            .ok_or_else(|| StorageError::NoSuchObject {
                bucket: bucket.to_owned(),
                name: name.to_owned(),
            })
    }

    /// Opens the bytes of an object. They stay readable through the file whatever happens to the object.
    pub(crate) fn open_data(&self, record: &Record) -> io::Result<File> {
        File::open(self.folder.data(&record.data))
    }

    /// The next generation: the time in microseconds, but always more than the one before.
    fn next_generation(&self) -> u64 {
        let now = crate::clock::now();
        let next = |last: u64| now.max(last + 1);
        let last = self
            .generation
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
                Some(next(last))
            })
            .unwrap_or_else(|last| last);
        next(last)
    }

    fn remove_leftovers(&self) -> Result<(), StartError> {
        let buckets = self.buckets.read().unwrap_or_else(PoisonError::into_inner);
        let mut named = self.sessions.data_files();
        for bucket in buckets.values() {
            bucket.each(|record| {
                named.insert(record.data.clone());
            });
        }
        self.folder.remove_data_except(&named)
    }
}

/// Runs storage work where it may block. The work goes on to its end even if the caller is dropped.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(StorageError::Io(io::Error::other(error))),
    }
}

/// Locks; a panic elsewhere does not make the value unusable, since every change under these locks is one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn generations_increase_even_if_the_clock_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(dir.path(), mpsc::channel(1).0, false).unwrap();
        let future = crate::clock::now() + 3_600_000_000;
        storage.generation.store(future, Ordering::Relaxed);
        assert_eq!(storage.next_generation(), future + 1);
        assert_eq!(storage.next_generation(), future + 2);
    }

    #[test]
    fn buckets_are_listed_by_pages() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(dir.path(), mpsc::channel(1).0, false).unwrap();
        for name in ["b-one", "a-one", "b-two", "b-three"] {
            storage.create_bucket(name).unwrap();
        }
        let names = |page: &[Arc<BucketIndex>]| {
            page.iter()
                .map(|bucket| bucket.record.name.clone())
                .collect::<Vec<_>>()
        };
        let (page, next) = storage.buckets("b-", "", 2);
        assert_eq!(names(&page), ["b-one", "b-three"]);
        let (page, next) = storage.buckets("b-", &next.unwrap(), 2);
        assert_eq!((names(&page), next), (vec!["b-two".to_owned()], None));
    }
}
