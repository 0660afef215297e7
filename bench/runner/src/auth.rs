//! `auth`: what a request costs that somebody must be allowed to make. The status of a user's storage and the user's own
//! account, the same with a token that is none, and the hello component on the same host.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::application::Application;
use crate::content::Content;
use crate::hello_server::{Allocator, BODY, HelloServer};
use crate::profile::Profile;
use crate::report::{Report, Table, range, thousands};
use crate::wrk::{CONNECTIONS, Load, ROUND, ROUNDS, Summary, THREADS, Wrk};
use crate::{client, step};

/// The bytes of the user's one file.
const FILE: u64 = 100_000;

/// Who asks.
const USERNAME: &str = "somebody";

const STATUS: &str = "/storage-status";
const ACCOUNT: &str = "/v1/users/me";

const HELLO: usize = 0;

/// The loads, in the table's order: the name in JSON, the name in the table.
const LOADS: [(&str, &str); 4] = [
    ("hello", "hello component, no token"),
    ("storage_status", "GET /storage-status, 1 file"),
    ("rejected", "GET /storage-status, no valid token: 401"),
    ("users_me", "GET /v1/users/me"),
];

/// Measures all four in one run.
pub(crate) async fn run() -> Result<Report> {
    step("Starting the application and the hello component");
    // Declared first, so that it is removed last.
    let folder = tempfile::tempdir()?;
    let wrk = Wrk::new(folder.path()).await?;
    let hello = HelloServer::start(Allocator::Pooling, Profile::Ordinary, folder.path()).await?;
    let application = Application::start(folder.path()).await?;
    let user = application.sign_up(USERNAME).await?;
    let upload = user.upload("film.mp4", &Content::new(FILE))?;
    application.client.ask(upload).await?;
    application.settled().await?;

    let body = client::get(hello.url()).await?;
    ensure!(
        body == BODY.as_bytes(),
        "the hello component answers {body:?}"
    );
    let ask = async |path: &str| -> Result<Value> {
        let answer = application.client.ask(user.get(path)?).await?;
        serde_json::from_slice(&answer).with_context(|| format!("{path} answers no JSON"))
    };
    let status = ask(STATUS).await?;
    let files = status["files"].as_array().map_or(0, Vec::len);
    ensure!(files == 1, "{files} files are listed instead of one");
    let account = ask(ACCOUNT).await?;
    ensure!(account["username"] == USERNAME, "the account is {account}");

    let load = |path: &str, authorization: &str, status| Load {
        url: user.url(path),
        headers: vec![format!("Authorization: {authorization}")],
        status: Some(status),
    };
    // Statuses are compared for all of them, so that the load generator has as much to do for each.
    let loads = [
        Load {
            status: Some(200),
            ..Load::of(hello.url())
        },
        load(STATUS, user.authorization(), 200),
        load(STATUS, "Bearer abc", 401),
        load(ACCOUNT, user.authorization(), 200),
    ];
    // What the services do after their answers must not fall into another load's round.
    let summaries = wrk
        .compare(&loads, async || application.settled().await.map(drop))
        .await?;
    application.shutdown().await;
    Ok(report(&summaries))
}

fn report(summaries: &[Summary; LOADS.len()]) -> Report {
    Report {
        name: "auth",
        table: table(summaries),
        data: data(summaries),
    }
}

fn table(summaries: &[Summary; LOADS.len()]) -> Table {
    let hello = summaries[HELLO].rate();
    let rows = summaries
        .iter()
        .zip(LOADS)
        .map(|(summary, (_, name))| {
            vec![
                name.to_owned(),
                thousands(summary.rate()),
                range(&summary.rates, thousands),
                format!("{:.3}", summary.rate() / hello),
                format!("{:.2} ms", summary.latency_p50 / 1e3),
                format!("{:.2} ms", summary.latency_p99 / 1e3),
            ]
        })
        .collect();
    Table {
        title: "auth: requests with a token".to_owned(),
        heads: vec![
            "",
            "requests/s",
            "lowest–highest",
            "× hello",
            "p50",
            "p99",
        ],
        rows,
        notes: vec![
            "What the services do after an answer is included: storage-service hands on a log line for each request."
                .to_owned(),
            format!(
                "wrk on the same machine: {CONNECTIONS} connections, {THREADS} threads; medians of {ROUNDS} \
                 alternating rounds of {} s.",
                ROUND.as_secs()
            ),
        ],
    }
}

fn data(summaries: &[Summary; LOADS.len()]) -> Value {
    let hello = summaries[HELLO].rate();
    let loads: serde_json::Map<String, Value> = summaries
        .iter()
        .zip(LOADS)
        .map(|(summary, (name, _))| {
            let mut load = summary.data();
            load["to_hello"] = (summary.rate() / hello).into();
            (name.to_owned(), load)
        })
        .collect();
    json!({
        "wrk": {
            "connections": CONNECTIONS,
            "threads": THREADS,
            "rounds": ROUNDS,
            "seconds_per_round": ROUND.as_secs(),
        },
        "loads": loads,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(rates: &[f64]) -> Summary {
        Summary {
            rates: rates.iter().copied().collect(),
            latency_p50: 3_000.0,
            latency_p99: 7_500.0,
        }
    }

    #[test]
    fn ratios_compare_the_medians_with_the_hello_component() {
        let report = report(&[
            summary(&[20_000.0, 10_000.0, 21_000.0]),
            summary(&[4_000.0, 5_000.0, 6_000.0]),
            summary(&[8_000.0]),
            summary(&[2_500.0]),
        ]);
        assert_eq!(
            report.table.rows[1],
            [
                LOADS[1].1,
                "5,000",
                "4,000–6,000",
                "0.250",
                "3.00 ms",
                "7.50 ms"
            ]
        );
        assert_eq!(report.data["loads"]["hello"]["to_hello"], 1.0);
        assert_eq!(report.data["loads"]["users_me"]["to_hello"], 0.125);
    }
}
