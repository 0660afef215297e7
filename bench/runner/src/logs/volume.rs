//! A thousand lines and a million: how fast they come in, how long a page of them takes, how much room they need. Beside
//! it the same lines in a plain SQLite table with an index for each of the filters.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::lines::{LIMIT, LINES_OF_REQUEST, Lines, PAGES};
use super::table::Table;
use crate::application::{Application, User};
use crate::report::{range, thousands};
use crate::statistics::Samples;
use crate::step;

/// How much longer a page may take among many lines than among few.
const PAGE_AIM: f64 = 1.2;
/// How many keys a million lines may have.
const KEYS_AIM: f64 = 20_000.0;

/// Lines.
const FEW: usize = 1_000;
const MANY: usize = 1_000_000;
/// Lines that come in one by one.
const SINGLE: usize = 100_000;
/// Lines of a batch, where they come in many at a time.
const BATCH: usize = 100;
/// Clients that hand lines in.
const CLIENTS: usize = 4;
/// Rounds of handing in, each beside one of the table.
const ROUNDS: usize = 10;
/// Requests for each page.
const REQUESTS: usize = 150;

/// Lines as they come in, and as they are beside it.
#[derive(Default)]
struct Intake {
    ours: Vec<f64>,
    table: Vec<f64>,
}

/// What was measured.
#[derive(Default)]
pub(crate) struct Volume {
    batches: Intake,
    singles: Intake,
    /// Milliseconds of each page, among few and among many.
    pages: [[Vec<f64>; 2]; PAGES.len()],
    /// Of the many and of those that came in one by one.
    room: [Room; 2],
    /// Bytes of the table's file for a line.
    table_bytes: f64,
}

/// What lines need in the store.
#[derive(Debug, Clone, Copy, Default)]
struct Room {
    lines: usize,
    keys: f64,
    /// Bytes of keys and values.
    bytes: f64,
}

/// An application with a log.
struct Site {
    application: Application,
    admin: User,
    lines: Lines,
    folder: TempDir,
}

/// Measures everything in one run.
pub(crate) async fn measure() -> Result<Volume> {
    let mut found = Volume::default();
    let few = Site::start(FEW).await?;
    few.hand_in(0, FEW, BATCH).await?;

    step("Handing lines in one by one");
    let single = Site::start(SINGLE).await?;
    let table = Table::create(single.folder.path(), "single")?;
    fill(&single, &table, 1, &mut found.singles).await?;
    found.room[1] = single.room().await?;
    single.application.shutdown().await;

    step("Handing a million lines in");
    let many = Site::start(MANY).await?;
    let table = Table::create(many.folder.path(), "many")?;
    fill(&many, &table, BATCH, &mut found.batches).await?;
    found.table_bytes = table.bytes()? / MANY as f64;
    found.room[0] = many.room().await?;

    step("Asking for pages");
    let queries = [few.lines.queries(), many.lines.queries()];
    for turn in 0..=REQUESTS {
        for (page, of_page) in found.pages.iter_mut().enumerate() {
            for ((site, queries), samples) in [&few, &many].into_iter().zip(&queries).zip(of_page) {
                let milliseconds = site.time(&queries[page]).await?;
                // The first of each is for warming up.
                if turn > 0 {
                    samples.push(milliseconds);
                }
            }
        }
    }
    for site in [few, many] {
        site.application.shutdown().await;
    }
    Ok(found)
}

/// Hands all lines in, in rounds, each beside one of the table.
async fn fill(site: &Site, table: &Table, batch: usize, found: &mut Intake) -> Result<()> {
    let lines = site.lines.count;
    for round in 0..ROUNDS {
        let (from, to) = (lines * round / ROUNDS, lines * (round + 1) / ROUNDS);
        let per_second = |began: Instant| (to - from) as f64 / began.elapsed().as_secs_f64();
        let began = Instant::now();
        site.hand_in(from, to, batch).await?;
        found.ours.push(per_second(began));
        site.application.settled().await?;
        let began = Instant::now();
        table.insert(&site.lines, from, to, batch)?;
        found.table.push(per_second(began));
    }
    Ok(())
}

impl Site {
    async fn start(count: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let application = Application::start(folder.path()).await?;
        let admin = application.admin().await?;
        Ok(Self {
            application,
            admin,
            lines: Lines::of(count),
            folder,
        })
    }

    /// Hands lines in, by several clients that each send the next batch when the last is answered.
    async fn hand_in(&self, from: usize, to: usize, batch: usize) -> Result<()> {
        let starts: Vec<usize> = (from..to).step_by(batch).collect();
        let client = async |number: usize| -> Result<()> {
            for start in starts.iter().skip(number).step_by(CLIENTS) {
                let lines = self.lines.batch(*start, to.min(start + batch));
                let request = self.application.log(&json!(lines))?;
                self.application.client.ask(request).await?;
            }
            Ok(())
        };
        let clients: [_; CLIENTS] = std::array::from_fn(&client);
        let [a, b, c, d] = clients;
        tokio::try_join!(a, b, c, d)?;
        Ok(())
    }

    /// Milliseconds until a page was there.
    async fn time(&self, path: &str) -> Result<f64> {
        let request = self.admin.get(path)?;
        let began = Instant::now();
        let page = self.application.client.ask(request).await?;
        let took = began.elapsed();
        let page: Value = serde_json::from_slice(&page).context("a page is no JSON")?;
        let items = page["items"].as_array().map_or(0, Vec::len);
        ensure!(
            items == LIMIT || (path.contains("request_id") && items == LINES_OF_REQUEST),
            "{path} has {items} lines"
        );
        Ok(took.as_secs_f64() * 1e3)
    }

    /// What the lines need, when everything is tidied that is to be.
    async fn room(&self) -> Result<Room> {
        self.application.settled().await?;
        let store = Connection::open(self.folder.path().join("state/logs.db"))?;
        let (keys, bytes) = store.query_row(
            "SELECT count(*), sum(length(key) + length(value)) FROM spin_key_value",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        Ok(Room {
            lines: self.lines.count,
            keys,
            bytes,
        })
    }
}

impl Volume {
    /// The table's rows: the name, the figure, its range, what it is beside its peer.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        for (name, intake) in [
            (format!("intake, {BATCH} lines a batch"), &self.batches),
            ("intake, a line a batch".to_owned(), &self.singles),
        ] {
            let (ours, table) = (samples(&intake.ours), samples(&intake.table));
            rows.push(vec![
                name,
                format!("{} lines/s", thousands(ours.median())),
                range(&ours, thousands),
                format!("{:.2} × table", ours.median() / table.median()),
            ]);
        }
        for ((_, page), [few, many]) in PAGES.iter().zip(&self.pages) {
            let (few, many) = (samples(few), samples(many));
            rows.push(vec![
                format!("page {page}, of {}", thousands(MANY as f64)),
                format!("{:.2} ms", many.median()),
                range(&many, |ms| format!("{ms:.2}")),
                format!(
                    "{:.2} × of {}",
                    many.median() / few.median(),
                    thousands(FEW as f64)
                ),
            ]);
        }
        for (name, room) in [
            (format!("{BATCH} lines a batch"), self.room[0]),
            ("a line a batch".to_owned(), self.room[1]),
        ] {
            rows.push(vec![
                format!("bytes of store for a line, {name}"),
                format!("{:.0}", room.bytes_per_line()),
                String::new(),
                format!("{:.2} × table", room.bytes_per_line() / self.table_bytes),
            ]);
            rows.push(vec![
                format!("keys for 1,000,000 lines, {name}"),
                thousands(room.keys_per_million()),
                String::new(),
                String::new(),
            ]);
        }
        rows
    }

    /// The notes below the table.
    pub(crate) fn notes(&self) -> Vec<String> {
        let ratios = self
            .pages
            .iter()
            .map(|[few, many]| samples(many).median() / samples(few).median());
        let worst = ratios.fold(0.0, f64::max);
        let keys = self.room.map(Room::keys_per_million);
        let keys = keys.into_iter().fold(0.0, f64::max);
        let verdict = |reached| if reached { "reached" } else { "missed" };
        vec![
            format!(
                "Aim: pages of {} lines at most {PAGE_AIM} × those of {}: {} ({worst:.2}).",
                thousands(MANY as f64),
                thousands(FEW as f64),
                verdict(worst <= PAGE_AIM)
            ),
            format!(
                "Aim: fewer than {} keys for 1,000,000 lines: {} ({}).",
                thousands(KEYS_AIM),
                verdict(keys < KEYS_AIM),
                thousands(keys)
            ),
            format!(
                "{CLIENTS} clients; medians of {ROUNDS} rounds of {} lines, and of {} that come in one by one; the keys of these \
                 are of {}. Pages of {LIMIT} lines, medians of {REQUESTS}, asked for in turns.",
                thousands((MANY / ROUNDS) as f64),
                thousands((SINGLE / ROUNDS) as f64),
                thousands(SINGLE as f64),
            ),
            "Table: the same lines in a table of SQLite with indexes by time, user and request, one transaction a batch on one \
             connection in this process, without HTTP."
                .to_owned(),
        ]
    }

    /// For programs.
    pub(crate) fn data(&self) -> Value {
        let intake = |intake: &Intake| {
            json!({
                "lines_per_second": samples(&intake.ours).median(),
                "lines_per_second_of_rounds": samples(&intake.ours).sorted(),
                "table_lines_per_second": samples(&intake.table).median(),
            })
        };
        let pages: serde_json::Map<String, Value> = PAGES
            .iter()
            .zip(&self.pages)
            .map(|((name, _), [few, many])| {
                let (few, many) = (samples(few), samples(many));
                let data = json!({
                    "milliseconds_few": few.median(),
                    "milliseconds_many": many.median(),
                    "ratio": many.median() / few.median(),
                });
                ((*name).to_owned(), data)
            })
            .collect();
        let room = |room: Room| {
            json!({
                "bytes_per_line": room.bytes_per_line(),
                "keys_per_million_lines": room.keys_per_million(),
                "lines": room.lines,
            })
        };
        json!({
            "intake": { "batches": intake(&self.batches), "singles": intake(&self.singles) },
            "pages": pages,
            "room": { "batches": room(self.room[0]), "singles": room(self.room[1]) },
            "table_bytes_per_line": self.table_bytes,
        })
    }
}

impl Room {
    fn bytes_per_line(self) -> f64 {
        self.bytes / self.lines as f64
    }

    fn keys_per_million(self) -> f64 {
        self.keys * 1e6 / self.lines as f64
    }
}

fn samples(of: &[f64]) -> Samples {
    of.iter().copied().collect()
}
