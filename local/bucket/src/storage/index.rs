//! The ordered index of a bucket's objects, in memory, and its pages.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use super::folder::BucketRecord;
use crate::object::Record;

/// A bucket and the records of its objects, by name. The order is that of the names' UTF-8 bytes.
pub(crate) struct BucketIndex {
    pub(crate) record: BucketRecord,
    objects: RwLock<BTreeMap<String, Arc<Record>>>,
}

/// Which objects to list.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// Names start with this.
    pub(crate) prefix: String,
    /// Names that have this after the prefix are shown as one entry, cut off behind it.
    pub(crate) delimiter: Option<String>,
    /// Names are at least this.
    pub(crate) start: String,
    /// Names are less than this.
    pub(crate) end: Option<String>,
    /// At most so many entries.
    pub(crate) limit: usize,
}

/// A part of a listing.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) items: Vec<Arc<Record>>,
    pub(crate) prefixes: Vec<String>,
    /// The name at which the next page starts, if there is one.
    pub(crate) next: Option<String>,
}

impl BucketIndex {
    /// A bucket with these objects.
    pub(super) fn new(record: BucketRecord, objects: BTreeMap<String, Arc<Record>>) -> BucketIndex {
        BucketIndex {
            record,
            objects: RwLock::new(objects),
        }
    }

    /// An object by its name.
    pub(super) fn get(&self, name: &str) -> Option<Arc<Record>> {
        self.objects
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    /// Puts a record in the place of the one with the same name, if there is one.
    pub(super) fn insert(&self, record: Arc<Record>) {
        let mut objects = self.objects.write().unwrap_or_else(PoisonError::into_inner);
        objects.insert(record.name.clone(), record);
    }

    /// Takes a record out.
    pub(super) fn remove(&self, name: &str) {
        self.objects
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
    }

    /// Shows every record; for the start only.
    pub(super) fn each(&self, mut look: impl FnMut(&Arc<Record>)) {
        self.objects
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .for_each(&mut look);
    }

    /// The highest generation in the bucket, 0 if it is empty.
    pub(super) fn newest_generation(&self) -> u64 {
        let mut newest = 0;
        self.each(|record| newest = newest.max(record.generation));
        newest
    }

    /// A page of the listing. Its cost grows with the limit, not with the bucket: what lies behind a
    /// delimiter is jumped over.
    pub(crate) fn page(&self, selection: &Selection) -> Page {
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        let from =
            |name: &str| objects.range::<str, _>((Bound::Included(name), Bound::<&str>::Unbounded));
        let mut page = Page::default();
        let mut rest = from(selection.start.as_str().max(&selection.prefix));
        while let Some((name, record)) = rest.next() {
            let past_end = selection.end.as_ref().is_some_and(|end| name >= end);
            if past_end || !name.starts_with(&selection.prefix) {
                break;
            }
            if page.items.len() + page.prefixes.len() >= selection.limit {
                page.next = Some(name.clone());
                break;
            }
            match selection.group(name) {
                None => page.items.push(Arc::clone(record)),
                Some(group) => {
                    page.prefixes.push(group.to_owned());
                    match after_all_with(group) {
                        Some(next) => rest = from(&next),
                        None => break,
                    }
                }
            }
        }
        page
    }
}

impl Selection {
    /// The common prefix under which `name` is shown, if it is not shown itself.
    fn group<'a>(&self, name: &'a str) -> Option<&'a str> {
        let delimiter = self
            .delimiter
            .as_deref()
            .filter(|delimiter| !delimiter.is_empty())?;
        let start = self.prefix.len();
        let end = start + name[start..].find(delimiter)? + delimiter.len();
        Some(&name[..end])
    }
}

/// The least string above all strings that start with `prefix`; none if there is no such string.
fn after_all_with(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // A range of characters skips the surrogates, which are none.
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn index(names: &[&str]) -> BucketIndex {
        let record = BucketRecord {
            name: "films".to_owned(),
            created: 0,
        };
        let index = BucketIndex::new(record, BTreeMap::new());
        for name in names {
            index.insert(Arc::new(Record {
                name: (*name).to_owned(),
                ..Record::default()
            }));
        }
        index
    }

    /// All entries, in the order of the pages.
    fn walk(index: &BucketIndex, mut selection: Selection) -> Vec<String> {
        let mut entries = Vec::new();
        loop {
            let page = index.page(&selection);
            assert!(page.items.len() + page.prefixes.len() <= selection.limit);
            let mut names: Vec<_> = page
                .items
                .iter()
                .map(|record| record.name.clone())
                .collect();
            names.extend(page.prefixes);
            names.sort();
            entries.extend(names);
            match page.next {
                Some(next) => selection.start = next,
                None => return entries,
            }
        }
    }

    const NAMES: [&str; 8] = ["a", "b/1", "b/2", "b/c/3", "b0", "c", "ü/x", "\u{10FFFF}/y"];

    #[test]
    fn pages_of_any_size_give_every_entry_once() {
        let index = index(&NAMES);
        for limit in 1..10 {
            let selection = || Selection {
                limit,
                ..Selection::default()
            };
            assert_eq!(walk(&index, selection()), NAMES);
            let folders = Selection {
                delimiter: Some("/".to_owned()),
                ..selection()
            };
            assert_eq!(
                walk(&index, folders),
                ["a", "b/", "b0", "c", "ü/", "\u{10FFFF}/"]
            );
            let inside = Selection {
                prefix: "b/".to_owned(),
                delimiter: Some("/".to_owned()),
                ..selection()
            };
            assert_eq!(walk(&index, inside), ["b/1", "b/2", "b/c/"]);
        }
    }

    #[test]
    fn offsets_and_prefixes_bound_the_listing() {
        let index = index(&NAMES);
        let all = |prefix: &str, start: &str, end: Option<&str>| {
            walk(
                &index,
                Selection {
                    prefix: prefix.to_owned(),
                    start: start.to_owned(),
                    end: end.map(str::to_owned),
                    delimiter: None,
                    limit: 100,
                },
            )
        };
        assert_eq!(all("b", "", None), ["b/1", "b/2", "b/c/3", "b0"]);
        assert_eq!(all("", "b/2", Some("c")), ["b/2", "b/c/3", "b0"]);
        assert_eq!(all("b", "b/2", Some("b0")), ["b/2", "b/c/3"]);
        assert_eq!(all("zzz", "", None), Vec::<String>::new());
    }

    #[test]
    fn a_page_that_ends_the_listing_has_no_successor() {
        let index = index(&["a", "b"]);
        let page = index.page(&Selection {
            limit: 2,
            ..Selection::default()
        });
        assert_eq!((page.items.len(), page.next), (2, None));
    }

    #[test]
    fn the_successor_of_a_prefix_is_above_all_that_it_begins() {
        assert_eq!(after_all_with("b/").as_deref(), Some("b0"));
        assert_eq!(after_all_with("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(after_all_with("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(after_all_with("\u{10FFFF}"), None);
    }
}
