//! What changes objects: storing, changing attributes, deleting. Each has one moment at which it happens,
//! the renaming or the removal of the object's record, and holds the object's lock around it.

use std::fs;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, MutexGuard};

use uuid::Uuid;

use super::data::{self, DataWriter, NewData, Written};
use super::folder::{remove, sync_dir, write_whole};
use super::{LOCKS, Storage, StorageError, lock};
use crate::checksum::{Claims, encode_crc32c, encode_md5};
use crate::object::{Attributes, Draft, Record};
use crate::preconditions::Preconditions;

impl Storage {
    /// Makes an empty data file for an object to come.
    pub(crate) fn new_data(&self) -> Result<(NewData, DataWriter), StorageError> {
        let id = Uuid::new_v4().simple().to_string();
        let path = self.folder.data(&id);
        Ok(NewData::create(id, path)?)
    }

    /// Holds preconditions against an object, before its bytes are worth receiving.
    pub(crate) fn check(
        &self,
        bucket: &str,
        name: &str,
        conditions: &Preconditions,
    ) -> Result<(), StorageError> {
        let current = self.bucket(bucket)?.get(name);
        conditions
            .check(current.as_deref())
            .map_err(StorageError::Precondition)
    }

    /// Stores an object whose bytes are written to `data`.
    pub(crate) fn store(
        &self,
        bucket: &str,
        draft: &Draft,
        conditions: &Preconditions,
        mut data: NewData,
        written: Written,
    ) -> Result<Arc<Record>, StorageError> {
        let result = self.commit(bucket, draft, conditions, &data.id, written);
        if matches!(result, Ok(_) | Err(StorageError::Unsynced(_))) {
            data.keep();
        }
        result
    }

    /// Checks and syncs a data file, and makes it the object's. On success, and on
    /// [`StorageError::Unsynced`], the data file belongs to the object.
    pub(super) fn commit(
        &self,
        bucket: &str,
        draft: &Draft,
        conditions: &Preconditions,
        data: &str,
        written: Written,
    ) -> Result<Arc<Record>, StorageError> {
        let index = self.bucket(bucket)?;
        if let Some(range) = draft.length {
            range.check(written.len)?;
        }
        let file = data::open_for_writing(&self.folder.data(data))?;
        let md5 = check_claims(draft.claims, written, || data::md5_of(&file))?;
        file.sync_all()?;
        self.folder.sync_data_names()?;

        let guard = self.lock_object(bucket, &draft.name);
        let old = index.get(&draft.name);
        conditions
            .check(old.as_deref())
            .map_err(StorageError::Precondition)?;
        self.check_pace(bucket, &draft.name)?;
        let generation = self.next_generation();
        let record = Arc::new(Record {
            name: draft.name.clone(),
            generation,
            metageneration: 1,
            size: written.len,
            crc32c: written.crc32c,
            md5,
            created: generation,
            updated: generation,
            data: data.to_owned(),
            attributes: draft.attributes.clone(),
            components: draft.components,
        });
        self.write_record(bucket, &record)?;
        self.note_pace(bucket, &record.name);
        index.insert(Arc::clone(&record));
        // The old data goes only once nothing can bring the old record back.
        self.sync_records(bucket)?;
        drop(guard);
        if let Some(old) = old {
            remove(&self.folder.data(&old.data));
        }
        Ok(record)
    }

    /// Changes the attributes of an object.
    pub(crate) fn update(
        &self,
        bucket: &str,
        name: &str,
        generation: Option<u64>,
        conditions: &Preconditions,
        change: impl FnOnce(&mut Attributes),
    ) -> Result<Arc<Record>, StorageError> {
        let _guard = self.lock_object(bucket, name);
        let current = self.object(bucket, name, generation)?;
        conditions
            .check(Some(&current))
            .map_err(StorageError::Precondition)?;
        self.check_pace(bucket, name)?;
        let mut record = Record::clone(&current);
        change(&mut record.attributes);
        record.attributes.check().map_err(StorageError::Attribute)?;
        record.metageneration += 1;
        record.updated = crate::clock::now();
        let record = Arc::new(record);
        self.write_record(bucket, &record)?;
        self.note_pace(bucket, name);
        self.bucket(bucket)?.insert(Arc::clone(&record));
        self.sync_records(bucket)?;
        Ok(record)
    }

    /// Deletes an object. Who reads it already reads it to its end.
    pub(crate) fn delete(
        &self,
        bucket: &str,
        name: &str,
        generation: Option<u64>,
        conditions: &Preconditions,
    ) -> Result<(), StorageError> {
        let guard = self.lock_object(bucket, name);
        let current = self.object(bucket, name, generation)?;
        conditions
            .check(Some(&current))
            .map_err(StorageError::Precondition)?;
        self.check_pace(bucket, name)?;
        fs::remove_file(self.folder.object(bucket, name))?;
        self.note_pace(bucket, name);
        self.bucket(bucket)?.remove(name);
        self.sync_records(bucket)?;
        drop(guard);
        remove(&self.folder.data(&current.data));
        Ok(())
    }

    fn write_record(&self, bucket: &str, record: &Record) -> Result<(), StorageError> {
        let bytes = serde_json::to_vec(record).map_err(std::io::Error::from)?;
        Ok(write_whole(
            &self.folder.object(bucket, &record.name),
            &bytes,
            true,
        )?)
    }

    fn sync_records(&self, bucket: &str) -> Result<(), StorageError> {
        sync_dir(&self.folder.objects(bucket)).map_err(StorageError::Unsynced)
    }

    fn check_pace(&self, bucket: &str, name: &str) -> Result<(), StorageError> {
        self.pace
            .as_ref()
            .map_or(Ok(()), |pace| pace.check(bucket, name, crate::clock::now()))
    }

    fn note_pace(&self, bucket: &str, name: &str) {
        if let Some(pace) = &self.pace {
            pace.note(bucket, name, crate::clock::now());
        }
    }

    fn lock_object(&self, bucket: &str, name: &str) -> MutexGuard<'_, ()> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((bucket, name));
        lock(&self.locks[(hash % LOCKS as u64) as usize])
    }
}

/// Holds what the client claims against the bytes. An MD5 is computed only where one is claimed: by
/// reading the file once more, since it may be claimed as late as with the last byte.
fn check_claims(
    claims: Claims,
    written: Written,
    md5: impl FnOnce() -> std::io::Result<[u8; 16]>,
) -> Result<Option<[u8; 16]>, StorageError> {
    if let Some(claimed) = claims.crc32c.filter(|claimed| *claimed != written.crc32c) {
        return Err(StorageError::Checksum {
            kind: "CRC32C",
            claimed: encode_crc32c(claimed),
            found: encode_crc32c(written.crc32c),
        });
    }
    let Some(claimed) = claims.md5 else {
        return Ok(None);
    };
    let found = md5()?;
    if found != claimed {
        return Err(StorageError::Checksum {
            kind: "MD5",
            claimed: encode_md5(&claimed),
            found: encode_md5(&found),
        });
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Read;

    use tokio::sync::mpsc;

    use super::*;
    use crate::query::Query;

    fn open(dir: &std::path::Path) -> Storage {
        let storage = Storage::open(dir, mpsc::channel(1).0, false).unwrap();
        if storage.bucket("films").is_err() {
            storage.create_bucket("films").unwrap();
        }
        storage
    }

    fn when(query: &str) -> Preconditions {
        Preconditions::from_query(&Query::parse(query).unwrap()).unwrap()
    }

    async fn put(
        storage: &Storage,
        name: &str,
        bytes: &[u8],
        query: &str,
    ) -> Result<Arc<Record>, StorageError> {
        let (data, mut writer) = storage.new_data().unwrap();
        writer.push(bytes).await.unwrap();
        let written = writer.finish().await.unwrap();
        let draft = Draft {
            name: name.to_owned(),
            ..Draft::default()
        };
        storage.store("films", &draft, &when(query), data, written)
    }

    fn data_files(dir: &std::path::Path) -> usize {
        fs::read_dir(dir.join("data")).unwrap().count()
    }

    #[tokio::test]
    async fn a_replaced_object_leaves_no_data_behind_and_outlives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let storage = open(dir.path());
        let first = put(&storage, "a", b"one", "").await.unwrap();
        let second = put(&storage, "a", b"other", "").await.unwrap();
        assert!(second.generation > first.generation);
        assert_eq!(data_files(dir.path()), 1);
        drop(storage);
        let storage = open(dir.path());
        assert_eq!(storage.object("films", "a", None).unwrap(), second);
        assert!(
            storage
                .object("films", "a", Some(first.generation))
                .is_err()
        );
        assert!(storage.next_generation() > second.generation);
    }

    #[tokio::test]
    async fn what_is_refused_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let storage = open(dir.path());
        let record = put(&storage, "a", b"one", "ifGenerationMatch=0")
            .await
            .unwrap();
        let refused = put(&storage, "a", b"two", "ifGenerationMatch=0").await;
        assert!(matches!(refused, Err(StorageError::Precondition(_))));
        assert_eq!(storage.object("films", "a", None).unwrap(), record);
        assert_eq!(data_files(dir.path()), 1);
        assert!(
            storage
                .delete("films", "a", None, &when("ifGenerationMatch=1"))
                .is_err()
        );
        let large = |attributes: &mut Attributes| {
            attributes
                .metadata
                .insert("k".to_owned(), "v".repeat(10_000));
        };
        assert!(
            storage
                .update("films", "a", None, &when(""), large)
                .is_err()
        );
        assert_eq!(storage.object("films", "a", None).unwrap(), record);
    }

    #[tokio::test]
    async fn a_reader_keeps_what_it_opened() {
        let dir = tempfile::tempdir().unwrap();
        let storage = open(dir.path());
        let record = put(&storage, "a", b"one", "").await.unwrap();
        let mut file = storage.open_data(&record).unwrap();
        storage.delete("films", "a", None, &when("")).unwrap();
        assert_eq!(data_files(dir.path()), 0);
        let mut content = String::new();
        file.read_to_string(&mut content).unwrap();
        assert_eq!(content, "one");
    }

    #[tokio::test]
    async fn a_stop_between_the_steps_leaves_the_old_object_or_the_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let storage = open(dir.path());
        let record = put(&storage, "a", b"one", "").await.unwrap();
        // Stopped after the data was written, and in the middle of writing the record.
        let path = storage.folder.object("films", "a");
        fs::write(storage.folder.data("orphan"), b"two").unwrap();
        fs::write(path.with_extension("json.tmp"), b"{\"name\":").unwrap();
        drop(storage);
        let storage = open(dir.path());
        assert_eq!(storage.object("films", "a", None).unwrap(), record);
        assert_eq!(data_files(dir.path()), 1);
        assert_eq!(
            fs::read_dir(storage.folder.objects("films"))
                .unwrap()
                .count(),
            1
        );

        // Stopped after the record was renamed, before the old data was removed.
        let next = Record {
            generation: record.generation + 1,
            data: "next".to_owned(),
            ..Record::clone(&record)
        };
        fs::write(storage.folder.data("next"), b"two").unwrap();
        storage.write_record("films", &next).unwrap();
        drop(storage);
        let storage = open(dir.path());
        assert_eq!(*storage.object("films", "a", None).unwrap(), next);
        assert_eq!(data_files(dir.path()), 1);
    }

    #[test]
    fn checksums_are_held_against_the_bytes() {
        let written = Written {
            len: 9,
            crc32c: 0xE306_9283,
        };
        let claims = |crc32c, md5| Claims { crc32c, md5 };
        let md5 = || Ok([7; 16]);
        assert_eq!(
            check_claims(claims(None, None), written, md5).unwrap(),
            None
        );
        assert_eq!(
            check_claims(claims(Some(0xE306_9283), None), written, md5).unwrap(),
            None
        );
        assert_eq!(
            check_claims(claims(None, Some([7; 16])), written, md5).unwrap(),
            Some([7; 16])
        );
        assert!(check_claims(claims(Some(1), None), written, md5).is_err());
        assert!(check_claims(claims(None, Some([8; 16])), written, md5).is_err());
    }
}
