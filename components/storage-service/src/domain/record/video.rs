use serde::{Deserialize, Serialize};
use spinreel_api::internal::Inspection;
use spinreel_api::videos::Details;

use super::FileHead;

/// What a file is to the catalogue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoHead {
    /// What its client said of the video, until the catalogue was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// What its bytes are, where that was seen while they passed, until the catalogue was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inspection: Option<Inspection>,
    /// Whether the catalogue knew of the video before its bytes came: it is told if they do not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_expected: bool,
    /// The file whose place it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Replaced>,
}

impl VideoHead {
    /// What is left of it when the catalogue was told.
    pub(in crate::domain) fn told(&mut self) {
        self.details = None;
        self.inspection = None;
    }
}

/// A file whose place another one takes: under the same name, in the object of the same name, for the same video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// The video's id.
    pub video_id: String,
    /// The file's number.
    pub number: u64,
    /// The generation of its object.
    pub generation: i64,
}

impl FileHead {
    /// The id of the video that its bytes are those of.
    pub fn video_id(&self) -> &str {
        let replaces = self.video.replaces.as_ref();
        replaces.map_or(&self.id, |replaced| &replaced.video_id)
    }

    /// The generation that the object must have before this one is written: 0 where there must be none.
    pub fn expected_generation(&self) -> i64 {
        let replaces = self.video.replaces.as_ref();
        replaces.map_or(0, |replaced| replaced.generation)
    }

    /// Whether the catalogue may say that it does not want the file.
    pub fn may_be_unwanted(&self) -> bool {
        self.video.is_expected || self.video.replaces.is_some()
    }
}
