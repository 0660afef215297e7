//! A video as the catalogue keeps it, and as a client sees it.

use serde::{Deserialize, Serialize};
use spinreel_api::Timestamp;
use spinreel_api::internal::StoredVideo;
use spinreel_api::videos::{Links, Status, Video, Visibility};

/// A video as the catalogue keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Time-ordered and opaque; storage-service gave it.
    pub id: String,
    /// What storage-service said of the file.
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
        }
    }

    /// Where it is in its life: what is in the catalogue has all its bytes.
    pub fn status(&self) -> Status {
        Status::Ready
    }

    /// Whether `viewer` may know of it and have its bytes.
    pub fn is_visible_to(&self, viewer: Viewer<'_>) -> bool {
        match self.visibility {
            Visibility::Public | Visibility::Unlisted => true,
            Visibility::Private => match viewer {
                Viewer::Anonymous => false,
                Viewer::User(id) => id == self.stored.owner,
                Viewer::Admin => true,
            },
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
            media: None,
            views: 0,
            created_at: self.stored.created_at,
            updated_at: self.updated_at,
            deleted_at: None,
            links: Links {
                this: format!("/v1/videos/{}", self.id),
                content: format!("/v1/videos/{}/content", self.id),
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
