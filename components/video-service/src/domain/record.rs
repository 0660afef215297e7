//! A video as the catalogue keeps it, and as a client sees it.

use serde::{Deserialize, Serialize};
use spinreel_api::Timestamp;
use spinreel_api::internal::{Attachment, Inspection, StoredVideo};
use spinreel_api::videos::{Links, Media, Status, Video, Visibility};

/// A video as the catalogue keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Time-ordered and opaque; storage-service gave it.
    pub id: String,
    /// What storage-service said of the file. Its location is empty while no bytes are there.
    pub stored: StoredVideo,
    /// The file name until somebody changes it.
    pub title: String,
    /// Free text.
    pub description: String,
    /// Free words.
    pub tags: Vec<String>,
    /// Who may see it.
    pub visibility: Visibility,
    /// The slot of the owner's list that holds this.
    #[serde(skip)]
    pub slot: u64,
    /// When it was recorded, in milliseconds since the Unix epoch.
    pub recorded_ms: u64,
    /// When the title, the description, the tags or the visibility last changed.
    pub updated_at: Timestamp,
    /// What the file is as a video; `None` until that is known, and where it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<Media>,
    /// Why the file cannot be played, for a person; `None` where it can be, or nobody looked yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unplayable: Option<String>,
    /// The picture that stands for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poster: Option<Attachment>,
    /// What is said in it, one for each language.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub captions: Vec<Caption>,
    /// Where its samples are, for packaging.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<Attachment>,
    /// The entity tag of the bytes that were looked at for `index`; it is there where they cannot be packaged, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indexed: Option<String>,
    /// How often it was played.
    #[serde(default)]
    pub views: u64,
    /// Since when it is in the trash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// When the trash gives it up; there with `deleted_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// Its entry in the queue of the trash; there with `deleted_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trash_entry: Option<u64>,
    /// Its entry in the queue of those that end; there with `ending`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending_entry: Option<u64>,
    /// Whether it is about to end for good: nobody sees it any more, its files are being deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ending: bool,
    /// Its number in the feed, while it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed_number: Option<u64>,
    /// When it got that, in milliseconds since the Unix epoch; 0 where it never had one.
    #[serde(default)]
    pub published_ms: u64,
    /// The playback links of lower epochs have ended.
    #[serde(default)]
    pub playback_epoch: u64,
    /// The upload over many requests that will bring its bytes, or other bytes in their place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
}

/// The captions of a video in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caption {
    /// The language (BCP 47).
    pub lang: String,
    /// The file.
    pub attachment: Attachment,
}

/// Who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer<'a> {
    /// Nobody in particular.
    Anonymous,
    /// The user with this id.
    User(&'a str),
    /// An admin.
    Admin,
}

impl Record {
    /// A file that was just stored: private, and titled by its name.
    pub fn new(id: &str, slot: u64, stored: StoredVideo) -> Self {
        Self {
            id: id.to_owned(),
            title: stored.filename.clone(),
            description: String::new(),
            tags: Vec::new(),
            visibility: Visibility::Private,
            slot,
            recorded_ms: stored.created_at.as_ms(),
            updated_at: stored.created_at,
            stored,
            media: None,
            unplayable: None,
            poster: None,
            captions: Vec::new(),
            index: None,
            indexed: None,
            views: 0,
            deleted_at: None,
            ends_at: None,
            trash_entry: None,
            ending_entry: None,
            ending: false,
            feed_number: None,
            published_ms: 0,
            playback_epoch: 0,
            upload: None,
        }
    }

    /// Where it is in its life.
    pub fn status(&self) -> Status {
        if self.deleted_at.is_some() {
            Status::Deleted
        } else if self.stored.location.is_empty() {
            Status::Uploading
        } else if self.unplayable.is_some() {
            Status::Unplayable
        } else {
            Status::Ready
        }
    }

    /// Whether it is gone for everybody at `now_ms`: it is ending, or its time in the trash is over.
    pub fn is_over(&self, now_ms: u64) -> bool {
        self.ending || self.ends_at.is_some_and(|end| end.as_ms() <= now_ms)
    }

    /// Whether `viewer` may know of it. What is in the trash is known to its owner and to admins, and plays for nobody
    /// ([`plays`](Self::plays)).
    pub fn is_visible_to(&self, viewer: Viewer<'_>) -> bool {
        if self.ending {
            return false;
        }
        match viewer {
            Viewer::Admin => true,
            Viewer::User(id) if id == self.stored.owner => true,
            Viewer::User(_) | Viewer::Anonymous => {
                self.visibility != Visibility::Private && self.deleted_at.is_none()
            }
        }
    }

    /// Whether its bytes are there for those who may see it.
    pub fn plays(&self) -> bool {
        matches!(self.status(), Status::Ready | Status::Unplayable) && !self.ending
    }

    /// Whether it belongs in the feed: everybody may see it, and its bytes are there.
    pub fn is_published(&self) -> bool {
        self.visibility == Visibility::Public && self.plays()
    }

    /// As it was before it was known what the file is.
    pub fn uninspected(&self) -> Self {
        Self {
            media: None,
            unplayable: None,
            ..self.clone()
        }
    }

    /// Keeps what the file is, where that is known.
    pub fn inspected(&mut self, inspection: Option<Inspection>) {
        match inspection {
            Some(Inspection::Playable(media)) => self.media = Some(media),
            Some(Inspection::Unplayable(reason)) => self.unplayable = Some(reason),
            None => {}
        }
    }

    /// As a client sees it.
    pub fn to_video(&self) -> Video {
        Video {
            id: self.id.clone(),
            owner: self.stored.owner.clone(),
            filename: self.stored.filename.clone(),
            title: self.title.clone(),
            description: self.description.clone(),
            tags: self.tags.clone(),
            visibility: self.visibility,
            status: self.status(),
            size: self.stored.size,
            content_type: self.stored.content_type.clone(),
            media: self.media.clone(),
            unplayable_reason: self.unplayable.clone(),
            views: self.views,
            created_at: self.stored.created_at,
            updated_at: self.updated_at,
            deleted_at: self.deleted_at,
            links: Links {
                this: format!("/v1/videos/{}", self.id),
                content: format!("/v1/videos/{}/content", self.id),
                poster: self
                    .poster
                    .as_ref()
                    .map(|_| format!("/v1/videos/{}/poster", self.id)),
                upload: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::stored;

    #[test]
    fn a_private_video_is_seen_by_its_owner_and_by_admins_only() {
        let record = Record::new("v-1", 1, stored("ada", "a.mp4"));
        assert!(record.is_visible_to(Viewer::User("ada")));
        assert!(record.is_visible_to(Viewer::Admin));
        assert!(!record.is_visible_to(Viewer::User("bob")));
        assert!(!record.is_visible_to(Viewer::Anonymous));
    }

    #[test]
    fn unlisted_and_public_videos_are_seen_by_everybody() {
        for visibility in [Visibility::Unlisted, Visibility::Public] {
            let mut record = Record::new("v-1", 1, stored("ada", "a.mp4"));
            record.visibility = visibility;
            for viewer in [Viewer::Anonymous, Viewer::User("bob"), Viewer::Admin] {
                assert!(record.is_visible_to(viewer), "{visibility:?} {viewer:?}");
            }
        }
    }

    #[test]
    fn what_is_in_the_trash_is_seen_by_its_owner_and_admins_and_plays_for_nobody() {
        let mut record = Record::new("v-1", 1, stored("ada", "a.mp4"));
        record.visibility = Visibility::Public;
        assert!(record.plays() && record.is_published());
        record.deleted_at = Some(record.updated_at);
        record.ends_at = Some(record.updated_at);
        assert_eq!(record.status(), Status::Deleted);
        for (viewer, seen) in [
            (Viewer::User("ada"), true),
            (Viewer::Admin, true),
            (Viewer::User("bob"), false),
            (Viewer::Anonymous, false),
        ] {
            assert_eq!(record.is_visible_to(viewer), seen, "{viewer:?}");
        }
        assert!(!record.plays() && !record.is_published());
        let end = record.updated_at.as_ms();
        assert!(record.is_over(end) && !record.is_over(end - 1));
        record.ending = true;
        assert!(!record.is_visible_to(Viewer::Admin) && record.is_over(0));
    }

    #[test]
    fn the_status_follows_from_the_bytes() {
        let mut record = Record::new("v-1", 1, stored("ada", "a.mp4"));
        record.unplayable = Some("It is a text.".to_owned());
        assert_eq!(record.status(), Status::Unplayable);
        record.stored.location.clear();
        assert_eq!(record.status(), Status::Uploading);
        assert!(!record.plays());
    }

    #[test]
    fn a_record_without_the_members_of_its_later_life_is_read() {
        let record = Record::new("v-1", 0, stored("ada", "a.mp4"));
        let mut json = serde_json::to_value(&record).expect("a record is JSON");
        let members = json.as_object_mut().expect("an object");
        members.retain(|name, _| {
            matches!(
                name.as_str(),
                "id" | "stored" | "title" | "description" | "tags"
            ) || matches!(name.as_str(), "visibility" | "recorded_ms" | "updated_at")
        });
        assert_eq!(serde_json::from_value::<Record>(json).ok(), Some(record));
    }

    #[test]
    fn a_new_video_is_private_ready_and_titled_by_its_file_name() {
        let video = Record::new("v-1", 1, stored("ada", "a.mp4")).to_video();
        assert_eq!(video.title, "a.mp4");
        assert_eq!(video.visibility, Visibility::Private);
        assert_eq!(video.status, Status::Ready);
        assert_eq!(video.updated_at, video.created_at);
        assert_eq!(video.links.this, "/v1/videos/v-1");
        assert_eq!(video.links.content, "/v1/videos/v-1/content");
    }
}
