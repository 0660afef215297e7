//! One object of the objects of parts. The bucket joins 32 at a time: more are joined in two steps.

use futures::future::join_all;
use spinreel_gcs::{
    Crc32c, Error as BucketError, LARGEST_COMPOSITION, Object, Source, TokenCache, WRITE_ID,
};
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::create::new_object;
use super::parts::WholePart;
use crate::domain::peers::Peers;
use crate::domain::record::{FileHead, Owner, StoredObject, UserFiles};
use crate::domain::storage::{SettleError, Storage};

/// The most parts of a final upload: as many as are joined in two steps.
pub const MOST_PARTS: usize = LARGEST_COMPOSITION * LARGEST_COMPOSITION;
/// How many objects are deleted at a time.
const AT_ONCE: usize = 8;

/// An object of a composition.
type Component = (Source, Crc32c);

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Makes the object of a final upload. Repeated after any failure, it finds what it made before.
    pub(super) async fn compose(
        &self,
        files: &UserFiles,
        number: u64,
        head: &FileHead,
        parts: &[WholePart],
    ) -> Result<Object, BucketError> {
        let mut components: Vec<Component> = parts.iter().map(component).collect();
        if components.len() > LARGEST_COMPOSITION {
            let mut joined = Vec::new();
            for (group, name) in
                components
                    .chunks(LARGEST_COMPOSITION)
                    .zip(group_names(files, head, parts.len()))
            {
                let object = self.compose_as(files, number, head, &name, group).await?;
                let source = Source {
                    name,
                    generation: object.generation,
                };
                joined.push((source, Crc32c::known(object.crc32c, object.size)));
            }
            components = joined;
        }
        self.compose_as(files, number, head, &head.object, &components)
            .await
    }

    async fn compose_as(
        &self,
        files: &UserFiles,
        number: u64,
        head: &FileHead,
        name: &str,
        components: &[Component],
    ) -> Result<Object, BucketError> {
        let sum = components
            .iter()
            .fold(Crc32c::new(), |sum, (_, next)| sum.followed_by(*next));
        let sources: Vec<Source> = components
            .iter()
            .map(|(source, _)| source.clone())
            .collect();
        let object = new_object(files, number, head, name);
        let composed = self
            .bucket
            .compose(&object, &sources, sum.length(), sum.value());
        Ok(composed.await?.object)
    }

    /// Removes what was made on the way to the object of a final upload of so many parts.
    pub(super) async fn remove_groups(
        &self,
        files: &UserFiles,
        head: &FileHead,
        parts: usize,
    ) -> Result<(), SettleError> {
        for name in group_names(files, head, parts) {
            self.remove_own(&name, head).await?;
        }
        Ok(())
    }

    /// Removes an object if the upload made it.
    pub(super) async fn remove_own(&self, name: &str, head: &FileHead) -> Result<(), SettleError> {
        let found = self.bucket.metadata(name).await?;
        let own = found.filter(|object| object.metadata.get(WRITE_ID) == Some(&head.id));
        if let Some(object) = own {
            self.bucket.delete(&object.name, object.generation).await?;
        }
        Ok(())
    }

    /// Deletes objects, a few at a time. It is no error if one is gone.
    pub(super) async fn remove_objects(
        &self,
        objects: &[(String, StoredObject)],
    ) -> Result<(), SettleError> {
        for some in objects.chunks(AT_ONCE) {
            let deletions = some
                .iter()
                .map(|(name, object)| self.bucket.delete(name, object.generation));
            for deleted in join_all(deletions).await {
                deleted?;
            }
        }
        Ok(())
    }
}

fn component(part: &WholePart) -> Component {
    let source = Source {
        name: part.upload.head.object.clone(),
        generation: part.object.generation,
    };
    (source, Crc32c::known(part.object.crc32c, part.object.size))
}

/// The names of the objects between the parts and the whole; none where one step is enough.
fn group_names(files: &UserFiles, head: &FileHead, parts: usize) -> Vec<String> {
    let groups = match parts > LARGEST_COMPOSITION {
        true => parts.div_ceil(LARGEST_COMPOSITION),
        false => 0,
    };
    let name = |group| Owner::part_name(files.user_id(), &format!("{}.{group}", head.id));
    (0..groups).map(name).collect()
}
