//! What lies beside a video: its poster and its captions.
//!
//! The files are storage-service's attachments; the record says where they are. A file is stored before the record names
//! it, and deleted after the record does not name it any more. Before all that a queue is told of it: whoever dies in
//! between leaves a file that nobody names, and the sweep deletes it.

use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderValue};
use spinreel_api::internal::Attachment;
use spinreel_api::operations::SweptVideos;
use spinreel_api::videos::Visibility;
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, Store};
use thiserror::Error;

use super::catalogue::{UpdateError, find, try_update};
use super::conditions::is_known;
use super::ending::{Files, attachments};
use super::queue::{Doubtful, Entry, Queue};
use super::record::{Caption, Record};

/// The most captions that a video has.
pub const MAX_CAPTIONS: usize = 100;
/// The largest file of these, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;
/// A file shows itself and does nothing else, opened as a page.
const POLICY: &str = "default-src 'none'; sandbox";

/// Which file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'a> {
    /// The picture that stands for the video.
    Poster,
    /// The captions in this language.
    Captions(&'a str),
}

impl Which<'_> {
    /// The file that a record names.
    pub fn of(self, record: &Record) -> Option<&Attachment> {
        match self {
            Self::Poster => record.poster.as_ref(),
            Self::Captions(lang) => {
                let caption = record.captions.iter().find(|caption| caption.lang == lang);
                caption.map(|caption| &caption.attachment)
            }
        }
    }

    /// Puts another file in its place, or none.
    fn put(self, record: &mut Record, file: Option<Attachment>) -> Result<(), TooMany> {
        match self {
            Self::Poster => record.poster = file,
            Self::Captions(lang) => {
                record.captions.retain(|caption| caption.lang != lang);
                if let Some(attachment) = file {
                    if record.captions.len() >= MAX_CAPTIONS {
                        return Err(TooMany);
                    }
                    record.captions.push(Caption {
                        lang: lang.to_owned(),
                        attachment,
                    });
                    record
                        .captions
                        .sort_by(|one, other| one.lang.cmp(&other.lang));
                }
            }
        }
        Ok(())
    }
}

/// The video has as many captions as one may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a video has captions in {MAX_CAPTIONS} languages at most")]
pub struct TooMany;

/// Why the record of a video does not name a file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReplaceError {
    /// There is no such video.
    #[error("there is no such video")]
    NoVideo,
    /// See [`TooMany`].
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The record could not be changed; it may name the file all the same.
    #[error(transparent)]
    Update(#[from] UpdateError),
}

/// Has the record of a video name another file, or none; the one that it named before.
pub async fn replace(
    store: &impl Store,
    clock: &impl Clock,
    id: &str,
    which: Which<'_>,
    file: Option<Attachment>,
) -> Result<Option<Attachment>, ReplaceError> {
    let mut before = None;
    let changed = try_update(store, clock, id, |record| {
        before = which.of(record).cloned();
        which.put(record, file)
    })
    .await?;
    changed.ok_or(ReplaceError::NoVideo)??;
    Ok(before)
}

/// How long after its begin the sweep looks what came of a change, in milliseconds: by then nobody is at it any more, and
/// an upload that died may be brought to its end.
const LEFT_ALONE_MS: u64 = 600_000;

/// Deletes attachments by the ids that they were to have: storage-service.
#[expect(async_fn_in_trait, reason = "used by generic code on one thread")]
pub trait Attachments: Files {
    /// Deletes what came of the attachments of `id`; no error where nothing did.
    async fn delete_attached(&self, owner: &str, id: &str) -> Result<(), Self::Error>;
}

/// Notes that a file of a video is about to change; `new` is the id that it will be attached under, where there is a new
/// one. Before that. Costs 2 writes.
pub async fn note(
    store: &impl Store,
    clock: &impl Clock,
    record: &Record,
    which: Which<'_>,
    new: Option<&str>,
) -> Result<(), LedgerError> {
    let number = Queue::Files.allocate(store).await?;
    let entry = Entry {
        id: record.id.clone(),
        at_ms: clock.now_ms(),
        files: Some(Doubtful {
            owner: record.stored.owner.clone(),
            new: new.map(str::to_owned),
            before: which.of(record).map(|file| file.location.clone()),
        }),
    };
    Queue::Files.cell(number).set(store, &entry).await
}

/// Deletes the files that changes left without anybody who names them: a page of the changes that are old enough.
pub async fn sweep(
    store: &impl Store,
    clock: &impl Clock,
    files: &impl Attachments,
) -> Result<SweptVideos, LedgerError> {
    let oldest = Queue::Files.oldest(store, clock).await?;
    let mut swept = SweptVideos::default();
    let (mut done, mut is_through) = (None, true);
    for (number, entry) in &oldest.entries {
        if let Some(entry) = entry {
            if clock.now_ms().abs_diff(entry.at_ms) < LEFT_ALONE_MS {
                is_through = false;
                break;
            }
            if clear(store, files, entry).await.is_err() {
                swept.pending += 1;
                is_through = false;
                break;
            }
        }
        done = Some(*number);
    }
    if let (Some(to), Some((from, _))) = (done, oldest.entries.first()) {
        Queue::Files.finish(store, *from, to).await?;
    }
    swept.more = is_through && oldest.more;
    Ok(swept)
}

/// Deletes those of an entry's files that the record does not name.
async fn clear(store: &impl Store, files: &impl Attachments, entry: &Entry) -> Result<(), String> {
    let Some(doubtful) = &entry.files else {
        return Ok(());
    };
    let record = find(store, &entry.id)
        .await
        .map_err(|error| error.to_string())?;
    let named = |is: &dyn Fn(&Attachment) -> bool| {
        record
            .as_ref()
            .is_some_and(|record| attachments(record).any(is))
    };
    if let Some(before) = &doubtful.before
        && !named(&|file| file.location == *before)
    {
        let deleted = files.delete(&doubtful.owner, before).await;
        deleted.map_err(|error| error.to_string())?;
    }
    if let Some(new) = &doubtful.new
        && !named(&|file| file.etag.starts_with(&format!("\"{new}.")))
    {
        let deleted = files.delete_attached(&doubtful.owner, new).await;
        deleted.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// What a request for a file comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The client has it: 304.
    NotModified(HeaderMap),
    /// All of it: 200.
    Whole(HeaderMap),
}

/// Reads the condition of a request for a file of a video.
pub fn answer(record: &Record, file: &Attachment, request: &HeaderMap) -> Answer {
    let mut headers = HeaderMap::new();
    let tag = HeaderValue::from_str(&file.etag).ok();
    headers.extend(tag.clone().map(|tag| (ETAG, tag)));
    // As the video's bytes: who may see it can change at any time.
    let cache = match record.visibility {
        Visibility::Private => "private, no-cache",
        Visibility::Unlisted | Visibility::Public => "no-cache",
    };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    if tag.is_some_and(|tag| is_known(request, &tag)) {
        return Answer::NotModified(headers);
    }
    let content_type = match file.content_type.as_str() {
        "text/vtt" => "text/vtt; charset=utf-8",
        content_type => content_type,
    };
    let content_type = HeaderValue::from_str(content_type).ok();
    headers.extend(content_type.map(|content_type| (CONTENT_TYPE, content_type)));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(CONTENT_LENGTH, file.size.into());
    Answer::Whole(headers)
}

#[cfg(test)]
#[path = "beside_tests.rs"]
mod tests;
