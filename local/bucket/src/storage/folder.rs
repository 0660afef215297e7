//! The files: where they are, how they are written so that a stop at any moment leaves them whole.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::index::BucketIndex;
use crate::object::Record;
use crate::options::StartError;

/// What the VERSION file says.
const VERSION: &str = "spinreel-bucket 1";

/// The end of the name of a file that is still being written.
const UNFINISHED: &str = ".tmp";

/// A bucket, as its file says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BucketRecord {
    pub(crate) name: String,
    /// In microseconds since 1970.
    pub(crate) created: u64,
}

/// The paths in a folder of buckets.
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Opens a folder, makes it if it is not there, and locks it against other processes.
    pub(super) fn open(root: &Path) -> Result<(Folder, File), StartError> {
        fs::create_dir_all(root).map_err(in_folder(root))?;
        let lock_path = root.join("LOCK");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(in_folder(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StartError::InUse {
                    path: root.to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => {
                return Err(StartError::Folder {
                    path: lock_path,
                    source,
                });
            }
        }
        let folder = Folder {
            root: root.to_owned(),
        };
        folder.check_version()?;
        for part in ["buckets", "data", "sessions"] {
            let path = root.join(part);
            fs::create_dir_all(&path).map_err(in_folder(&path))?;
        }
        sync_dir(root).map_err(in_folder(root))?;
        Ok((folder, lock))
    }

    fn check_version(&self) -> Result<(), StartError> {
        let path = self.root.join("VERSION");
        let refused = |found: String| StartError::Version {
            path: self.root.clone(),
            found,
            wanted: VERSION,
        };
        match fs::read_to_string(&path) {
            Ok(found) if found.trim_end() == VERSION => Ok(()),
            Ok(found) => Err(refused(format!("{:?}", found.trim_end()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let ours = ["LOCK", "VERSION.tmp", "lost+found"];
                for name in names_in(&self.root)? {
                    if !ours.contains(&name.as_str()) {
                        return Err(refused(format!("{name:?} and no VERSION file")));
                    }
                }
                write_whole(&path, format!("{VERSION}\n").as_bytes(), true)
                    .map_err(in_folder(&path))
            }
            Err(error) => Err(in_folder(&path)(error)),
        }
    }

    /// The folder itself.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The path of a data file.
    pub(super) fn data(&self, id: &str) -> PathBuf {
        self.root.join("data").join(id)
    }

    /// The path of a resumable upload's record.
    pub(super) fn session(&self, id: &str) -> PathBuf {
        self.sessions().join(format!("{id}.json"))
    }

    /// The folder of the resumable uploads.
    pub(super) fn sessions(&self) -> PathBuf {
        self.root.join("sessions")
    }

    /// The folder of a bucket's records.
    pub(super) fn objects(&self, bucket: &str) -> PathBuf {
        self.root.join("buckets").join(bucket).join("objects")
    }

    /// The path of an object's record: any name is safe, and has room, as a hash.
    pub(super) fn object(&self, bucket: &str, name: &str) -> PathBuf {
        self.objects(bucket)
            .join(format!("{:x}.json", Sha256::digest(name)))
    }

    /// Makes sure that the data files' names outlive a power failure.
    pub(super) fn sync_data_names(&self) -> io::Result<()> {
        sync_dir(&self.root.join("data"))
    }

    /// Writes the files of a bucket.
    pub(super) fn create_bucket(&self, record: &BucketRecord) -> io::Result<()> {
        let dir = self.root.join("buckets").join(&record.name);
        fs::create_dir_all(dir.join("objects"))?;
        write_whole(&dir.join("bucket.json"), &serde_json::to_vec(record)?, true)?;
        sync_dir(&dir)?;
        sync_dir(&self.root.join("buckets"))
    }

    /// Reads all records, and checks that the data of each is there.
    pub(super) fn load_buckets(&self) -> Result<BTreeMap<String, Arc<BucketIndex>>, StartError> {
        let mut buckets = BTreeMap::new();
        let parent = self.root.join("buckets");
        for name in names_in(&parent)? {
            let path = parent.join(&name).join("bucket.json");
            // A folder without its record is a bucket whose creation was cut short.
            if path.exists() {
                let record: BucketRecord = load(&path)?;
                let objects = self.load_objects(&name)?;
                buckets.insert(name, Arc::new(BucketIndex::new(record, objects)));
            }
        }
        Ok(buckets)
    }

    fn load_objects(&self, bucket: &str) -> Result<BTreeMap<String, Arc<Record>>, StartError> {
        let mut objects = BTreeMap::new();
        let parent = self.objects(bucket);
        for file in names_in(&parent)? {
            let path = parent.join(&file);
            if file.ends_with(UNFINISHED) {
                remove_leftover(&path)?;
                continue;
            }
            let record: Record = load(&path)?;
            let data = self.data(&record.data);
            let size = fs::metadata(&data).map(|data| data.len());
            if size.as_ref().ok() != Some(&record.size) {
                let found = size.map_or_else(|error| error.to_string(), |size| size.to_string());
                let detail = format!("{data:?} should have {} bytes: {found}", record.size);
                return Err(StartError::Damaged { path, detail });
            }
            objects.insert(record.name.clone(), Arc::new(record));
        }
        Ok(objects)
    }

    /// Removes every data file that is not `named`.
    pub(super) fn remove_data_except(&self, named: &HashSet<String>) -> Result<(), StartError> {
        let parent = self.root.join("data");
        for name in names_in(&parent)? {
            if !named.contains(&name) {
                let path = parent.join(&name);
                remove_leftover(&path)?;
                tracing::info!(file = name, "removed a leftover of an unfinished upload");
            }
        }
        Ok(())
    }
}

/// Writes a file so that it is there whole or not at all: under another name first, then renamed.
/// With `durable` its bytes outlive a power failure; its name does once the folder is synced.
pub(super) fn write_whole(path: &Path, bytes: &[u8], durable: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    write_with(&mut options, path, bytes, durable)
}

/// Does the same with a file that only its owner may read.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // One that was left by a kill may have other rights.
    remove(&unfinished(path));
    write_with(&mut options, path, bytes, true)
}

fn write_with(
    options: &mut OpenOptions,
    path: &Path,
    bytes: &[u8],
    durable: bool,
) -> io::Result<()> {
    let unfinished = unfinished(path);
    let mut write = || {
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .open(&unfinished)?;
        file.write_all(bytes)?;
        if durable {
            file.sync_all()?;
        }
        fs::rename(&unfinished, path)
    };
    write().inspect_err(|_| remove(&unfinished))
}

fn unfinished(path: &Path) -> PathBuf {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(UNFINISHED);
    unfinished.into()
}

/// Makes sure that the names in a folder outlive a power failure.
pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    // Only Unix can open a folder as a file; elsewhere the file system sees to it by itself.
    if cfg!(unix) {
        File::open(path)?.sync_all()
    } else {
        Ok(())
    }
}

/// Removes what an earlier run left unfinished. A write of that run that was still going on may be faster.
fn remove_leftover(path: &Path) -> Result<(), StartError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(in_folder(path)(error)),
        _ => Ok(()),
    }
}

/// Removes a file that nothing names any more. Where that fails, the next start removes it.
pub(super) fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "cannot remove a file");
    }
}

/// The names of the files in a folder.
pub(super) fn names_in(path: &Path) -> Result<Vec<String>, StartError> {
    let list = || {
        fs::read_dir(path)?
            .map(|entry| Ok(entry?.file_name()))
            .collect::<io::Result<Vec<_>>>()
    };
    let names = list().map_err(in_folder(path))?;
    Ok(names
        .into_iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect())
}

fn load<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, StartError> {
    let bytes = fs::read(path).map_err(in_folder(path))?;
    serde_json::from_slice(&bytes).map_err(|error| StartError::Damaged {
        path: path.to_owned(),
        detail: error.to_string(),
    })
}

/// Says where an error of the file system happened.
pub(super) fn in_folder(path: &Path) -> impl Fn(io::Error) -> StartError {
    let path = path.to_owned();
    move |source| StartError::Folder {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_folder_is_opened_once_at_a_time_and_again_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let first = Folder::open(dir.path()).unwrap();
        assert!(matches!(
            Folder::open(dir.path()),
            Err(StartError::InUse { .. })
        ));
        drop(first);
        assert!(Folder::open(dir.path()).is_ok());
    }

    #[test]
    fn a_folder_of_another_version_or_with_other_things_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("VERSION"), "spinreel-bucket 99\n").unwrap();
        let error = Folder::open(dir.path()).map(drop).unwrap_err();
        assert!(error.to_string().contains("spinreel-bucket 99"), "{error}");

        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.txt"), "mine").unwrap();
        let error = Folder::open(dir.path()).map(drop).unwrap_err();
        assert!(matches!(error, StartError::Version { .. }), "{error}");
        assert!(!dir.path().join("data").exists());
    }

    #[test]
    fn a_path_that_is_a_file_is_no_folder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "").unwrap();
        assert!(matches!(
            Folder::open(&path),
            Err(StartError::Folder { .. })
        ));
    }

    #[test]
    fn a_damaged_record_stops_the_start_and_keeps_all_data() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, _lock) = Folder::open(dir.path()).unwrap();
        folder
            .create_bucket(&BucketRecord {
                name: "films".to_owned(),
                created: 1,
            })
            .unwrap();
        let path = folder.object("films", "a");
        fs::write(&path, "{").unwrap();
        let error = folder.load_buckets().map(drop).unwrap_err();
        assert!(
            matches!(&error, StartError::Damaged { path: named, .. } if *named == path),
            "{error}"
        );

        let record = Record {
            data: "gone".to_owned(),
            size: 1,
            ..Record::default()
        };
        fs::write(&path, serde_json::to_vec(&record).unwrap()).unwrap();
        assert!(matches!(
            folder.load_buckets(),
            Err(StartError::Damaged { .. })
        ));
    }

    #[test]
    fn a_name_never_leaves_its_folder() {
        let folder = Folder {
            root: PathBuf::from("/r"),
        };
        for name in ["../../etc/passwd", "/", "a\0b", &"x".repeat(1024)] {
            let path = folder.object("films", name);
            assert_eq!(
                path.parent().unwrap(),
                Path::new("/r/buckets/films/objects")
            );
            assert_eq!(path.file_name().unwrap().len(), 64 + ".json".len());
        }
    }
}
