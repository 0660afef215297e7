//! A video before its bytes are there, and the coming of its bytes, the first ones and others in their place.
//!
//! An upload is created at storage-service first, and then the video that waits for it: who dies in between leaves an upload
//! that nobody knows of. When its last byte is there, storage-service announces the file; when it ends without, it
//! withdraws it, and the video goes. A file that replaces another one names that one: so announcements that are late, or
//! come twice, never bring back a file that is gone.

use spinreel_api::internal::{AnnounceVideo, Attachment, StoredVideo};
use spinreel_api::videos::Details;
use spinreel_platform::{Clock, Store};

use super::catalogue::{Put, PutError, UpdateError, create, find, update};
use super::edits::Edits;
use super::record::Record;

/// What came of an announcement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// The video is new.
    Created,
    /// It was there; it has the file now, or had it, or another one since.
    Known {
        /// What was made of the file that it had before, and means nothing any more.
        stale: Option<Attachment>,
    },
    /// The video that the file is for is gone.
    Unwanted,
    /// Its owner is gone: it was not recorded, and is not to be told of again.
    OwnerGone,
}

/// Records a video whose bytes an upload is to bring: the location of `stored` is empty. 1 `increment` and 1 `set_many`, as
/// for any new video.
pub async fn expect(
    store: &impl Store,
    clock: &impl Clock,
    id: &str,
    stored: StoredVideo,
    edits: Edits,
    upload: &str,
) -> Result<Put, PutError> {
    create(store, clock, id, stored, |record| {
        describe(record, edits);
        record.upload = Some(upload.to_owned());
    })
    .await
}

/// Records that a file is there.
///
/// The ids must be [ids](super::id::is_id): they become parts of keys.
pub async fn arrive(
    store: &impl Store,
    clock: &impl Clock,
    id: &str,
    announced: AnnounceVideo,
) -> Result<Arrival, PutError> {
    let AnnounceVideo {
        stored,
        details,
        expected,
        replaces,
        inspection,
    } = announced;
    let may_be_unwanted = expected || replaces.is_some();
    let Some(record) = find(store, id).await? else {
        if may_be_unwanted {
            return Ok(Arrival::Unwanted);
        }
        let edits = edits_of(details.unwrap_or_default());
        let put = create(store, clock, id, stored, |record| {
            describe(record, edits);
            record.inspected(inspection);
        });
        let put = put.await?;
        return Ok(match put {
            Put::Created => Arrival::Created,
            Put::Known => Arrival::Known { stale: None },
            Put::OwnerGone => Arrival::OwnerGone,
        });
    };
    if record.stored.owner != stored.owner {
        return Err(PutError::OtherOwner);
    }
    if is_held(&record, &stored) {
        return Ok(Arrival::Known { stale: None });
    }
    let mut stale = None;
    let changed = update(store, clock, id, |record| {
        if let Some(taken) = take(record, stored, replaces.as_deref()) {
            stale = taken.stale;
            record.inspected(inspection);
        }
    })
    .await?;
    Ok(match changed {
        Some(_) => Arrival::Known { stale },
        None if may_be_unwanted => Arrival::Unwanted,
        // It ends, and its file with it.
        None => Arrival::Known { stale: None },
    })
}

/// Notes which upload is to bring a video other bytes.
pub async fn note_upload(
    store: &impl Store,
    clock: &impl Clock,
    id: &str,
    upload: &str,
) -> Result<Option<Record>, UpdateError> {
    update(store, clock, id, |record| {
        record.upload = Some(upload.to_owned());
    })
    .await
}

/// Whether a video has this file already.
fn is_held(record: &Record, stored: &StoredVideo) -> bool {
    let created_at = record.stored.created_at;
    let stored = StoredVideo {
        created_at,
        ..stored.clone()
    };
    record.stored == stored
}

/// A file that a video had not.
struct Taken {
    /// What was made of the one before.
    stale: Option<Attachment>,
}

/// Gives a video its file, if it waits for one or has the one that it replaces; `None` where it is no other file.
fn take(record: &mut Record, stored: StoredVideo, replaces: Option<&str>) -> Option<Taken> {
    let known = &record.stored.location;
    let is_first = known.is_empty();
    let is_same = *known == stored.location;
    if !is_first && !is_same && replaces != Some(known) {
        return None;
    }
    record.stored = StoredVideo {
        created_at: record.stored.created_at,
        ..stored
    };
    if is_same {
        return None;
    }
    record.upload = None;
    // What the old bytes were says nothing of the new ones.
    record.media = None;
    record.unplayable = None;
    Some(Taken {
        stale: record.index.take(),
    })
}

/// What was said of a video when it was created. It was brought into form by whoever took it.
fn describe(record: &mut Record, edits: Edits) {
    let created_at = record.updated_at;
    edits.apply(record, created_at);
}

fn edits_of(details: Details) -> Edits {
    Edits {
        title: details.title,
        description: details.description,
        tags: details.tags,
        visibility: details.visibility,
    }
}

/// What was said of a video, in the words of other services.
pub fn details_of(edits: Edits) -> Details {
    Details {
        title: edits.title,
        description: edits.description,
        tags: edits.tags,
        visibility: edits.visibility,
    }
}

#[cfg(test)]
#[path = "arrival_tests.rs"]
mod tests;
