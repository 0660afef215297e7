//! Comparing what the store says with what the bucket holds, a part at a time; repairing what differs where asked.

use spinreel_api::operations::{Finding, FindingKind};
use spinreel_gcs::{Error as BucketError, Object, TokenCache};
use spinreel_ledger::{Found, LedgerError, Patience};
use spinreel_platform::{Clock, HttpClient, Random, Store};
use thiserror::Error;

use super::delete::DeleteError;
use super::names::Holder;
use super::peers::Peers;
pub use super::place::{NoPlace, Place};
use super::record::{FILE_OWNER, FileRecord, Record, UserFiles};
use super::storage::{SettleError, Storage};
use super::survey::Tally;
use super::sweep;

/// Files, or objects, that one call compares.
pub(super) const PAGE: usize = 50;

/// Why nothing was compared, or repaired.
#[derive(Debug, Error)]
pub enum ReconcileError {
    /// The bucket is not there: every object seems to be missing.
    #[error("there is no such bucket")]
    NoBucket,
    /// So many objects are missing that it may be the wrong bucket.
    #[error("a repair would remove {} of {} files", tally.missing, tally.files)]
    Suspicious {
        /// How many.
        tally: Tally,
        /// Whose files they are; `None`: all users'.
        user_id: Option<String>,
    },
    /// It could not be done now.
    #[error(transparent)]
    Failed(#[from] SettleError),
}

impl From<LedgerError> for ReconcileError {
    fn from(error: LedgerError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<BucketError> for ReconcileError {
    fn from(error: BucketError) -> Self {
        Self::Failed(error.into())
    }
}

/// What one call found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciled {
    /// Files and objects that were compared.
    pub checked: u64,
    /// What differs.
    pub findings: Vec<Finding>,
    /// Where the next call goes on; `None` at the end.
    pub next: Option<Place>,
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Compares the part that begins at `place`: the files of one user, then of the next, then the bucket's objects.
    ///
    /// What changes while it is looked at may be found to differ; repairs look again under the file's lock.
    ///
    /// A bucket that is missing answers as one whose objects are missing. So each call looks at the bucket first.
    pub async fn reconcile(
        &self,
        place: Place,
        repair: bool,
        patience: Patience,
    ) -> Result<Reconciled, ReconcileError> {
        let bucket_is_empty = match self.bucket.list("", None, 1).await {
            Ok(page) => page.objects.is_empty() && page.next_page_token.is_none(),
            Err(BucketError::NotFound) => return Err(ReconcileError::NoBucket),
            Err(error) => return Err(error.into()),
        };
        let mut reconciled = Reconciled {
            checked: 0,
            findings: Vec::new(),
            next: None,
        };
        reconciled.next = match place {
            Place::Survey(survey) => {
                let next = self.survey(survey, bucket_is_empty).await?;
                Some(next.map_or(Place::Users(None), Place::Survey))
            }
            Place::Users(before) => match self.user_before(before).await? {
                Some((number, user_id)) => {
                    let files = UserFiles::new(&user_id);
                    self.compare_files(&files, number, None, repair, patience, &mut reconciled)
                        .await?
                }
                None => Some(Place::Objects(None)),
            },
            Place::Files(number, before) => {
                let user_id = sweep::users().cell::<String>(number);
                match user_id.get(&self.store).await? {
                    Some(user_id) => {
                        let files = UserFiles::new(&user_id);
                        let before = Some(before);
                        self.compare_files(
                            &files,
                            number,
                            before,
                            repair,
                            patience,
                            &mut reconciled,
                        )
                        .await?
                    }
                    None => Some(Place::Users(Some(number))),
                }
            }
            Place::Objects(token) => {
                let page = self.bucket.list("", token.as_deref(), PAGE as u32).await?;
                for object in page.objects {
                    reconciled.checked += 1;
                    let finding = self.compare_object(&object, repair).await?;
                    reconciled.findings.extend(finding);
                }
                page.next_page_token
                    .map(|token| Place::Objects(Some(token)))
            }
        };
        Ok(reconciled)
    }

    pub(super) async fn user_before(
        &self,
        before: Option<u64>,
    ) -> Result<Option<(u64, String)>, LedgerError> {
        let roster = sweep::users();
        let mut before = before;
        loop {
            let page = roster
                .page(&self.store, before, 1, async |number| {
                    let user_id = roster.cell::<String>(number).get(&self.store).await?;
                    Ok::<_, LedgerError>(user_id.map_or(Found::Nothing, Found::Item))
                })
                .await?;
            if let Some(user) = page.items.into_iter().next() {
                return Ok(Some(user));
            }
            before = page.next;
            if before.is_none() {
                return Ok(None);
            }
        }
    }

    /// Compares a page of a user's files with their objects; after the last one, the counter with their sum.
    async fn compare_files(
        &self,
        files: &UserFiles,
        user: u64,
        before: Option<u64>,
        repair: bool,
        patience: Patience,
        reconciled: &mut Reconciled,
    ) -> Result<Option<Place>, SettleError> {
        let page = files
            .roster
            .page(&self.store, before, PAGE, async |number| {
                let record = files.record(number).get(&self.store).await?;
                Ok::<_, LedgerError>(Record::found(record))
            })
            .await?;
        for (number, file) in page.items {
            reconciled.checked += 1;
            let finding = self.compare_file(files, number, &file, repair).await?;
            reconciled.findings.extend(finding);
        }
        if let Some(before) = page.next {
            return Ok(Some(Place::Files(user, before)));
        }
        if let Some(count) = self.count(files, patience).await?
            && count.drift != 0
        {
            let repaired = repair && self.recount(files, patience).await.is_ok();
            reconciled.findings.push(Finding {
                kind: FindingKind::CounterDrift,
                user_id: Some(files.user_id().to_owned()),
                object: None,
                detail: format!("the counter is {} bytes too high", count.drift),
                repaired,
            });
        }
        Ok(Some(Place::Users(Some(user))))
    }

    /// Whether a file's object is gone, or is another one.
    pub(super) async fn is_missing(&self, file: &FileRecord) -> Result<bool, SettleError> {
        let found = self.bucket.metadata(&file.head.object).await?;
        let generation = found.map(|object| object.generation);
        Ok(generation != Some(file.object.generation))
    }

    async fn compare_file(
        &self,
        files: &UserFiles,
        number: u64,
        file: &FileRecord,
        repair: bool,
    ) -> Result<Option<Finding>, SettleError> {
        let expected = &file.object;
        let found = self.bucket.metadata(&file.head.object).await?;
        let (kind, detail) = match &found {
            Some(object) if object.generation == expected.generation => {
                if object.size != expected.size {
                    let detail = format!("{} bytes, not {}", object.size, expected.size);
                    (FindingKind::SizeMismatch, detail)
                } else if object.crc32c != expected.crc32c {
                    let (is, was) = (object.crc32c, expected.crc32c);
                    (
                        FindingKind::ChecksumMismatch,
                        format!("CRC32C {is:08x}, not {was:08x}"),
                    )
                } else {
                    return Ok(None);
                }
            }
            Some(_) => (
                FindingKind::MissingObject,
                "another generation is there".to_owned(),
            ),
            None => (FindingKind::MissingObject, "there is none".to_owned()),
        };
        // It may have been deleted since it was read.
        if files.file(&self.store, number).await?.is_none() {
            return Ok(None);
        }
        let repaired = repair
            && kind == FindingKind::MissingObject
            && match self.remove(files, number, file.clone()).await {
                Ok(_) | Err(DeleteError::NotFound) => true,
                Err(_) => false,
            };
        Ok(Some(Finding {
            kind,
            user_id: Some(files.user_id().to_owned()),
            object: Some(file.head.object.clone()),
            detail,
            repaired,
        }))
    }

    async fn compare_object(
        &self,
        object: &Object,
        repair: bool,
    ) -> Result<Option<Finding>, SettleError> {
        let user_id = object.metadata.get(FILE_OWNER);
        let holder = match user_id {
            Some(user_id) if self.is_known(&UserFiles::new(user_id)).await? => {
                self.holder_of(&UserFiles::new(user_id), object).await?
            }
            // Another installation's, where the bucket is another installation's.
            Some(_) | None => Holder::Foreign,
        };
        let (kind, detail, repaired) = match holder {
            Holder::File(..) | Holder::Upload => return Ok(None),
            Holder::Foreign => (FindingKind::ForeignObject, "no upload made it", false),
            Holder::Nobody => {
                let deleted = repair
                    && self
                        .bucket
                        .delete(&object.name, object.generation)
                        .await
                        .is_ok();
                (FindingKind::OrphanObject, "its file is not there", deleted)
            }
        };
        Ok(Some(Finding {
            kind,
            user_id: user_id.cloned(),
            object: Some(object.name.clone()),
            detail: detail.to_owned(),
            repaired,
        }))
    }
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
