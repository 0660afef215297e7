//! What only services say to each other.
//!
//! | call | who asks whom |
//! | --- | --- |
//! | `POST /internal/usage/reservations` [`Reserve`] → 201 [`Reservation`], 403 `bandwidth_exceeded` | storage, video → usage |
//! | `POST /internal/usage/settlements` [`Settle`] → 204 | storage, video → usage |
//! | `PUT /internal/usage/alerts/{id}` [`RaiseAlert`](crate::alerts::RaiseAlert) → 201 the first time, 200 when repeated | storage → usage |
//! | `PUT /internal/videos/{id}` [`AnnounceVideo`] → 204, 404 where it is not wanted | storage → video |
//! | `DELETE /internal/videos/{id}?location=` → 204 | storage → video |
//! | `GET /internal/videos/{id}` → 200 [`KnownVideo`], 404 | storage → video |
//! | `POST /internal/storage/uploads` [`CreateUpload`] → 201 [`UploadCreated`] | video → storage |
//! | `DELETE /internal/storage/uploads/{id}` → 204 | video → storage |
//! | `POST /internal/storage/forms?id=&username=&session_id=` with a form → 201 | video → storage |
//! | `GET /internal/storage/files/{location}/content` → 200, 206, 307 (`?link=1`), 404, 416 | video → storage |
//! | `POST /internal/storage/attachments?user_id=&id=&content_type=&in_quota=` bytes → 201 [`Attachment`], 403 `quota_exceeded` | video → storage |
//! | `DELETE /internal/storage/attachments/{id}?user_id=` → 204, also where none came of that id | video → storage |
//! | `DELETE /internal/storage/files/{location}` → 204, also where it is gone | video → storage |
//! | `PUT /internal/{storage,usage}/users/{id}/limit` [`SetLimit`] → 204 | user → storage, usage |
//! | `DELETE /internal/{storage,videos,usage}/users/{id}` → 200 [`Purged`] | user → storage, video, usage |
//! | `POST /internal/users/standing` [`AskStanding`] → 200 [`Standing`] | all → user |
//! | `GET /internal/users/trust?since=` → 200 keys and revocations | all → user |

use serde::{Deserialize, Serialize};

use crate::accounts::Role;
use crate::usage::{Action, ActionKind};
use crate::videos::{Details, Media, Video};
use crate::{Day, Timestamp};

/// Which way bytes go, seen from the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// An upload.
    In,
    /// A playback or a download.
    Out,
}

/// Takes a part of a user's bandwidth of the day before bytes are moved. Not to be repeated: each call takes it anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserve {
    /// Whose bandwidth.
    pub user_id: String,
    /// Which way.
    pub direction: Direction,
    /// How many bytes at most.
    pub bytes: u64,
    /// Where bytes go out: the playback that they are a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playback: Option<Playback>,
}

/// What one viewer takes of one video within an hour of the clock (UTC): one action, however many requests it is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Playback {
    /// The video.
    pub video_id: String,
    /// Who looks, in a word that is the same within a day and tells nobody who it is.
    pub viewer: String,
    /// [`ActionKind::Stream`] or [`ActionKind::Download`].
    pub kind: ActionKind,
}

/// Bandwidth that was reserved: the answer to [`Reserve`], to be handed back with [`Settle`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The UTC day that it counts on.
    pub day: Day,
    /// Which way.
    pub direction: Direction,
    /// How many bytes.
    pub bytes: u64,
    /// What usage-service calls the playback that has them too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playback: Option<String>,
}

/// Gives back what was reserved and not moved, and writes an action down. Not to be repeated: each call does it anew, and
/// one that is lost leaves too much on the counters of its days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    /// Whose bandwidth.
    pub user_id: String,
    /// What was reserved, in the order in which the bytes are paid with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reservations: Vec<Reservation>,
    /// How many bytes were truly moved.
    pub moved: u64,
    /// What was done; `None` where nothing came of it, or it is written down already.
    pub action: Option<Action>,
}

/// A file that became a video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredVideo {
    /// The owner's user id.
    pub owner: String,
    /// The name that it was uploaded under, without the user's prefix.
    pub filename: String,
    /// Bytes.
    pub size: u64,
    /// The media type that its upload declared.
    pub content_type: String,
    /// What storage-service calls the file: opaque.
    pub location: String,
    /// The bytes' entity tag, quotes included.
    pub etag: String,
    /// When it was stored.
    pub created_at: Timestamp,
}

/// Tells the catalogue of a file. Harmless when repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnounceVideo {
    /// The file.
    #[serde(flatten)]
    pub stored: StoredVideo,
    /// What its client said of the video. It counts where the video is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// Whether the catalogue knew of the video before its bytes came. Where it knows of it no more, the file is not wanted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expected: bool,
    /// The location of the file whose place it takes, where it brings new bytes to a video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// What the file is as a video, where that was seen while its bytes passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inspection: Option<Inspection>,
}

/// What came of an inspection of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inspection {
    /// It can be played.
    Playable(Media),
    /// It cannot, for this reason: a sentence for the person who uploaded it.
    Unplayable(String),
}

/// A video as its owner sees it, and its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownVideo {
    /// The video.
    pub video: Video,
    /// What storage-service calls its file; `None` while it has none.
    pub location: Option<String>,
}

/// Creates an upload over many requests for a video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateUpload {
    /// The owner's user id.
    pub user_id: String,
    /// The owner's name, the prefix of its objects.
    pub username: String,
    /// The video's id. It is known to the catalogue when the upload's bytes are there, or the file is not wanted.
    pub id: String,
    /// The file's name, without the user's prefix.
    pub filename: String,
    /// How many bytes will come; `None` where that is said later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The media type; `None`: what the name says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The location of the file whose place it takes, which has the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

/// An upload that takes bytes: the answer to [`CreateUpload`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadCreated {
    /// What its path `/v1/uploads/{id}` ends with.
    pub upload_id: String,
    /// The media type that the file will have.
    pub content_type: String,
    /// When it goes if nothing comes.
    pub expires_at: Timestamp,
}

/// A file that belongs to a video: its poster, its captions, its index. storage-service keeps it; it is no video of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// What storage-service calls the file: opaque.
    pub location: String,
    /// Bytes.
    pub size: u64,
    /// The bytes' entity tag, quotes included.
    pub etag: String,
    /// The media type.
    pub content_type: String,
}

/// Gives a user a limit of their own, or takes it away: what the user may store, or move in a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetLimit {
    /// Bytes; `None`: what everybody has. It must be said: a request that says nothing takes nothing away.
    #[serde(deserialize_with = "Option::deserialize")]
    pub limit_bytes: Option<u64>,
}

/// What one call did that removes everything of a user. It removes a part; callers repeat it until it is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purged {
    /// Things that this call removed: files, entries, days. 0 where it is not done: something that goes on has to end first.
    pub removed: u64,
    /// Whether nothing is left, and nothing is going on that may leave something.
    pub done: bool,
}

/// Asks whether a session is good at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskStanding {
    /// The user's id.
    pub user_id: String,
    /// The session's id (`sid`).
    pub session_id: String,
}

/// What a session is good for at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What its user may do; `None` where the session is over, or its user disabled or gone.
    pub role: Option<Role>,
}
