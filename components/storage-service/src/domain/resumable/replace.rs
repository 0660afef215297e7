//! New bytes for a video: an upload whose object takes the place of another file's, under the same name.
//!
//! The bucket decides: the object is written only if the one that it replaces is there still, so of two replacements, or a
//! replacement and a deletion, one comes about. From then on the old bytes are gone, and with the file's entry in place of
//! its upload's, so is the old file: it is hidden from lists, its quota is given back as that of any deleted file, and who
//! dies before that is made up for by the next look, or by whoever deletes the new one.

use spinreel_gcs::TokenCache;
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::ResumableError;
use crate::domain::content;
use crate::domain::delete::DeleteError;
use crate::domain::peers::Peers;
use crate::domain::record::{Owner, Replaced, UserFiles, VideoHead};
use crate::domain::storage::Storage;

/// What an upload is to replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The name that the file has and keeps.
    pub name: String,
    /// The media type that it has.
    pub content_type: String,
    /// What the new file is to the catalogue.
    pub video: VideoHead,
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// What it takes to replace the file at `location`, which is that of the video `video_id`: one `get`.
    ///
    /// # Errors
    /// [`ResumableError::NotFound`] where the user has no such file.
    pub async fn replacement_of(
        &self,
        owner: &Owner,
        location: &str,
        video_id: &str,
    ) -> Result<Replacement, ResumableError> {
        let number = content::number_of(&owner.user_id, location);
        let number = number.ok_or(ResumableError::NotFound)?;
        let files = UserFiles::new(&owner.user_id);
        let file = files.file(&self.store, number).await?;
        let file = file.filter(|file| file.head.video_id() == video_id);
        let file = file.ok_or(ResumableError::NotFound)?;
        let replaces = Replaced {
            video_id: video_id.to_owned(),
            number,
            generation: file.object.generation,
        };
        Ok(Replacement {
            name: file.head.name,
            content_type: file.head.content_type,
            video: VideoHead {
                replaces: Some(replaces),
                ..VideoHead::default()
            },
        })
    }

    /// Removes a file whose place another one took, and gives its quota back. Harmless when repeated: one `get` where that
    /// was done.
    pub(in crate::domain) async fn remove_replaced(
        &self,
        files: &UserFiles,
        replaced: &Replaced,
    ) -> Result<(), DeleteError> {
        let Some(old) = files.file(&self.store, replaced.number).await? else {
            return Ok(());
        };
        // It may be one that took another one's place itself.
        match Box::pin(self.remove(files, replaced.number, old)).await {
            Ok(_) | Err(DeleteError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
