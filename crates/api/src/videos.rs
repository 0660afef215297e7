//! The catalogue (video-service).

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Who may see a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Its owner and admins.
    #[default]
    Private,
    /// Whoever knows its id.
    Unlisted,
    /// Everybody; it is in the feed.
    Public,
}

/// Where a video is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Announced; its bytes are not all there.
    Uploading,
    /// Its bytes are there.
    Ready,
    /// Its bytes are there and are no video that can be played.
    Unplayable,
    /// In the trash.
    Deleted,
}

/// What a client says of a video; what is `None` is not said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Details {
    /// The title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Who may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
}

/// What a file is as a video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Media {
    /// The container's short name, such as `mp4`.
    pub container: String,
    /// Length in milliseconds.
    pub duration_ms: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// RFC 6381 name of the video codec.
    pub video_codec: Option<String>,
    /// RFC 6381 name of the audio codec.
    pub audio_codec: Option<String>,
    /// Bits per second over the whole file.
    pub bitrate: u64,
    /// Pictures a second, on average; `null` where the file does not say.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>))]
    pub frame_rate: Option<FrameRate>,
    /// Degrees clockwise that players turn the picture by: 0, 90, 180 or 270. Width and height are those before it.
    pub rotation: u16,
    /// Whether the index is at the front, so that a player can begin before it has the whole file.
    pub fast_start: bool,
}

/// Pictures a second, in thousandths: a number with at most three decimals on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FrameRate {
    /// A thousand times the pictures a second.
    pub thousandths: u32,
}

impl Serialize for FrameRate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.thousandths.is_multiple_of(1_000) {
            serializer.serialize_u32(self.thousandths / 1_000)
        } else {
            serializer.serialize_f64(f64::from(self.thousandths) / 1_000.0)
        }
    }
}

impl<'de> Deserialize<'de> for FrameRate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let thousandths = (f64::deserialize(deserializer)? * 1_000.0).round();
        if (0.0..=f64::from(u32::MAX)).contains(&thousandths) {
            // It is a whole number that fits.
            Ok(Self {
                thousandths: thousandths as u32,
            })
        } else {
            Err(serde::de::Error::custom("no frame rate"))
        }
    }
}

/// Where to go from a video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Links {
    /// The video itself.
    #[serde(rename = "self")]
    pub this: String,
    /// Its bytes.
    pub content: String,
    /// Its poster, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poster: Option<String>,
    /// Where the bytes are to be sent that it waits for: the absolute URL of an upload by tus 1.0.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
}

/// A video in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Video {
    /// Time-ordered and opaque.
    pub id: String,
    /// The owner's user id.
    pub owner: String,
    /// The name that it was uploaded under.
    pub filename: String,
    /// The file name until somebody changes it.
    pub title: String,
    /// Free text.
    pub description: String,
    /// Free words.
    pub tags: Vec<String>,
    /// Who may see it.
    pub visibility: Visibility,
    /// Where it is in its life.
    pub status: Status,
    /// Bytes.
    pub size: u64,
    /// The media type that its upload declared.
    pub content_type: String,
    /// What it is as a video; `null` until that is known.
    pub media: Option<Media>,
    /// Why it cannot be played, in a sentence for a person; `null` where it can be, or nobody knows yet.
    #[serde(default)]
    pub unplayable_reason: Option<String>,
    /// How often it was played.
    pub views: u64,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// When its description last changed.
    pub updated_at: Timestamp,
    /// When it was moved to the trash.
    pub deleted_at: Option<Timestamp>,
    /// Where to go from here.
    pub links: Links,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_frame_rate_is_a_number_with_three_decimals() {
        for (thousandths, json) in [
            (25_000, "25"),
            (29_970, "29.97"),
            (23_976, "23.976"),
            (1, "0.001"),
        ] {
            let rate = FrameRate { thousandths };
            assert_eq!(serde_json::to_string(&rate).unwrap(), json);
            assert_eq!(serde_json::from_str::<FrameRate>(json).unwrap(), rate);
        }
        for wrong in ["-1", "1e12", "\"25\""] {
            assert!(serde_json::from_str::<FrameRate>(wrong).is_err(), "{wrong}");
        }
    }
}
