//! What a repair would remove, counted before it removes anything: a store that is compared with the wrong bucket misses
//! every object.

use std::fmt;
use std::str::FromStr;

use spinreel_gcs::TokenCache;
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::peers::Peers;
use super::reconcile::{NoPlace, PAGE, ReconcileError};
use super::record::{Record, UserFiles};
use super::storage::Storage;
use super::sweep;

/// So many missing objects are never too many.
const HANDFUL: u64 = 3;
/// One file in so many may be removed: 5 %.
const ONE_IN: u64 = 20;

/// Files, and how many of them have no object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// All of them.
    pub files: u64,
    /// Those without an object.
    pub missing: u64,
}

impl Tally {
    /// Whether so many are missing that somebody is to look before they are removed.
    pub fn is_suspicious(self) -> bool {
        self.missing > HANDFUL && self.missing > self.files / ONE_IN
    }
}

/// Where a survey stands, and what it met: of the users, the newest first, and of each the files, the newest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Survey {
    /// The user that it is at, or came to the end of; 0 at the beginning.
    user: u64,
    /// The user's files from below this number on are not counted; 0: all are.
    before: u64,
    of_user: Tally,
    of_all: Tally,
}

impl Survey {
    fn numbers(self) -> [u64; 6] {
        let (one, all) = (self.of_user, self.of_all);
        let place = [self.user, self.before];
        let tallies = [one.files, one.missing, all.files, all.missing];
        [
            place[0], place[1], tallies[0], tallies[1], tallies[2], tallies[3],
        ]
    }
}

impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = self.numbers().map(|number| number.to_string());
        f.write_str(&numbers.join("."))
    }
}

impl FromStr for Survey {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let numbers = text.split('.').map(|digits| digits.parse::<u64>());
        let numbers: Vec<u64> = numbers.collect::<Result<_, _>>().map_err(|_| NoPlace)?;
        let [user, before, files, missing, all_files, all_missing] = numbers[..] else {
            return Err(NoPlace);
        };
        Ok(Self {
            user,
            before,
            of_user: Tally { files, missing },
            of_all: Tally {
                files: all_files,
                missing: all_missing,
            },
        })
    }
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Counts a page of files; where the next call goes on, `None` where all were counted. `bucket_is_empty`: then one
    /// missing object is too many.
    ///
    /// # Errors
    /// [`ReconcileError::Suspicious`] at the end of a user's files, or of all, where too many are missing.
    pub(super) async fn survey(
        &self,
        mut survey: Survey,
        bucket_is_empty: bool,
    ) -> Result<Option<Survey>, ReconcileError> {
        let check = |tally: Tally, user_id: Option<&str>| {
            if tally.is_suspicious() || bucket_is_empty && tally.missing > 0 {
                return Err(ReconcileError::Suspicious {
                    tally,
                    user_id: user_id.map(str::to_owned),
                });
            }
            Ok(())
        };
        let known = match survey.before {
            0 => {
                let before = Some(survey.user).filter(|user| *user > 0);
                survey.of_user = Tally::default();
                self.user_before(before).await?
            }
            _ => {
                let user_id = sweep::users().cell::<String>(survey.user);
                let user_id = user_id.get(&self.store).await?;
                user_id.map(|user_id| (survey.user, user_id))
            }
        };
        let Some((user, user_id)) = known else {
            if survey.before == 0 {
                check(survey.of_all, None)?;
                return Ok(None);
            }
            // The user went meanwhile.
            return Ok(Some(Survey {
                before: 0,
                ..survey
            }));
        };
        let files = UserFiles::new(&user_id);
        let before = Some(survey.before).filter(|before| *before > 0);
        let page = files
            .roster
            .page(&self.store, before, PAGE, async |number| {
                let record = files.record(number).get(&self.store).await?;
                Ok::<_, LedgerError>(Record::found(record))
            })
            .await?;
        for (_, file) in page.items {
            let is_missing = u64::from(self.is_missing(&file).await?);
            for tally in [&mut survey.of_user, &mut survey.of_all] {
                tally.files = tally.files.saturating_add(1);
                tally.missing = tally.missing.saturating_add(is_missing);
            }
        }
        (survey.user, survey.before) = (user, page.next.unwrap_or(0));
        if survey.before == 0 {
            check(survey.of_user, Some(&user_id))?;
        }
        Ok(Some(survey))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handful_is_never_suspicious_nor_is_one_in_twenty() {
        for (files, missing, is_suspicious) in [
            (0, 0, false),
            (3, 3, false),
            (4, 4, true),
            (79, 4, true),
            (80, 4, false),
            (1_000, 50, false),
            (1_000, 51, true),
            (u64::MAX, u64::MAX, true),
        ] {
            let tally = Tally { files, missing };
            assert_eq!(tally.is_suspicious(), is_suspicious, "{missing} of {files}");
        }
    }

    #[test]
    fn a_survey_comes_back_from_its_text() {
        let survey = Survey {
            user: 1,
            before: 2,
            of_user: Tally {
                files: 3,
                missing: 4,
            },
            of_all: Tally {
                files: 5,
                missing: 6,
            },
        };
        assert_eq!(survey.to_string(), "1.2.3.4.5.6");
        assert_eq!(survey.to_string().parse(), Ok(survey));
        for wrong in [
            "",
            "1",
            "1.2.3.4.5",
            "1.2.3.4.5.6.7",
            "1.2.3.4.5.x",
            "-1.2.3.4.5.6",
        ] {
            assert_eq!(wrong.parse::<Survey>(), Err(NoPlace), "{wrong}");
        }
    }
}
