//! The load: wrk, with a fixed number of connections that each send the next request when the last is answered.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::statistics::Samples;
use crate::{step, tools};

/// Connections that are kept open.
pub(crate) const CONNECTIONS: u32 = 16;

/// Threads of the load generator.
pub(crate) const THREADS: u32 = 2;

/// How long a connection may say nothing.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long each load is sent before the first round, so that memory is mapped and caches are warm.
const WARM_UP: Duration = Duration::from_secs(3);

/// One round of one load.
pub(crate) const ROUND: Duration = Duration::from_secs(3);

/// Rounds of each load.
pub(crate) const ROUNDS: usize = 7;

/// The load generator.
pub(crate) struct Wrk {
    program: PathBuf,
    script: PathBuf,
}

/// A request that is sent over and over.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// What is asked for.
    pub(crate) url: String,
    /// Headers, each as `Name: value`.
    pub(crate) headers: Vec<String>,
    /// The one right status. `None`: any below 400, which costs wrk less to see.
    pub(crate) status: Option<u16>,
}

impl Load {
    /// A request without headers of its own.
    pub(crate) fn of(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            headers: Vec::new(),
            status: None,
        }
    }
}

/// What one run of wrk measured.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub(crate) struct Round {
    /// Requests that were answered.
    pub(crate) requests: u64,
    /// How long the run took.
    pub(crate) microseconds: u64,
    /// Connections that could not be made, or were lost, or said nothing for too long.
    pub(crate) connection_errors: u64,
    /// Answers with a wrong status.
    pub(crate) status_errors: u64,
    /// The median time from request to answer, in microseconds.
    pub(crate) latency_p50: u64,
    /// The time that 99 of 100 answers took at most, in microseconds.
    pub(crate) latency_p99: u64,
}

impl Wrk {
    /// Finds or installs wrk; `folder` gets the script that makes it print what [`Round`] reads.
    pub(crate) async fn new(folder: &Path) -> Result<Self> {
        let script = folder.join("wrk.lua");
        std::fs::write(&script, include_str!("wrk.lua"))
            .with_context(|| format!("{} cannot be written", script.display()))?;
        Ok(Self {
            program: tools::find_or_install("wrk").await?,
            script,
        })
    }

    /// Warms up every load, then measures them in rounds that alternate, so that what else the machine does meets all of
    /// them. `before` is awaited before each.
    pub(crate) async fn compare<const N: usize>(
        &self,
        loads: &[Load; N],
        before: impl AsyncFn() -> Result<()>,
    ) -> Result<[Summary; N]> {
        step("Warming up");
        for load in loads {
            self.run(load, WARM_UP).await?;
        }
        let mut rounds = [const { Vec::<Round>::new() }; N];
        for round in 0..ROUNDS {
            step(&format!("Round {} of {ROUNDS}", round + 1));
            for turn in 0..N {
                before().await?;
                // Each round begins with another load, so that none always follows the same one.
                let load = (round + turn) % N;
                rounds[load].push(self.run(&loads[load], ROUND).await?);
            }
        }
        Ok(rounds.map(|rounds| Summary::of(&rounds)))
    }

    /// Sends `load` for this many whole seconds. A request that failed is an error.
    pub(crate) async fn run(&self, load: &Load, duration: Duration) -> Result<Round> {
        let round = self.count(load, duration, PATIENCE).await?;
        round
            .check()
            .with_context(|| format!("measuring {}", load.url))?;
        Ok(round)
    }

    /// Sends `load` for this many whole seconds, and counts requests that failed. A connection that says nothing for the
    /// seconds of `patience` is one of them.
    pub(crate) async fn count(
        &self,
        load: &Load,
        duration: Duration,
        patience: Duration,
    ) -> Result<Round> {
        let mut command = Command::new(&self.program);
        for header in &load.headers {
            command.arg("-H").arg(header);
        }
        if let Some(status) = load.status {
            command.env("EXPECTED_STATUS", status.to_string());
        }
        let output = command
            .arg(format!("-c{CONNECTIONS}"))
            .arg(format!("-t{THREADS}"))
            .arg(format!("-d{}s", duration.as_secs()))
            .arg(format!("--timeout={}s", patience.as_secs()))
            .arg("-s")
            .arg(&self.script)
            .arg(&load.url)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("wrk could not be started")?;
        ensure!(
            output.status.success(),
            "wrk failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Round::parse(&String::from_utf8_lossy(&output.stdout))
            .with_context(|| format!("measuring {}", load.url))
    }
}

impl Round {
    fn parse(output: &str) -> Result<Self> {
        let line = output.lines().next_back().unwrap_or_default();
        serde_json::from_str(line)
            .with_context(|| format!("wrk's output ends in an unexpected line: {line}"))
    }

    /// An error unless all requests were answered as they should be.
    fn check(&self) -> Result<()> {
        ensure!(self.requests > 0, "nothing was answered");
        ensure!(
            self.connection_errors == 0 && self.status_errors == 0,
            "of {} requests, {} were answered with a wrong status and {} connections failed",
            self.requests,
            self.status_errors,
            self.connection_errors
        );
        Ok(())
    }

    /// Answers in a second.
    fn requests_per_second(&self) -> f64 {
        self.requests as f64 / (self.microseconds as f64 / 1e6)
    }
}

/// All rounds of one load.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Summary {
    /// Requests a second in each round.
    pub(crate) rates: Samples,
    /// The medians of the rounds' latencies, in microseconds.
    pub(crate) latency_p50: f64,
    /// As above.
    pub(crate) latency_p99: f64,
}

impl Summary {
    /// What these rounds measured.
    pub(crate) fn of(rounds: &[Round]) -> Self {
        let samples = |value: fn(&Round) -> f64| -> Samples { rounds.iter().map(value).collect() };
        Self {
            rates: samples(Round::requests_per_second),
            latency_p50: samples(|round| round.latency_p50 as f64).median(),
            latency_p99: samples(|round| round.latency_p99 as f64).median(),
        }
    }

    /// Requests a second in the median round.
    pub(crate) fn rate(&self) -> f64 {
        self.rates.median()
    }

    /// For programs.
    pub(crate) fn data(&self) -> Value {
        json!({
            "requests_per_second": self.rate(),
            "requests_per_second_of_rounds": self.rates.sorted(),
            "latency_p50_microseconds": self.latency_p50,
            "latency_p99_microseconds": self.latency_p99,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn output(connection_errors: u64, status_errors: u64) -> String {
        format!(
            "Running 3s test @ http://127.0.0.1:1/\nTransfer/sec:      2.72MB\n{{\"requests\":48000,\
             \"microseconds\":3000000,\"connection_errors\":{connection_errors},\
             \"status_errors\":{status_errors},\"latency_p50\":950,\"latency_p99\":2100}}\n"
        )
    }

    #[test]
    fn the_last_line_tells_what_was_measured() {
        let round = Round::parse(&output(0, 0)).unwrap();
        assert_eq!(round.requests_per_second(), 16_000.0);
        assert_eq!((round.latency_p50, round.latency_p99), (950, 2100));
    }

    #[test]
    fn failed_requests_are_not_a_measurement() {
        let checked = |output: String| Round::parse(&output).unwrap().check();
        assert!(checked(output(0, 0)).is_ok());
        assert!(checked(output(1, 0)).is_err());
        assert!(checked(output(0, 1)).is_err());
        assert!(Round::parse("unable to connect to 127.0.0.1:1\n").is_err());
        assert!(Round::parse("").is_err());
    }
}
