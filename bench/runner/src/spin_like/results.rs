//! The table and the JSON.

use serde_json::{Value, json};

use super::loads::LOADS;
use super::server::Calls;
use crate::profile::Profile;
use crate::report::{Report, Table, thousands};
use crate::wrk::{CONNECTIONS, Round, THREADS};

/// What one kind of request came to on one site.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figures {
    /// Right answers in a second.
    pub(super) rate: f64,
    /// Answers with a wrong status, and connections that failed.
    pub(super) errors: u64,
    /// In milliseconds.
    pub(super) p99: f64,
    /// Calls of all stores for each request, with what the services do after the answer.
    pub(super) reads: f64,
    pub(super) writes: f64,
}

impl Figures {
    /// From a round, and the store calls before and after it.
    pub(super) fn new(round: Round, before: Calls, after: Calls) -> Self {
        let errors = round.status_errors + round.connection_errors;
        let right = round.requests.saturating_sub(round.status_errors);
        let each = |before: u64, after: u64| {
            after.saturating_sub(before) as f64 / round.requests.max(1) as f64
        };
        Self {
            rate: right as f64 / (round.microseconds.max(1) as f64 / 1e6),
            errors,
            p99: round.latency_p99 as f64 / 1e3,
            reads: each(before.reads, after.reads),
            writes: each(before.writes, after.writes),
        }
    }
}

/// The figures of a request, a build and a profile.
pub(super) struct Measured {
    /// A place in [`LOADS`].
    pub(super) load: usize,
    pub(super) build: &'static str,
    pub(super) profile: Profile,
    pub(super) figures: Figures,
}

/// Everything that was measured.
pub(super) struct Results {
    pub(super) seconds: u64,
    pub(super) measured: Vec<Measured>,
}

impl Results {
    pub(super) fn report(&self) -> Report {
        Report {
            name: "spin-like",
            table: self.table(),
            data: self.data(),
        }
    }

    /// What it is beside the hello component on the same host.
    fn to_hello(&self, of: &Measured) -> f64 {
        let hello = self
            .measured
            .iter()
            .find(|other| (other.load, other.build, other.profile) == (0, of.build, of.profile));
        of.figures.rate / hello.map_or(f64::NAN, |hello| hello.figures.rate)
    }

    fn table(&self) -> Table {
        let row = |measured: &Measured| {
            let figures = measured.figures;
            vec![
                LOADS[measured.load].title.to_owned(),
                measured.build.to_owned(),
                measured.profile.name().to_owned(),
                thousands(figures.rate),
                format!("{:.3}", self.to_hello(measured)),
                thousands(figures.errors as f64),
                format!("{:.1} ms", figures.p99),
                format!("{:.1}", figures.writes),
                format!("{:.1}", figures.reads),
            ]
        };
        let errors: u64 = self
            .measured
            .iter()
            .map(|measured| measured.figures.errors)
            .sum();
        let verdict = if errors == 0 { "reached" } else { "missed" };
        Table {
            title: "spin-like: small requests where writes and instances cost what they cost on Spin".to_owned(),
            heads: vec![
                "",
                "build",
                "profile",
                "requests/s",
                "× hello",
                "errors",
                "p99",
                "writes",
                "reads",
            ],
            rows: self.measured.iter().map(row).collect(),
            notes: vec![
                format!("Aim: no errors: {verdict} ({errors})."),
                "Writes and reads: calls of all stores for each request, with what the services do after the answer."
                    .to_owned(),
                format!(
                    "{CONNECTIONS} clients on the same machine, {} s for each request: wrk with {THREADS} threads, and for uploads \
                     and deletions this program. Deletions end when one client has no more files.",
                    self.seconds
                ),
            ],
        }
    }

    fn data(&self) -> Value {
        let measured: Vec<Value> = self
            .measured
            .iter()
            .map(|measured| {
                let figures = measured.figures;
                json!({
                    "request": LOADS[measured.load].name,
                    "build": measured.build,
                    "profile": measured.profile.name(),
                    "requests_per_second": figures.rate,
                    "to_hello": self.to_hello(measured),
                    "errors": figures.errors,
                    "latency_p99_milliseconds": figures.p99,
                    "store_writes": figures.writes,
                    "store_reads": figures.reads,
                })
            })
            .collect();
        json!({ "clients": CONNECTIONS, "seconds": self.seconds, "measured": measured })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(requests: u64, status_errors: u64) -> Round {
        Round {
            requests,
            microseconds: 2_000_000,
            connection_errors: 1,
            status_errors,
            latency_p50: 900,
            latency_p99: 2_500,
        }
    }

    fn figures(requests: u64, status_errors: u64) -> Figures {
        let calls = |reads, writes| Calls { reads, writes };
        let round = round(requests, status_errors);
        Figures::new(
            round,
            calls(10, 10),
            calls(10 + 3 * requests, 10 + requests / 2),
        )
    }

    #[test]
    fn only_right_answers_count_and_calls_are_of_all_requests() {
        let found = figures(1_000, 200);
        let expected = Figures {
            rate: 400.0,
            errors: 201,
            p99: 2.5,
            reads: 3.0,
            writes: 0.5,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn requests_are_compared_with_the_hello_component_of_the_same_host() {
        let measured = |load, profile, requests| Measured {
            load,
            build: "present",
            profile,
            figures: figures(requests, 0),
        };
        let results = Results {
            seconds: 10,
            measured: vec![
                measured(0, Profile::AsSpin, 8_000),
                measured(0, Profile::Ordinary, 40_000),
                measured(3, Profile::AsSpin, 2_000),
                measured(3, Profile::Ordinary, 4_000),
            ],
        };
        let report = results.report();
        let ratios: Vec<&str> = report
            .table
            .rows
            .iter()
            .map(|row| row[4].as_str())
            .collect();
        assert_eq!(ratios, ["1.000", "1.000", "0.250", "0.100"]);
        assert_eq!(report.data["measured"][2]["to_hello"], 0.25);
        assert!(report.table.notes[0].contains("missed (4)"));
    }
}
