//! What the numbers were measured on.

use std::fs;
use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// How long the machine is watched to see how busy it is.
const WATCH: Duration = Duration::from_secs(2);

/// Below this, in percent, other programs take part in what is measured.
const IDLE: f64 = 95.0;

/// The machine, as it was before the first benchmark.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    /// Processors that this program may use.
    pub(crate) cores: usize,
    /// The processor's name, where the system tells it.
    pub(crate) processor: Option<String>,
    /// How idle the processors were, in percent of their time, where the system tells it.
    pub(crate) idle_percent: Option<f64>,
}

/// Processor time since the system's start, summed over the processors, in the system's ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Time {
    idle: u64,
    total: u64,
}

impl Machine {
    /// Watches the machine that this runs on for two seconds.
    pub(crate) async fn look() -> Result<Self> {
        let cores =
            available_parallelism().context("the number of processors cannot be found out")?;
        let before = Time::now();
        tokio::time::sleep(WATCH).await;
        let idle_percent = before
            .zip(Time::now())
            .and_then(|(before, after)| after.idle_percent_since(before));
        Ok(Self {
            cores: NonZero::get(cores),
            processor: fs::read_to_string("/proc/cpuinfo")
                .ok()
                .and_then(|text| processor(&text)),
            idle_percent,
        })
    }

    /// One or two sentences for people.
    pub(crate) fn describe(&self) -> String {
        let processor = self.processor.as_deref().unwrap_or("unknown processor");
        let mut text = format!("{} cores ({processor})", self.cores);
        match self.idle_percent {
            None => text.push('.'),
            Some(idle) => {
                text += &format!(", {idle:.0} % idle before the start");
                text += if idle < IDLE {
                    ": other programs took part."
                } else {
                    "."
                };
            }
        }
        text
    }
}

impl Time {
    fn now() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// Reads the first line of Linux's `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal; what
    /// follows is contained in the first two (proc_stat(5)).
    fn parse(stat: &str) -> Option<Self> {
        let ticks: Vec<u64> = stat
            .lines()
            .next()?
            .strip_prefix("cpu ")?
            .split_whitespace()
            .take(8)
            .map(|ticks| ticks.parse().ok())
            .collect::<Option<_>>()?;
        Some(Self {
            idle: ticks.get(3)? + ticks.get(4)?,
            total: ticks.iter().sum(),
        })
    }

    fn idle_percent_since(self, before: Self) -> Option<f64> {
        let total = self.total.checked_sub(before.total)?;
        let idle = self.idle.checked_sub(before.idle)?;
        (total > 0).then(|| idle as f64 / total as f64 * 100.0)
    }
}

fn processor(cpuinfo: &str) -> Option<String> {
    cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == "model name")
        .map(|(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_processor_is_named_as_linux_names_it() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Some CPU: fast\nflags\t\t: fpu\n";
        assert_eq!(processor(cpuinfo).as_deref(), Some("Some CPU: fast"));
        assert_eq!(processor("processor\t: 0\n"), None);
    }

    #[test]
    fn idleness_is_the_share_of_the_ticks_between_two_looks() {
        let before = Time::parse("cpu  100 0 100 700 50 10 20 20 5 5\ncpu0 1 2 3\n").unwrap();
        assert_eq!((before.idle, before.total), (750, 1000));
        let after = Time::parse("cpu  110 0 110 860 70 10 20 20 9 9\n").unwrap();
        assert_eq!(after.idle_percent_since(before), Some(90.0));
        assert_eq!(before.idle_percent_since(before), None);
        assert_eq!(before.idle_percent_since(after), None);
    }

    #[test]
    fn what_is_not_linux_tells_nothing() {
        for stat in ["", "cpu\n", "cpu  1 2 3\n", "cpu  1 2 3 x 5\n"] {
            assert_eq!(Time::parse(stat), None, "{stat:?}");
        }
    }

    #[test]
    fn a_busy_machine_is_told() {
        let machine = |idle_percent| Machine {
            cores: 2,
            processor: Some("Some CPU".to_owned()),
            idle_percent: Some(idle_percent),
        };
        let busy = "2 cores (Some CPU), 40 % idle before the start: other programs took part.";
        assert_eq!(machine(40.0).describe(), busy);
        let quiet = "2 cores (Some CPU), 99 % idle before the start.";
        assert_eq!(machine(99.2).describe(), quiet);
    }
}
