//! The indexes of videos for HLS and DASH: made once for each file, kept beside it by storage-service, and read by ranges.

use std::rc::Rc;

use bytes::Bytes;
use http::header::RANGE;
use http::{Method, StatusCode};
use serde_json::json;
use spinreel_api::actions::Action;
use spinreel_api::internal::Attachment;
use spinreel_api::logs::Level;
use spinreel_http::Problem;
use spinreel_ledger::{Lease, Lock};
use spinreel_media::{InspectError, Inspected, ReadAt, ReadError, inspect, read_samples};
use spinreel_packaging::{Index, Limits, head_length, index, is_packageable};
use spinreel_platform::{Clock as _, collect};
use spinreel_service::{Context, PeerError};

use crate::domain::catalogue::{find, update};
use crate::domain::delivery::plain_path;
use crate::domain::ending::Files as _;
use crate::domain::packaged::{FIRST_READ, index_of, is_due};
use crate::domain::record::Record;
use crate::files::HttpFiles;
use crate::routes::{ledger_problem, update_problem};

/// The media type of an index.
const CONTENT_TYPE: &str = "application/octet-stream";
/// The longest head of an index that is read into memory, in bytes.
const LONGEST_HEAD: u64 = 4 * 1024 * 1024;
/// How long a request waits for another one that makes an index, and how often it looks, in milliseconds.
const PATIENCE_MS: u64 = 10_000;
const PAUSE_MS: u64 = 100;

/// A file of storage-service, read by ranges.
struct Stored<'a> {
    context: &'a Context,
    owner: &'a str,
    location: &'a str,
    size: u64,
}

impl ReadAt for Stored<'_> {
    async fn read_at(&mut self, offset: u64, length: u64) -> Result<Bytes, ReadError> {
        let read = read(self.context, self.owner, self.location, offset, length).await;
        read.map_err(|problem| ReadError(problem.internal.map_or(problem.detail, String::from)))
    }

    fn size(&self) -> u64 {
        self.size
    }
}

/// `length` bytes, at least 1, of a file from `offset` on.
async fn read(
    context: &Context,
    owner: &str,
    location: &str,
    offset: u64,
    length: u64,
) -> Result<Bytes, Problem> {
    let range = format!("bytes={offset}-{}", offset + length.saturating_sub(1));
    let storage = context.storage().about(owner);
    let path = plain_path(location);
    let mut response = storage
        .fetch(Method::GET, &path, &[(RANGE, &range)])
        .await?;
    let status = response.status();
    if status == StatusCode::NOT_FOUND {
        return Err(Problem::not_found().because("storage-service has no such file"));
    }
    let limit = usize::try_from(length).map_err(Problem::internal)?;
    let bytes = collect(response.body_mut(), limit).await;
    let bytes = bytes.map_err(Problem::unavailable)?;
    if status != StatusCode::PARTIAL_CONTENT || bytes.len() != limit {
        let found = bytes.len();
        return Err(Problem::unavailable(format!(
            "storage-service answered {status} with {found} bytes instead of {length}"
        )));
    }
    Ok(bytes.into())
}

/// The record with the index of its bytes, which is made now where nobody looked yet.
///
/// One request at a time makes it: that may take a read of the whole file, and many viewers come at once. The others wait
/// for it. Where the lock ends first, a second one begins, and one of both is kept.
pub(crate) async fn indexed(context: &Rc<Context>, record: Record) -> Result<Record, Problem> {
    if !is_due(&record) {
        return Ok(record);
    }
    let (store, clock) = (&context.store, &context.clock);
    let lock = Lock::new(format!("videos/indexing/{}", record.id)).with_lease(Lease::SHORT);
    let Some(held) = lock.acquire(store, clock).await.map_err(ledger_problem)? else {
        return made_by_another(context, record).await;
    };
    let indexed = make_and_keep(context, &record.id).await;
    if held.is_good(clock) {
        // One that stays is in nobody's way for long.
        let _ = held.release(store).await;
    }
    indexed
}

async fn make_and_keep(context: &Rc<Context>, id: &str) -> Result<Record, Problem> {
    // Read again: somebody may have made it before the lock was ours.
    let record = known(context, id).await?;
    if !is_due(&record) {
        return Ok(record);
    }
    let made = make(context, &record).await?;
    keep(context, record, made).await
}

/// The record when another request has made the index; 503 where that takes too long.
async fn made_by_another(context: &Context, mut record: Record) -> Result<Record, Problem> {
    let began_ms = context.clock.now_ms();
    while context.clock.now_ms().abs_diff(began_ms) < PATIENCE_MS {
        context.clock.sleep_ms(PAUSE_MS).await;
        record = known(context, &record.id).await?;
        if !is_due(&record) {
            return Ok(record);
        }
    }
    Err(Problem::unavailable("another request makes the index"))
}

async fn known(context: &Context, id: &str) -> Result<Record, Problem> {
    let found = find(&context.store, id).await.map_err(ledger_problem)?;
    found.ok_or_else(Problem::not_found)
}

/// The index of a video's bytes, stored; `None` where they cannot be packaged.
async fn make(context: &Context, record: &Record) -> Result<Option<Attachment>, Problem> {
    let stored = &record.stored;
    let mut file = Stored {
        context,
        owner: &stored.owner,
        location: &stored.location,
        size: stored.size,
    };
    let target = context.settings.number("segment_seconds");
    let limits = Limits::of_target(u32::try_from(target).unwrap_or(u32::MAX));
    let inspected = match look(&mut file, limits).await {
        Ok(inspected) => inspected,
        Err(InspectError::Unplayable(_)) => return Ok(None),
        Err(InspectError::Read(error)) => return Err(Problem::unavailable(error)),
    };
    let Some(bytes) = index(&inspected, stored.size, limits) else {
        return Ok(None);
    };
    drop(inspected);
    let path = format!(
        "/internal/storage/attachments?user_id={}&id={}&content_type={CONTENT_TYPE}&in_quota=false",
        stored.owner, record.id
    );
    let storage = context.storage().about(&stored.owner);
    let sent = storage.send_bytes(Method::POST, &path, CONTENT_TYPE, bytes.into());
    match sent.await {
        // Who has too many files has none for this one.
        Err(PeerError::Refused { code, .. }) if code == "quota_exceeded" => Ok(None),
        sent => Ok(Some(sent?)),
    }
}

/// What a file is, with all its samples where it can be packaged.
async fn look(file: &mut Stored<'_>, limits: Limits) -> Result<Inspected, InspectError> {
    let mut inspected = inspect(file, spinreel_media::Limits::default()).await?;
    if is_packageable(&inspected, limits) {
        read_samples(file, &mut inspected).await?;
    }
    Ok(inspected)
}

/// Has the record name the index, unless another one does it already; what nobody names goes.
async fn keep(
    context: &Rc<Context>,
    record: Record,
    made: Option<Attachment>,
) -> Result<Record, Problem> {
    let etag = record.stored.etag.clone();
    let mut unused = made.clone();
    let changed = update(&context.store, &context.clock, &record.id, |now| {
        if now.stored.etag == etag && is_due(now) {
            unused = std::mem::replace(&mut now.index, made);
            now.indexed = Some(etag);
        }
    });
    let changed = changed.await.map_err(update_problem)?;
    if let Some(unused) = unused {
        let (after, owner) = (Rc::clone(context), record.stored.owner.clone());
        context.after_answer(async move {
            if let Err(error) = HttpFiles(&after).delete(&owner, &unused.location).await {
                after.log.internal(
                    Level::Warn,
                    Action::VideoFileLeft,
                    error.to_string(),
                    json!({ "file.bytes": unused.size }),
                );
            }
        });
    }
    changed.ok_or_else(Problem::not_found)
}

/// The index of a video, with the bytes of it that were read.
pub(crate) struct Opened {
    pub(crate) index: Index,
    beginning: Bytes,
    attachment: Attachment,
}

/// Reads the head of a video's index; 404 where it has none.
pub(crate) async fn open(context: &Context, record: &Record) -> Result<Opened, Problem> {
    let attachment = index_of(record).ok_or_else(Problem::not_found)?;
    let owner = &record.stored.owner;
    let first = attachment.size.min(FIRST_READ);
    let mut beginning = read(context, owner, &attachment.location, 0, first).await?;
    let length = head_length(&beginning).map_err(Problem::internal)?;
    if length > first {
        if length > attachment.size.min(LONGEST_HEAD) {
            return Err(Problem::internal("the head of an index is too long"));
        }
        beginning = read(context, owner, &attachment.location, 0, length).await?;
    }
    let index = Index::read(&beginning).map_err(Problem::internal)?;
    if index.head.file_size != record.stored.size {
        return Err(Problem::internal("an index is of another file"));
    }
    Ok(Opened {
        index,
        beginning,
        attachment: attachment.clone(),
    })
}

impl Opened {
    /// The block of a segment; 404 where there is no such segment.
    pub(crate) async fn block(
        &self,
        context: &Context,
        record: &Record,
        track: usize,
        segment: usize,
    ) -> Result<Bytes, Problem> {
        let place = self.index.block(track, segment);
        let (at, length) = place.ok_or_else(Problem::not_found)?;
        let end = at
            .checked_add(length)
            .filter(|end| *end <= self.attachment.size);
        let end = end.ok_or_else(|| Problem::internal("a block lies beyond its index"))?;
        let range = usize::try_from(at).ok().zip(usize::try_from(end).ok());
        let known = range.filter(|(_, end)| *end <= self.beginning.len());
        match known {
            Some((at, end)) => Ok(self.beginning.slice(at..end)),
            None => {
                let location = &self.attachment.location;
                read(context, &record.stored.owner, location, at, length.max(1)).await
            }
        }
    }
}
