//! `host`: what the embedded host costs a request. A component that does nothing, with instances from the pool and
//! with instances made anew, and nginx answering the same bytes.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::hello_server::{Allocator, BODY, HelloServer};
use crate::nginx::Nginx;
use crate::profile::Profile;
use crate::report::{Report, Table, range, thousands};
use crate::wrk::{CONNECTIONS, Load, ROUND, ROUNDS, Summary, THREADS, Wrk};
use crate::{client, step};

/// What the pool shall at least do better than the on-demand allocator.
const AIM: f64 = 2.0;

const POOLING: usize = 0;
const ON_DEMAND: usize = 1;
const NGINX: usize = 2;

/// The servers, in the table's order: the name in JSON, the name in the table.
const SERVERS: [(&str, &str); 3] = [
    ("pooling", "embedded host, pooling allocator"),
    ("on_demand", "embedded host, on-demand allocator"),
    ("nginx", "nginx"),
];

/// Measures all three in one run.
pub(crate) async fn run() -> Result<Report> {
    step("Starting the servers");
    // Declared first, so that it is removed last.
    let folder = tempfile::tempdir()?;
    let wrk = Wrk::new(folder.path()).await?;
    let pooling = HelloServer::start(Allocator::Pooling, Profile::Ordinary, folder.path()).await?;
    let on_demand =
        HelloServer::start(Allocator::OnDemand, Profile::Ordinary, folder.path()).await?;
    let nginx = Nginx::answering(BODY, folder.path()).await?;
    let nginx_url = nginx.urls().first().context("nginx has one server")?;
    let urls = [pooling.url(), on_demand.url(), nginx_url];

    for (url, (_, name)) in urls.iter().zip(SERVERS) {
        let body = client::get(url).await?;
        ensure!(
            body == BODY.as_bytes(),
            "{name} answers {body:?} instead of {BODY:?}"
        );
    }
    let loads = urls.map(Load::of);
    Ok(report(&wrk.compare(&loads, async || Ok(())).await?))
}

fn report(summaries: &[Summary; SERVERS.len()]) -> Report {
    Report {
        name: "host",
        table: table(summaries),
        data: data(summaries),
    }
}

fn table(summaries: &[Summary; SERVERS.len()]) -> Table {
    let on_demand = summaries[ON_DEMAND].rate();
    let nginx = summaries[NGINX].rate();
    let rows = summaries
        .iter()
        .zip(SERVERS)
        .map(|(summary, (_, name))| {
            vec![
                name.to_owned(),
                thousands(summary.rate()),
                range(&summary.rates, thousands),
                format!("{:.2}", summary.rate() / on_demand),
                format!("{:.3}", summary.rate() / nginx),
                format!("{:.2} ms", summary.latency_p50 / 1e3),
                format!("{:.2} ms", summary.latency_p99 / 1e3),
            ]
        })
        .collect();
    let pooling = summaries[POOLING].rate() / on_demand;
    let verdict = if pooling >= AIM { "reached" } else { "missed" };
    Table {
        title: format!("host: a hello-world component, {} bytes a body", BODY.len()),
        heads: vec![
            "",
            "requests/s",
            "lowest–highest",
            "× on-demand",
            "× nginx",
            "p50",
            "p99",
        ],
        rows,
        notes: vec![
            format!("Aim: pooling at least {AIM} × on-demand: {verdict} ({pooling:.2})."),
            format!(
                "wrk on the same machine: {CONNECTIONS} connections, {THREADS} threads; medians of {ROUNDS} \
                 alternating rounds of {} s.",
                ROUND.as_secs()
            ),
        ],
    }
}

fn data(summaries: &[Summary; SERVERS.len()]) -> Value {
    let servers: serde_json::Map<String, Value> = summaries
        .iter()
        .zip(SERVERS)
        .map(|(summary, (name, _))| (name.to_owned(), summary.data()))
        .collect();
    let pooling = summaries[POOLING].rate();
    json!({
        "wrk": {
            "connections": CONNECTIONS,
            "threads": THREADS,
            "rounds": ROUNDS,
            "seconds_per_round": ROUND.as_secs(),
        },
        "servers": servers,
        "pooling_to_on_demand": pooling / summaries[ON_DEMAND].rate(),
        "pooling_to_nginx": pooling / summaries[NGINX].rate(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(rates: &[f64]) -> Summary {
        Summary {
            rates: rates.iter().copied().collect(),
            latency_p50: 1_000.0,
            latency_p99: 2_500.0,
        }
    }

    #[test]
    fn ratios_compare_the_medians() {
        let summaries = [
            summary(&[15_000.0, 16_000.0, 16_100.0]),
            summary(&[1_000.0, 8_000.0, 8_100.0]),
            summary(&[64_000.0]),
        ];
        let report = report(&summaries);
        assert_eq!(
            report.table.rows[POOLING],
            [
                SERVERS[POOLING].1,
                "16,000",
                "15,000–16,100",
                "2.00",
                "0.250",
                "1.00 ms",
                "2.50 ms"
            ]
        );
        assert!(report.table.notes[0].contains("reached"));
        assert_eq!(report.data["pooling_to_on_demand"], 2.0);
        assert_eq!(
            report.data["servers"]["nginx"]["requests_per_second"],
            64_000.0
        );
    }

    #[test]
    fn a_missed_aim_is_told() {
        let summaries = [
            summary(&[15_000.0]),
            summary(&[8_000.0]),
            summary(&[64_000.0]),
        ];
        assert!(report(&summaries).table.notes[0].contains("missed"));
    }
}
