//! Never in the way: how long small requests take while logging-service is healthy, gone, broken or slow.
//!
//! Each condition has an application of its own in this process. They are measured in turns.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use spinreel_tests::{Behind, Door};
use tempfile::TempDir;

use crate::application::{Application, User};
use crate::content::Content;
use crate::report::range;
use crate::statistics::Samples;
use crate::step;

/// How much longer a request may take at most than with a healthy log.
const AIM: f64 = 1.05;

/// Clients that each send the next request when the last is answered: few, so that latency is measured and no queue.
const CLIENTS: usize = 2;

/// Rounds. The conditions alternate, so that what else the machine does meets all of them.
const ROUNDS: usize = 15;

/// Requests of each client in a round of one condition.
const STATUSES: usize = 100;
const UPLOADS: usize = 15;

/// The bytes of an upload.
const FILE: u64 = 100_000;

/// What slow is.
const DELAY: Duration = Duration::from_secs(2);

/// The conditions, in the table's order: the name in JSON, the name in the table, what is where logging-service should
/// be.
const CONDITIONS: [(&str, &str, Option<Behind>); 5] = [
    ("healthy", "healthy", None),
    ("gone", "gone (connection refused)", Some(Behind::Nobody)),
    ("broken", "broken (status 500)", Some(Behind::Broken)),
    (
        "slow",
        "slow (answers after 2 s)",
        Some(Behind::Slow(DELAY)),
    ),
    ("silent", "silent (never answers)", Some(Behind::Silent)),
];

/// Milliseconds of one kind of request: for each condition the medians of its rounds.
type Latencies = [Vec<f64>; CONDITIONS.len()];

/// What was measured.
#[derive(Default)]
pub(crate) struct Hindrance {
    statuses: Latencies,
    uploads: Latencies,
}

/// An application under one condition.
struct Site {
    application: Application,
    user: User,
    /// In the way of the log.
    _door: Option<Door>,
    _folder: TempDir,
}

/// Measures all conditions in one run.
pub(crate) async fn measure() -> Result<Hindrance> {
    step("Starting an application for each condition");
    let mut sites = Vec::with_capacity(CONDITIONS.len());
    for (_, _, behind) in CONDITIONS {
        sites.push(Site::start(behind).await?);
    }
    step("Warming up");
    for site in &sites {
        site.statuses().await?;
        site.uploads("warm-up").await?;
    }
    let mut found = Hindrance::default();
    for round in 0..ROUNDS {
        step(&format!("Round {} of {ROUNDS}", round + 1));
        for turn in 0..CONDITIONS.len() {
            // Each round begins with another condition, so that none always follows the same one.
            let condition = (round + turn) % CONDITIONS.len();
            let site = &sites[condition];
            site.application.settled().await?;
            found.statuses[condition].push(site.statuses().await?.median());
            site.application.settled().await?;
            let uploads = site.uploads(&format!("round-{round}")).await?;
            found.uploads[condition].push(uploads.median());
        }
    }
    for site in sites {
        site.application.shutdown().await;
    }
    Ok(found)
}

impl Site {
    async fn start(behind: Option<Behind>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut variables = Vec::new();
        let mut door = None;
        if let Some(behind) = behind {
            let door = door.insert(Door::new().await);
            door.put(behind).await;
            variables.push(("logging_service_url", door.origin()));
        }
        let application = Application::start_with(folder.path(), &variables).await?;
        let user = application.sign_up("somebody").await?;
        Ok(Self {
            application,
            user,
            _door: door,
            _folder: folder,
        })
    }

    /// Milliseconds until the whole answer was there, for each of the questions for a user's status.
    async fn statuses(&self) -> Result<Samples> {
        let client = async |_| -> Result<Vec<f64>> {
            let mut milliseconds = Vec::with_capacity(STATUSES);
            for _ in 0..STATUSES {
                let request = self.user.get("/storage-status")?;
                milliseconds.push(self.time(request).await?);
            }
            Ok(milliseconds)
        };
        both(client).await
    }

    /// The same for uploads of files whose names begin with `name`.
    async fn uploads(&self, name: &str) -> Result<Samples> {
        let content = Content::new(FILE);
        let client = async |client| -> Result<Vec<f64>> {
            let mut milliseconds = Vec::with_capacity(UPLOADS);
            for number in 0..UPLOADS {
                let name = format!("{name}-{client}-{number}.mp4");
                let request = self.user.upload(&name, &content)?;
                milliseconds.push(self.time(request).await?);
            }
            Ok(milliseconds)
        };
        both(client).await
    }

    async fn time(&self, request: http::Request<crate::client::Body>) -> Result<f64> {
        let started = Instant::now();
        self.application.client.ask(request).await?;
        Ok(started.elapsed().as_secs_f64() * 1e3)
    }
}

/// What all clients measured, each at the same time as the other.
async fn both(client: impl AsyncFn(usize) -> Result<Vec<f64>>) -> Result<Samples> {
    let clients: [_; CLIENTS] = std::array::from_fn(|number| client(number));
    let [one, other] = clients;
    let (one, other) = tokio::try_join!(one, other)?;
    let samples: Samples = one.into_iter().chain(other).collect();
    ensure!(samples.median() > 0.0, "nothing was measured");
    Ok(samples)
}

impl Hindrance {
    /// The requests: the name in JSON, the name in the table, what was measured.
    fn requests(&self) -> [(&'static str, &'static str, &Latencies); 2] {
        [
            ("status", "GET /storage-status", &self.statuses),
            ("upload", "upload of 100 kB", &self.uploads),
        ]
    }

    /// The table's rows.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        for (_, request, latencies) in self.requests() {
            for ((_, condition, _), (samples, ratio)) in CONDITIONS.iter().zip(compared(latencies))
            {
                rows.push(vec![
                    format!("{request}, log {condition}"),
                    format!("{:.2} ms", samples.median()),
                    range(&samples, |ms| format!("{ms:.2}")),
                    format!("{ratio:.3} × healthy"),
                ]);
            }
        }
        rows
    }

    /// The notes below the table.
    pub(crate) fn notes(&self) -> Vec<String> {
        let ratios = self
            .requests()
            .into_iter()
            .flat_map(|(_, _, latencies)| compared(latencies).split_off(1))
            .map(|(_, ratio)| ratio);
        let worst = ratios.fold(0.0, f64::max);
        let verdict = if worst <= AIM { "reached" } else { "missed" };
        vec![
            format!("Aim: at most {AIM} × healthy: {verdict} ({worst:.3})."),
            format!(
                "{CLIENTS} clients in the same process; medians of {ROUNDS} alternating rounds of {} statuses and {} \
                 uploads.",
                CLIENTS * STATUSES,
                CLIENTS * UPLOADS
            ),
        ]
    }

    /// For programs.
    pub(crate) fn data(&self) -> Value {
        let requests: serde_json::Map<String, Value> = self
            .requests()
            .into_iter()
            .map(|(name, _, latencies)| {
                let conditions: serde_json::Map<String, Value> = CONDITIONS
                    .iter()
                    .zip(compared(latencies))
                    .map(|((name, ..), (samples, ratio))| {
                        let data = json!({
                            "milliseconds": samples.median(),
                            "milliseconds_of_rounds": samples.sorted(),
                            "to_healthy": ratio,
                        });
                        ((*name).to_owned(), data)
                    })
                    .collect();
                (name.to_owned(), conditions.into())
            })
            .collect();
        json!({ "clients": CLIENTS, "rounds": ROUNDS, "requests": requests })
    }
}

/// For each condition the medians of its rounds, and their median beside that of the healthy log.
fn compared(latencies: &Latencies) -> Vec<(Samples, f64)> {
    let samples: Vec<Samples> = latencies
        .iter()
        .map(|rounds| rounds.iter().copied().collect())
        .collect();
    let healthy = samples[0].median();
    let compare = |samples: Samples| {
        let ratio = samples.median() / healthy;
        (samples, ratio)
    };
    samples.into_iter().map(compare).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_compare_the_medians_with_the_healthy_log() {
        let rounds = |median: f64| vec![median * 3.0, median, median / 2.0];
        let found = Hindrance {
            statuses: [2.0, 2.0, 2.02, 1.9, 2.04].map(rounds),
            uploads: [10.0, 10.0, 10.0, 10.0, 11.0].map(rounds),
        };
        let rows = found.rows();
        assert_eq!(rows.len(), 10);
        assert_eq!(
            rows[4][1..],
            ["2.04 ms", "1.02–6.12", "1.020 × healthy"].map(str::to_owned)
        );
        assert_eq!(rows[9][3], "1.100 × healthy");
        assert!(found.notes()[0].contains("missed (1.100)"));
        let faster = Hindrance {
            statuses: [2.0, 1.9, 1.9, 1.9, 1.9].map(rounds),
            uploads: [10.0, 9.0, 9.0, 9.0, 9.0].map(rounds),
        };
        assert!(faster.notes()[0].contains("reached (0.950)"));
        assert_eq!(
            found.data()["requests"]["upload"]["silent"]["to_healthy"],
            1.1
        );
    }
}
