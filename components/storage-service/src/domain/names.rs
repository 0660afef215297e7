//! Whose a name is, by what the bucket says: the store's index of names is only there to be quick.

use spinreel_gcs::{Object, TokenCache};
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::peers::Peers;
use super::record::{
    FILE_NUMBER, FILE_OWNER, FileRecord, Intent, Operation, Owner, Record, UserFiles,
};
use super::storage::{SettleError, Storage};

/// Who holds a name in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holder {
    /// Nobody, or nobody any more.
    Nobody,
    /// A file of the user, with its number.
    File(u64, Box<FileRecord>),
    /// An upload that is not over.
    Upload,
    /// Something that no upload of ours made.
    Foreign,
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Finds who holds a name. What belongs to nobody is removed, so that the name is free again.
    pub(super) async fn holder(&self, owner: &Owner, name: &str) -> Result<Holder, SettleError> {
        let files = UserFiles::new(&owner.user_id);
        let Some(object) = self.bucket.metadata(&owner.object_name(name)).await? else {
            return Ok(Holder::Nobody);
        };
        let holder = self.holder_of(&files, &object).await?;
        match &holder {
            Holder::File(number, file) if file.head.is_called(name) => {
                files.name(name).set(&self.store, number).await?;
            }
            Holder::Nobody => {
                self.bucket.delete(&object.name, object.generation).await?;
            }
            Holder::File(..) | Holder::Upload | Holder::Foreign => {}
        }
        Ok(holder)
    }

    /// Finds who an object belongs to.
    ///
    /// An upload writes its intent, then the object, and then its file in the intent's place; a deletion removes the
    /// object before the file. So an object whose number stands for neither is one that came when its upload was over.
    pub(super) async fn holder_of(
        &self,
        files: &UserFiles,
        object: &Object,
    ) -> Result<Holder, SettleError> {
        let Some(number) = number_of(files.user_id(), object) else {
            return Ok(Holder::Foreign);
        };
        Ok(match files.record(number).get(&self.store).await? {
            Some(Record::File(file)) if file.object.generation == object.generation => {
                Holder::File(number, Box::new(file))
            }
            Some(Record::File(_)) => Holder::Foreign,
            Some(Record::Intent(Intent {
                operation: Operation::Upload(_) | Operation::Resumable(_),
                ..
            })) => Holder::Upload,
            Some(Record::Intent(_)) | None => Holder::Nobody,
        })
    }
}

/// The number of the upload that made an object, if it was one of this user.
fn number_of(user_id: &str, object: &Object) -> Option<u64> {
    (object.metadata.get(FILE_OWNER)? == user_id).then_some(())?;
    object.metadata.get(FILE_NUMBER)?.parse().ok()
}
