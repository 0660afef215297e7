//! The table and the JSON.

use serde_json::{Map, Value, json};

use super::site::{CLIENTS, LIMIT};
use crate::report::{Report, Table, range, thousands};
use crate::statistics::Samples;
use crate::storage::Cost;
use crate::wrk::{CONNECTIONS, ROUND, ROUNDS, Summary};

/// How much longer a page may take among many videos than among few.
const PAGE_AIM: f64 = 1.2;
/// Feed requests for each of nginx's.
const FEED_AIM: f64 = 0.05;
/// Keys of the store for a video.
const KEYS_AIM: f64 = 4.0;
/// Bytes of keys and values for a video.
const BYTES_AIM: f64 = 2_000.0;

/// What a page cost, among few videos and among many.
pub(super) struct Page {
    pub(super) name: &'static str,
    pub(super) path: String,
    pub(super) costs: [Cost; 2],
}

/// What was measured.
pub(super) struct Results {
    /// Few and many.
    pub(super) videos: [u64; 2],
    pub(super) pages: Vec<Page>,
    /// Changes one by one, for their store calls.
    pub(super) change: Cost,
    /// Changes in a second, of each round.
    pub(super) changes: Samples,
    /// The feed here, and nginx.
    pub(super) feed: [Summary; 2],
    /// Keys and bytes for a video, among few and among many.
    pub(super) room: [(f64, f64); 2],
}

impl Page {
    fn ratio(&self) -> f64 {
        let [few, many] = self.costs.each_ref().map(|cost| cost.latency().median());
        many / few
    }

    /// Store calls among few and among many.
    fn calls(&self) -> [f64; 2] {
        self.costs
            .each_ref()
            .map(|cost| cost.total_calls().median())
    }
}

impl Results {
    pub(super) fn report(&self) -> Report {
        Report {
            name: "catalogue",
            table: Table {
                title: "catalogue: lists, changes, the feed, and the room of videos".to_owned(),
                heads: vec![
                    "",
                    "median",
                    "lowest–highest",
                    "beside its peer",
                    "store calls",
                ],
                rows: self.rows(),
                notes: self.notes(),
            },
            data: self.data(),
        }
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let [few, many] = self.videos.map(|videos| thousands(videos as f64));
        let mut rows = Vec::new();
        for page in &self.pages {
            let latency = page.costs[1].latency();
            let [calls_few, calls_many] = page.calls();
            rows.push(vec![
                format!("page: {}, of {many}", page.name),
                format!("{:.2} ms", latency.median()),
                range(&latency, |ms| format!("{ms:.2}")),
                format!("{:.2} × of {few}", page.ratio()),
                format!("{calls_few:.0} of {few}, {calls_many:.0}"),
            ]);
        }
        let row = |name: &str, figure: String, spread: String, ratio: String, calls: String| {
            vec![name.to_owned(), figure, spread, ratio, calls]
        };
        let calls = format!("{:.0}", self.change.total_calls().median());
        rows.push(row(
            "PATCH, title of a public video",
            format!("{}/s", thousands(self.changes.median())),
            range(&self.changes, thousands),
            String::new(),
            calls,
        ));
        let [ours, nginx] = &self.feed;
        for (name, feed) in [("feed, a page", ours), ("nginx, the same JSON", nginx)] {
            rows.push(row(
                name,
                format!("{}/s", thousands(feed.rate())),
                range(&feed.rates, thousands),
                format!("{:.3} × nginx", feed.rate() / nginx.rate()),
                String::new(),
            ));
        }
        for (videos, (keys, bytes)) in [few, many].into_iter().zip(self.room) {
            let figures = [("keys", format!("{keys:.2}")), ("bytes", thousands(bytes))];
            for (what, figure) in figures {
                let name = format!("{what} of store for a video, of {videos}");
                rows.push(row(
                    &name,
                    figure,
                    String::new(),
                    String::new(),
                    String::new(),
                ));
            }
        }
        rows
    }

    fn notes(&self) -> Vec<String> {
        let [few, many] = self.videos.map(|videos| thousands(videos as f64));
        let worst = self.pages.iter().map(Page::ratio).fold(0.0, f64::max);
        let feed = self.feed[0].rate() / self.feed[1].rate();
        let (keys, bytes) = self.room[1];
        let verdict = |reached| if reached { "reached" } else { "missed" };
        vec![
            format!(
                "Aim: pages among {many} videos at most {PAGE_AIM} × those among {few}: {} ({worst:.2}).",
                verdict(worst <= PAGE_AIM)
            ),
            format!(
                "Aim: the feed at least {FEED_AIM} × nginx: {} ({feed:.3}).",
                verdict(feed >= FEED_AIM)
            ),
            format!(
                "Aim: fewer than {KEYS_AIM} keys and {} bytes for a video: {} ({keys:.2} and {}).",
                thousands(BYTES_AIM),
                verdict(keys < KEYS_AIM && bytes < BYTES_AIM),
                thousands(bytes)
            ),
            format!(
                "Pages of {LIMIT} videos, asked for in turns; {CLIENTS} clients that each change a video of their own, and \
                 {CONNECTIONS} connections for the feed, in {ROUNDS} rounds of {} s.",
                ROUND.as_secs()
            ),
            "The videos were recorded by the domain of video-service in memory, and then put into the store's file."
                .to_owned(),
        ]
    }

    fn data(&self) -> Value {
        let pages: Map<String, Value> = self
            .pages
            .iter()
            .map(|page| {
                let [few, many] = page.costs.each_ref().map(|cost| cost.latency().median());
                let data = json!({
                    "milliseconds_few": few,
                    "milliseconds_many": many,
                    "ratio": page.ratio(),
                    "store_calls": page.calls(),
                });
                (page.name.to_owned(), data)
            })
            .collect();
        let room = |(keys, bytes): (f64, f64)| json!({ "keys": keys, "bytes": bytes });
        json!({
            "videos": self.videos,
            "pages": pages,
            "changes": {
                "per_second": self.changes.median(),
                "store_calls": self.change.total_calls().median(),
            },
            "feed": self.feed[0].data(),
            "nginx": self.feed[1].data(),
            "room_of_a_video": { "few": room(self.room[0]), "many": room(self.room[1]) },
        })
    }
}
