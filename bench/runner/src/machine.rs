//! What the numbers were measured on.

use std::fs;
use std::num::NonZero;
use std::thread::available_parallelism;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// Above this load average, other programs take part in what is measured.
const QUIET: f64 = 0.5;

/// The machine, as it was before the first benchmark.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    /// Processors that this program may use.
    pub(crate) cores: usize,
    /// The processor's name, where the system tells it.
    pub(crate) processor: Option<String>,
    /// Runnable tasks on average over the last minute, where the system tells it.
    pub(crate) load_average: Option<f64>,
}

impl Machine {
    /// Looks at the machine that this runs on.
    pub(crate) fn look() -> Result<Self> {
        let cores =
            available_parallelism().context("the number of processors cannot be found out")?;
        Ok(Self {
            cores: NonZero::get(cores),
            processor: fs::read_to_string("/proc/cpuinfo")
                .ok()
                .and_then(|text| processor(&text)),
            load_average: fs::read_to_string("/proc/loadavg")
                .ok()
                .and_then(|text| load_average(&text)),
        })
    }

    /// One or two sentences for people.
    pub(crate) fn describe(&self) -> String {
        let processor = self.processor.as_deref().unwrap_or("unknown processor");
        let mut text = format!("{} cores ({processor}).", self.cores);
        if let Some(load) = self.load_average {
            text += &format!(" Load average before the start: {load:.2}");
            text += if load > QUIET {
                ", so other programs took part."
            } else {
                "."
            };
        }
        text
    }
}

fn processor(cpuinfo: &str) -> Option<String> {
    cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == "model name")
        .map(|(_, name)| name.trim().to_owned())
}

fn load_average(loadavg: &str) -> Option<f64> {
    loadavg.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_and_the_load_are_read_from_what_linux_writes() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Some CPU: fast\nflags\t\t: fpu\n";
        assert_eq!(processor(cpuinfo).as_deref(), Some("Some CPU: fast"));
        assert_eq!(processor("processor\t: 0\n"), None);
        assert_eq!(load_average("0.42 0.50 0.61 1/120 4242\n"), Some(0.42));
        assert_eq!(load_average(""), None);
    }

    #[test]
    fn a_busy_machine_is_told() {
        let machine = |load| Machine {
            cores: 2,
            processor: None,
            load_average: Some(load),
        };
        assert!(machine(1.5).describe().contains("other programs"));
        assert!(!machine(0.1).describe().contains("other programs"));
    }
}
