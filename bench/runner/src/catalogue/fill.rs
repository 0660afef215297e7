//! Videos by the thousand, recorded by the domain of video-service in memory, and then put into the store's file.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use rusqlite::Connection;
use spinreel_api::Timestamp;
use spinreel_api::internal::StoredVideo;
use spinreel_api::videos::{FrameRate, Media, Visibility};
use spinreel_bench_domain::domain::catalogue::{Put, create};
use spinreel_bench_domain::domain::record::Record;
use spinreel_platform::Store as _;
use spinreel_platform::memory::{ManualClock, MemoryStore};
use uuid::Uuid;

/// The tag, and the word of the title, of one video in a hundred.
pub(super) const TAG: &str = "hundredth";
pub(super) const WORD: &str = "centennial";
/// How rare they are.
const EVERY: u64 = 100;
/// A word of nearly every description.
pub(super) const COMMON_WORD: &str = "baba";

/// Different words, and different tags: the nth is as frequent as 1/n (Zipf's law).
const WORDS: f64 = 20_000.0;
const TAGS: f64 = 1_000.0;
/// Words of a title, and of a description, at least and at most.
const TITLE: (u64, u64) = (3, 6);
const DESCRIPTION: (u64, u64) = (8, 20);
/// Tags of a video.
const TAGS_OF_ONE: usize = 3;
/// How far apart in time two videos are recorded, in milliseconds.
const PAUSE_MS: u64 = 50;

/// A catalogue that is being filled.
pub(super) struct Catalogue {
    store: MemoryStore,
    clock: ManualClock,
    dice: Dice,
    videos: u64,
}

impl Catalogue {
    /// Nobody's yet. So many videos will be recorded until now.
    pub(super) fn new(videos: u64) -> Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
        // The newest is older than anything that counts as fresh.
        let begin = now.saturating_sub(videos * PAUSE_MS + 3_600_000);
        Ok(Self {
            store: MemoryStore::default(),
            clock: ManualClock::at(begin),
            dice: Dice(0x9e37_79b9_7f4a_7c15),
            videos: 0,
        })
    }

    /// Records public videos of a user and gives the id of the last one.
    pub(super) async fn record(&mut self, owner: &str, videos: u64) -> Result<String> {
        let mut last = String::new();
        for _ in 0..videos {
            self.videos += 1;
            last = Uuid::now_v7().to_string();
            let (number, dice) = (self.videos, &mut self.dice);
            let stored = stored(owner, number);
            let put = create(&self.store, &self.clock, &last, stored, |record| {
                describe(record, number, dice);
            });
            ensure!(put.await? == Put::Created, "a video was not recorded");
            self.clock.advance_ms(PAUSE_MS);
            // Nothing else waits here, so that a signal would have to.
            tokio::task::yield_now().await;
        }
        Ok(last)
    }

    /// Puts all of it into the file of an application's store, in one transaction.
    pub(super) async fn write(self, file: &Path) -> Result<()> {
        let mut connection = Connection::open(file)?;
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction.prepare(
                "INSERT INTO spin_key_value (store, key, value) VALUES ('videos', ?1, ?2)",
            )?;
            for key in self.store.keys() {
                let value = self.store.get(&key).await?;
                insert.execute((&key, value.context("a key has no value")?))?;
            }
        }
        Ok(transaction.commit()?)
    }
}

/// Keys and bytes of keys and values in a store's file.
pub(super) fn room(file: &Path) -> Result<(f64, f64)> {
    let connection = Connection::open(file)?;
    Ok(connection.query_row(
        "SELECT count(*), coalesce(sum(length(key) + length(value)), 0) FROM spin_key_value",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?)
}

fn stored(owner: &str, number: u64) -> StoredVideo {
    StoredVideo {
        owner: owner.to_owned(),
        filename: format!("film-{number}.mp4"),
        size: 20_000_000 + number,
        content_type: "video/mp4".to_owned(),
        location: format!("{owner}-{number}"),
        etag: format!("\"{number:016x}\""),
        created_at: Timestamp::from_ms(1_700_000_000_000 + number * PAUSE_MS),
    }
}

/// What its owner says of a video, and what its file is.
fn describe(record: &mut Record, number: u64, dice: &mut Dice) {
    let mut title = dice.words(TITLE);
    let mut tags: Vec<String> = (0..TAGS_OF_ONE)
        .map(|_| format!("tag-{}", dice.rank(TAGS)))
        .collect();
    tags.sort();
    tags.dedup();
    if number.is_multiple_of(EVERY) {
        title.push(WORD.to_owned());
        tags.push(TAG.to_owned());
    }
    record.title = title.join(" ");
    record.tags = tags;
    record.description = [&[COMMON_WORD.to_owned()], &dice.words(DESCRIPTION)[..]]
        .concat()
        .join(" ");
    record.visibility = Visibility::Public;
    record.media = Some(Media {
        container: "mp4".to_owned(),
        duration_ms: 60_000 + number % 100_000,
        width: 1_280,
        height: 720,
        video_codec: Some("avc1.64001f".to_owned()),
        audio_codec: Some("mp4a.40.2".to_owned()),
        bitrate: 2_500_000,
        frame_rate: Some(FrameRate {
            thousandths: 25_000,
        }),
        rotation: 0,
        fast_start: true,
    });
}

/// Numbers that follow from a seed (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    /// A rank below `most`: 0 is the most frequent.
    fn rank(&mut self, most: f64) -> u64 {
        let fraction = self.roll() as f64 / (1_u64 << 53) as f64;
        most.powf(fraction) as u64 - 1
    }

    fn words(&mut self, (least, most): (u64, u64)) -> Vec<String> {
        let count = least + self.roll() % (most - least + 1);
        (0..count).map(|_| word(self.rank(WORDS))).collect()
    }
}

/// The word of a rank: two to four syllables, so that words have beginnings in common.
fn word(mut rank: u64) -> String {
    const SYLLABLES: [&str; 24] = [
        "ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "qui", "ro", "su",
        "ta", "ve", "wi", "xo", "zu", "bra", "cle", "dri", "flo",
    ];
    let mut word = String::new();
    loop {
        word.push_str(SYLLABLES[(rank % 24) as usize]);
        rank /= 24;
        if rank == 0 && word.len() >= 4 {
            return word;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;

    use super::*;

    #[test]
    fn one_video_in_a_hundred_has_the_tag_and_the_word() {
        let mut catalogue = Catalogue::new(200).unwrap();
        block_on(catalogue.record("0190", 200)).unwrap();
        let records: Vec<String> = (1..=200)
            .map(|slot| block_on(catalogue.store.get(&format!("videos/0190/list/{slot}"))))
            .map(|value| String::from_utf8(value.unwrap().unwrap()).unwrap())
            .collect();
        for part in [TAG, WORD] {
            let having = records.iter().filter(|record| record.contains(part));
            assert_eq!(having.count(), 2, "{part}");
        }
    }

    #[test]
    fn words_differ_and_the_first_is_the_common_one() {
        let words: std::collections::BTreeSet<String> = (0..20_000).map(word).collect();
        assert_eq!((words.len(), word(0).as_str()), (20_000, COMMON_WORD));
    }
}
