//! Which videos of a list are wanted.

use spinreel_api::videos::Status;

use super::edits::tag_key;
use super::record::Record;
use super::words::{Search, Words};

/// What a video of a list must have; nothing is demanded by default.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Its status; where none is demanded, all but those in the trash are wanted.
    pub status: Option<Status>,
    /// Whether only those are wanted that everybody may see and play.
    pub published: bool,
    /// Whether those in the trash are wanted as well, where no status is demanded.
    pub any_status: bool,
    /// The time of the look, in milliseconds since the Unix epoch: what is over by then is not wanted.
    pub now_ms: u64,
    /// One of its tags, as [`tag_key`] has it.
    pub tag: Option<String>,
    /// All words of this search.
    pub search: Option<Search>,
}

impl Filter {
    /// Whether `record` is wanted.
    pub fn takes(&self, record: &Record) -> bool {
        let status = record.status();
        !record.is_over(self.now_ms)
            && (!self.published || record.is_published())
            && self
                .status
                .map_or(self.any_status || status != Status::Deleted, |wanted| {
                    wanted == status
                })
            && self
                .tag
                .as_ref()
                .is_none_or(|tag| record.tags.iter().any(|known| tag_key(known) == *tag))
            && self
                .search
                .as_ref()
                .is_none_or(|search| search.finds(&Words::of(record)))
    }
}

/// Reads a status by its name on the wire.
pub fn parse_status(name: &str) -> Option<Status> {
    Some(match name {
        "uploading" => Status::Uploading,
        "ready" => Status::Ready,
        "unplayable" => Status::Unplayable,
        "deleted" => Status::Deleted,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::stored;

    fn record() -> Record {
        let mut record = Record::new("v-1", 1, stored("ada", "Ausflug.MP4"));
        record.title = "Am Ärmelkanal".to_owned();
        record.tags = vec!["sea".to_owned()];
        record
    }

    #[test]
    fn a_search_is_for_words_in_any_case() {
        for (text, found) in [("ärmel", true), ("A\u{308}RMEL am", true), ("alps", false)] {
            let filter = Filter {
                search: Some(Search::read(text)),
                ..Filter::default()
            };
            assert_eq!(filter.takes(&record()), found, "{text}");
        }
    }

    #[test]
    fn tag_and_status_are_compared_whole() {
        let tagged = |tag: &str| Filter {
            tag: Some(tag_key(tag)),
            ..Filter::default()
        };
        assert!(tagged("sea").takes(&record()) && tagged(" SEA").takes(&record()));
        assert!(!tagged("se").takes(&record()));
        let in_status = |status| Filter {
            status: Some(status),
            ..Filter::default()
        };
        assert!(in_status(Status::Ready).takes(&record()));
        assert!(!in_status(Status::Deleted).takes(&record()));
    }

    #[test]
    fn every_status_is_read_by_its_name_on_the_wire() {
        for status in [
            Status::Uploading,
            Status::Ready,
            Status::Unplayable,
            Status::Deleted,
        ] {
            let name = serde_json::json!(status);
            assert_eq!(
                parse_status(name.as_str().unwrap_or_default()),
                Some(status)
            );
        }
        assert_eq!(parse_status("Ready"), None);
    }
}
