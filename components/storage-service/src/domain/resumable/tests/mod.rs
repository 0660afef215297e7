//! Resumable uploads, on a storage in memory.
#![allow(clippy::unwrap_used)]

mod concat;
mod crashes;
mod direct;
mod limits;
mod replace;
mod requests;
mod writers;

use std::cell::Cell;

use futures::executor::block_on;
use spinreel_ledger::{LEASE_MS, Patience};
use spinreel_platform::Random as _;
use spinreel_platform::memory::{CountingStore, MemoryStore};
use spinreel_platform::stepping::{Stepping, die_after};

use super::{Appended, Bytes, Created, NewUpload, ResumableError, Status, UploadId};
use crate::domain::record::{UserFiles, VideoHead};
use crate::domain::testing::{PieceSource, TestStorage, World, owner};
use crate::domain::tidy::Eagerness;

/// The bucket's quantum, and what the storage of these tests sends in one request.
const QUANTUM: usize = 256 * 1024;

/// A world whose store lets others run before each call.
pub(super) type Steps<'a> = Stepping<&'a CountingStore<MemoryStore>>;

fn files() -> UserFiles {
    UserFiles::new("u-1")
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

fn new_upload(world: &World, name: &str, length: Option<usize>) -> NewUpload {
    let mut id = [0; 8];
    world.random.fill(&mut id);
    NewUpload {
        id: format!("{:016x}", u64::from_le_bytes(id)),
        name: name.to_owned(),
        content_type: "video/mp4".to_owned(),
        length: length.map(|length| length as u64),
        metadata: "filename Y2xpcC5tcDQ=".to_owned(),
        video: VideoHead::default(),
        direct: None,
        ends_by_word: false,
        is_part: false,
    }
}

/// The storage as one request sees it, which sends small chunks to the bucket.
fn storage<'a>(world: &'a World, steps: &'a Steps<'a>) -> TestStorage<'a, Steps<'a>> {
    let mut storage = world.storage_on(steps);
    storage.chunk = QUANTUM as u64;
    storage
}

async fn create(
    world: &World,
    name: &str,
    length: Option<usize>,
) -> Result<Created, ResumableError> {
    let steps = Stepping(&world.store);
    storage(world, &steps)
        .create_upload(&owner(), new_upload(world, name, length))
        .await
}

async fn append(
    world: &World,
    id: &UploadId,
    offset: usize,
    bytes: &[u8],
) -> Result<Appended, ResumableError> {
    let said = Bytes {
        offset: offset as u64,
        size: Some(bytes.len() as u64),
        ..Bytes::default()
    };
    append_as(world, id, said, source(bytes)).await
}

async fn append_as(
    world: &World,
    id: &UploadId,
    said: Bytes,
    mut source: PieceSource,
) -> Result<Appended, ResumableError> {
    let steps = Stepping(&world.store);
    storage(world, &steps)
        .append_to_upload(&owner(), id, said, &mut source, async || Ok(true))
        .await
}

fn source(bytes: &[u8]) -> PieceSource {
    PieceSource::new(bytes.chunks(100_000).map(<[u8]>::to_vec))
}

async fn status(world: &World, id: &UploadId) -> Result<Status, ResumableError> {
    let steps = Stepping(&world.store);
    storage(world, &steps).upload_status("u-1", id).await
}

async fn offset(world: &World, id: &UploadId) -> usize {
    match status(world, id).await.unwrap() {
        Status::Open { offset, .. } => offset as usize,
        Status::Finished(file) => file.object.size as usize,
        Status::Waiting { .. } => panic!("it takes no bytes"),
    }
}

/// Sends what is missing in pieces of `size`, as a client does that goes on after any failure.
async fn send_rest(world: &World, id: &UploadId, content: &[u8], size: usize) {
    for _ in 0..100 {
        match status(world, id).await {
            Ok(Status::Finished(_)) => return,
            Ok(Status::Waiting { .. }) => panic!("it takes no bytes"),
            Ok(Status::Open { offset, .. }) => {
                let rest = &content[offset as usize..];
                let piece = &rest[..rest.len().min(size)];
                match append(world, id, offset as usize, piece).await {
                    // Somebody died who had the lock.
                    Err(ResumableError::Busy) => world.clock.advance_ms(2 * LEASE_MS),
                    Err(ResumableError::Bucket(_)) | Ok(_) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it does not come to its end");
}

/// What must be true when nothing goes on: the file is there with these bytes (`None`: nothing is), the quota is exact, and
/// nothing is left of the upload.
async fn check(world: &World, name: &str, content: Option<&[u8]>) {
    world.clock.advance_ms(2 * LEASE_MS);
    let storage = world.storage();
    for _ in 0..8 {
        storage.tidy(&files(), Eagerness::Now).await.unwrap();
        world.clock.advance_ms(2 * LEASE_MS);
    }
    let expected = content.map_or(0, <[u8]>::len) as i64;
    let count = storage.count(&files(), Patience::Leases).await.unwrap();
    assert_eq!(count.expect("nothing goes on").drift, 0);
    assert_eq!(files().used.get(&world.store).await.unwrap(), expected);
    let object = world.bucket.content(&format!("ada/{name}"));
    assert!(object.as_deref() == content, "the object differs");
    let parts = world.bucket.names();
    assert!(!parts.iter().any(|name| name.starts_with('.')), "{parts:?}");
    let status = storage.status(&owner()).await.unwrap();
    assert_eq!(status.body.used_storage, expected);
    assert_eq!(status.body.files.len(), usize::from(content.is_some()));
    let left = world.store.inner().keys();
    let left: Vec<_> = left
        .iter()
        .filter(|key| {
            ["/received/", "/writer/", "/waiting"]
                .iter()
                .any(|part| key.contains(part))
        })
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
