//! What was measured, as a table and as JSON.

use serde_json::{Map, Value, json};
use spinreel_host::{StoreCalls, StoreOperation};

use super::requests::Cost;
use super::transfers::{Server, Throughputs};
use super::{AT_A_TIME, BIG, FILES, LISTS, ROUNDS, SMALL, UPLOADS};
use crate::report::{Report, Table, range, thousands};
use crate::statistics::Samples;

/// What downloads shall at least do of nginx's throughput.
const DOWNLOAD_AIM: f64 = 1.0;

/// What uploads shall at least do of nginx's throughput.
const UPLOAD_AIM: f64 = 0.9;

/// How many times as long a page of many files may take at most as one of few.
const PAGE_AIM: f64 = 1.2;

/// The ways of big files, as [`Server::ALL`]: the name in JSON, the name in the table.
const SERVERS: [(&str, &str); Server::ALL.len()] = [
    ("spinreel", "Spinreel"),
    ("nginx_buffering", "nginx, buffering"),
    ("nginx_unbuffered", "nginx, unbuffered"),
    ("bucket", "no proxy"),
];

/// Everything.
pub(crate) struct Results {
    /// Big files down.
    pub(crate) download: Throughputs,
    /// Big files up.
    pub(crate) upload: Throughputs,
    /// Small files up.
    pub(crate) small_upload: Cost,
    /// Small files deleted.
    pub(crate) deletion: Cost,
    /// A page of ten items, of few files and of many.
    pub(crate) pages: [Cost; 2],
    /// The status, of few files and of many.
    pub(crate) statuses: [Cost; 2],
}

impl Results {
    /// The report.
    pub(crate) fn report(&self) -> Report {
        Report {
            name: "storage",
            table: self.table(),
            data: self.data(),
        }
    }

    fn table(&self) -> Table {
        let mut rows = transfer_rows("download", &self.download);
        rows.extend(transfer_rows("upload", &self.upload));
        let requests = self.requests();
        rows.extend(requests.iter().map(|request| request.row()));
        let verdict = |reached: bool| if reached { "reached" } else { "missed" };
        let (download, upload) = (to_nginx(&self.download), to_nginx(&self.upload));
        let page = ratio(&self.pages);
        let mut notes = vec![
            format!(
                "Aim: downloads at least {DOWNLOAD_AIM:.1} × the faster nginx: {} ({download:.2}).",
                verdict(download >= DOWNLOAD_AIM)
            ),
            format!(
                "Aim: uploads at least {UPLOAD_AIM:.1} × the faster nginx: {} ({upload:.2}).",
                verdict(upload >= UPLOAD_AIM)
            ),
            format!(
                "Aim: a page at {} files at most {PAGE_AIM:.1} × one at {}: {} ({page:.2}).",
                thousands(FILES[1] as f64),
                FILES[0],
                verdict(page <= PAGE_AIM)
            ),
            "Store calls, medians by service:".to_owned(),
        ];
        notes.extend(requests.iter().map(|request| request.calls()));
        notes.push(format!(
            "Medians of {ROUNDS} alternating rounds of big files, of {UPLOADS} uploads and deletions, of {LISTS} pages \
             and statuses; one request at a time."
        ));
        Table {
            title: format!(
                "storage: files of {} MiB and of {} kB, pages of ten items",
                BIG / 1024 / 1024,
                SMALL / 1000
            ),
            heads: vec!["", "median", "lowest–highest", "ratio", "store calls"],
            rows,
            notes,
        }
    }

    /// Small requests, in the table's order.
    fn requests(&self) -> [Requests<'_>; 6] {
        let [few, many] = FILES.map(|files| thousands(files as f64));
        let request = |name, title: String, cost| Requests {
            name,
            title,
            cost,
            ratio: None,
        };
        let [page_few, page_many] = &self.pages;
        let [status_few, status_many] = &self.statuses;
        [
            request("upload", "small upload".to_owned(), &self.small_upload),
            request("deletion", "small deletion".to_owned(), &self.deletion),
            request("page_of_few", format!("page, {few} files"), page_few),
            Requests {
                ratio: Some(ratio(&self.pages)),
                ..request("page_of_many", format!("page, {many} files"), page_many)
            },
            request("status_of_few", format!("status, {few} files"), status_few),
            Requests {
                ratio: Some(ratio(&self.statuses)),
                ..request(
                    "status_of_many",
                    format!("status, {many} files"),
                    status_many,
                )
            },
        ]
    }

    fn data(&self) -> Value {
        let requests: Map<String, Value> = self
            .requests()
            .iter()
            .map(|request| (request.name.to_owned(), request.data()))
            .collect();
        json!({
            "file_bytes": BIG,
            "small_file_bytes": SMALL,
            "rounds": ROUNDS,
            "files": FILES,
            "uploads_at_a_time_while_filling": AT_A_TIME,
            "download": transfer_data(&self.download),
            "upload": transfer_data(&self.upload),
            "requests": requests,
            "download_to_nginx": to_nginx(&self.download),
            "upload_to_nginx": to_nginx(&self.upload),
            "page_of_many_to_few": ratio(&self.pages),
            "status_of_many_to_few": ratio(&self.statuses),
        })
    }
}

/// Requests of one kind.
struct Requests<'a> {
    /// The name in JSON.
    name: &'static str,
    /// The name in the table.
    title: String,
    cost: &'a Cost,
    /// To the same request of a user that has few files.
    ratio: Option<f64>,
}

impl Requests<'_> {
    fn row(&self) -> Vec<String> {
        let latency = self.cost.latency();
        let milliseconds = |number: f64| format!("{number:.2}");
        let total = self.cost.total_calls();
        vec![
            self.title.clone(),
            format!("{} ms", milliseconds(latency.median())),
            range(&latency, milliseconds),
            self.ratio
                .map(|ratio| format!("{ratio:.2} × few"))
                .unwrap_or_default(),
            thousands(total.median()),
        ]
    }

    /// One line with the calls of every store that was called.
    fn calls(&self) -> String {
        let mut text = String::new();
        let mut last = "";
        let calls = median_calls(&self.cost.calls);
        for (label, operation, count) in &calls {
            let count = thousands(*count);
            text += &match *label == last {
                true => format!(", {count} {}", operation.name()),
                false => {
                    let between = if last.is_empty() { "" } else { "; " };
                    format!("{between}{label} {count} {}", operation.name())
                }
            };
            last = label;
        }
        format!("  {}: {text}.", self.title)
    }

    fn data(&self) -> Value {
        let latency = self.cost.latency();
        let total = self.cost.total_calls();
        let mut stores: Map<String, Value> = Map::new();
        for (label, operation, count) in median_calls(&self.cost.calls) {
            stores.entry(label).or_insert_with(|| json!({}))[operation.name()] = count.into();
        }
        json!({
            "milliseconds": latency.median(),
            "lowest_milliseconds": latency.lowest(),
            "highest_milliseconds": latency.highest(),
            "store_calls": total.median(),
            "lowest_store_calls": total.lowest(),
            "highest_store_calls": total.highest(),
            "store_calls_by_store": stores,
        })
    }
}

/// The medians that are not 0, by store and operation.
fn median_calls(calls: &[StoreCalls]) -> Vec<(&str, StoreOperation, f64)> {
    let labels = calls.first().map(StoreCalls::labels).into_iter().flatten();
    labels
        .flat_map(|label| StoreOperation::ALL.map(|operation| (label, operation)))
        .map(|(label, operation)| {
            let counts = calls.iter().map(|calls| calls.of(label, operation) as f64);
            (label, operation, counts.collect::<Samples>().median())
        })
        .filter(|(_, _, count)| *count > 0.0)
        .collect()
}

/// The throughput of the faster nginx.
fn nginx(throughputs: &Throughputs) -> f64 {
    let rate = |server| throughputs[server as usize].median();
    rate(Server::NginxBuffering).max(rate(Server::NginxUnbuffered))
}

/// Spinreel's throughput to nginx's.
fn to_nginx(throughputs: &Throughputs) -> f64 {
    throughputs[Server::Spinreel as usize].median() / nginx(throughputs)
}

/// How many times as long it takes with many files.
fn ratio([few, many]: &[Cost; 2]) -> f64 {
    many.latency().median() / few.latency().median()
}

fn transfer_rows(what: &str, throughputs: &Throughputs) -> Vec<Vec<String>> {
    let nginx = nginx(throughputs);
    throughputs
        .iter()
        .zip(SERVERS)
        .map(|(rates, (_, name))| {
            vec![
                format!("{what}, {name}"),
                format!("{} MB/s", thousands(rates.median())),
                range(rates, thousands),
                format!("{:.2} × nginx", rates.median() / nginx),
                String::new(),
            ]
        })
        .collect()
}

fn transfer_data(throughputs: &Throughputs) -> Value {
    let servers: Map<String, Value> = throughputs
        .iter()
        .zip(SERVERS)
        .map(|(rates, (name, _))| {
            let server = json!({
                "megabytes_per_second": rates.median(),
                "megabytes_per_second_of_rounds": rates.sorted(),
            });
            (name.to_owned(), server)
        })
        .collect();
    servers.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(milliseconds: &[f64], gets: &[u64]) -> Cost {
        let calls = |gets: &u64| {
            let calls = [
                ("storage", StoreOperation::Get, *gets),
                ("users", StoreOperation::Get, 0),
            ];
            calls
                .map(|(label, operation, count)| (label.to_owned(), operation, count))
                .into_iter()
                .chain([("storage".to_owned(), StoreOperation::Increment, 4)])
                .collect()
        };
        Cost {
            milliseconds: milliseconds.to_vec(),
            calls: gets.iter().map(calls).collect(),
        }
    }

    fn results() -> Results {
        let rates =
            |rates: [f64; 4]| rates.map(|rate| [rate / 2.0, rate, rate].into_iter().collect());
        Results {
            download: rates([1_250.0, 800.0, 1_000.0, 2_000.0]),
            upload: rates([400.0, 500.0, 450.0, 600.0]),
            small_upload: cost(&[9.0, 10.0, 30.0], &[3, 3, 7]),
            deletion: cost(&[5.0], &[2]),
            pages: [cost(&[2.0], &[1]), cost(&[2.5], &[1])],
            statuses: [cost(&[3.0], &[2]), cost(&[60.0], &[160])],
        }
    }

    #[test]
    fn throughput_is_compared_with_the_faster_nginx() {
        let report = results().report();
        assert_eq!(
            report.table.rows[0],
            [
                "download, Spinreel",
                "1,250 MB/s",
                "625–1,250",
                "1.25 × nginx",
                ""
            ]
        );
        assert!(report.table.notes[0].ends_with("reached (1.25)."));
        assert!(report.table.notes[1].ends_with("missed (0.80)."));
        assert_eq!(report.data["download_to_nginx"], 1.25);
        assert_eq!(
            report.data["upload"]["bucket"]["megabytes_per_second"],
            600.0
        );
    }

    #[test]
    fn many_files_are_compared_with_few() {
        let report = results().report();
        let row = |title: &str| report.table.rows.iter().find(|row| row[0] == title);
        assert_eq!(
            row("page, 10,000 files").map(|row| row[3].as_str()),
            Some("1.25 × few")
        );
        assert!(report.table.notes[2].ends_with("missed (1.25)."));
        assert_eq!(report.data["status_of_many_to_few"], 20.0);
    }

    #[test]
    fn store_calls_are_medians_by_store_and_operation() {
        let report = results().report();
        assert!(
            report
                .table
                .notes
                .contains(&"  small upload: storage 3 get, 4 increment.".to_owned()),
            "{:?}",
            report.table.notes
        );
        let upload = &report.data["requests"]["upload"];
        assert_eq!(upload["store_calls"], 7.0);
        assert_eq!(upload["highest_store_calls"], 11.0);
        assert_eq!(
            upload["store_calls_by_store"],
            json!({"storage": {"get": 3.0, "increment": 4.0}})
        );
    }

    #[test]
    fn every_row_is_as_long_as_the_heads() {
        let table = results().report().table;
        assert!(table.rows.iter().all(|row| row.len() == table.heads.len()));
    }
}
