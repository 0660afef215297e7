//! `GET /v1/metrics`, read by the Prometheus project's own parser.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use http::{Method, StatusCode};
use serde_json::Value;
use spinreel_tests::{App, CLIP, METRICS_TOKEN, Reply, eventually};

const PATH: &str = "/v1/metrics";

async fn app() -> App {
    App::builder()
        .variable("metrics_token", METRICS_TOKEN)
        .start()
        .await
}

/// What a scraper finds.
struct Scrape(Value);

impl Scrape {
    async fn of(app: &App) -> Self {
        let request = app.request(Method::GET, PATH).bearer_auth(METRICS_TOKEN);
        let reply = Reply::to(request).await.expect(StatusCode::OK);
        let text = reply.text().to_owned();
        let found = tokio::task::spawn_blocking(move || parsed(&text, &[]));
        Self(found.await.unwrap())
    }

    /// Every sample that is never to go down: its name, its labels and its value.
    fn counters(&self) -> Vec<(String, f64)> {
        let families = self.0.as_object().unwrap().values();
        families
            .filter(|family| matches!(family["type"].as_str(), Some("counter" | "histogram")))
            .flat_map(|family| family["samples"].as_array().unwrap())
            .map(|sample| {
                let name = format!("{} {}", sample["name"], sample["labels"]);
                (name, sample["value"].as_f64().unwrap())
            })
            .collect()
    }

    /// The sum of the samples of this name that have these labels, and perhaps others.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let families = self.0.as_object().unwrap().values();
        families
            .flat_map(|family| family["samples"].as_array().unwrap())
            .filter(|sample| sample["name"] == name)
            .filter(|sample| {
                labels
                    .iter()
                    .all(|(label, value)| sample["labels"][label] == *value)
            })
            .map(|sample| sample["value"].as_f64().unwrap())
            .sum()
    }
}

/// What the parser finds in the text: families by their names.
fn parsed(text: &str, arguments: &[&str]) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = root.join("target/interop/metrics/venv/bin/python");
    assert!(python.exists(), "run `cargo xtask clients` first");
    let mut parser = Command::new(python)
        .args(["-E", "-s", "-B"])
        .arg(root.join("tests/interop/metrics/check.py"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It reads everything before it writes anything.
    let mut stdin = parser.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = parser.wait_with_output().unwrap();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complained}\n{text}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admins_and_scrapers_read_the_metrics_and_nobody_else() {
    let app = app().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    assert_eq!(
        app.get(PATH).await.problem(),
        (401, "token_required".into())
    );
    assert_eq!(user.get(PATH).await.problem(), (403, "forbidden".into()));
    for wrong in ["x", &METRICS_TOKEN[1..], &format!("{METRICS_TOKEN}=")] {
        let request = app.request(Method::GET, PATH).bearer_auth(wrong);
        let refused = Reply::to(request).await.problem();
        assert_eq!(refused, (401, "token_invalid".into()), "{wrong}");
    }
    let request = app.request(Method::GET, PATH).bearer_auth(METRICS_TOKEN);
    for reply in [Reply::to(request).await, admin.get(PATH).await] {
        let reply = reply.expect(StatusCode::OK);
        assert_eq!(
            reply.header("content-type"),
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
        );
        assert!(reply.text().ends_with("# EOF\n"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_of_their_own_only_admins_read_the_metrics() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    for token in [METRICS_TOKEN, ""] {
        let request = app
            .request(Method::GET, PATH)
            .header("authorization", format!("Bearer {token}"));
        assert_eq!(Reply::to(request).await.status, 401, "{token}");
    }
    admin.get(PATH).await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_too_short_is_told_like_other_wrong_values() {
    let app = App::builder()
        .variable("metrics_token", "short")
        .start()
        .await;
    let health: Value = app.get("/v1/logs/health").await.json();
    assert!(health.to_string().contains("metrics_token"), "{health}");
    assert!(!health.to_string().contains("short"), "{health}");
    let request = app.request(Method::GET, PATH).bearer_auth("short");
    assert_eq!(Reply::to(request).await.status, 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_a_refusal_and_a_playback_are_counted_and_the_numbers_grow() {
    let app = app().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", CLIP).await;
    assert_eq!(user.upload("clip.mp4", CLIP).await.status, 409);
    user.get(&video.links.content).await.expect(StatusCode::OK);

    let upload = ("route", "/upload");
    let content = ("route", "/v1/videos/:id/content");
    let requests = "spinreel_http_requests_total";
    // The lines come after the answers.
    let first = eventually("all three are counted", || async {
        let scrape = Scrape::of(&app).await;
        let done = scrape.sum(requests, &[upload]) == 2.0
            && scrape.sum(requests, &[content]) == 1.0
            && scrape.sum("spinreel_uploads_total", &[("outcome", "refused")]) == 1.0;
        done.then_some(scrape)
    })
    .await;
    for (status, count) in [("200", 1.0), ("409", 1.0)] {
        let labels = [
            upload,
            ("status", status),
            ("method", "POST"),
            ("service", "storage-service"),
        ];
        assert_eq!(first.sum(requests, &labels), count, "{status}");
    }
    for (outcome, count) in [("uploaded", 1.0), ("refused", 1.0), ("failed", 0.0)] {
        let found = first.sum("spinreel_uploads_total", &[("outcome", outcome)]);
        assert_eq!(found, count, "{outcome}");
    }
    assert_eq!(first.sum("spinreel_upload_refusals_total", &[]), 1.0);
    let size = CLIP.len() as f64;
    let received = first.sum("spinreel_http_request_body_bytes_total", &[upload]);
    assert!((size..3.0 * size).contains(&received), "{received}");
    let sent = first.sum("spinreel_http_response_body_bytes_total", &[content]);
    assert_eq!(sent, size);
    let name = "spinreel_http_request_duration_seconds";
    let within = first.sum(&format!("{name}_bucket"), &[upload, ("le", "+Inf")]);
    assert_eq!(within, 2.0);
    assert!(first.sum(&format!("{name}_sum"), &[upload]) > 0.0);
    assert!(first.sum("spinreel_store_calls_total", &[upload]) >= 10.0);
    assert!(first.sum("spinreel_log_entries_total", &[("service", "user-service")]) > 0.0);
    let build = [("version", env!("CARGO_PKG_VERSION"))];
    assert_eq!(first.sum("spinreel_build_info", &build), 1.0);

    user.upload("another.mp4", CLIP)
        .await
        .expect(StatusCode::OK);
    let second = eventually("the next upload is counted", || async {
        let scrape = Scrape::of(&app).await;
        let uploaded = scrape.sum("spinreel_uploads_total", &[("outcome", "uploaded")]);
        (uploaded == 2.0).then_some(scrape)
    })
    .await;
    let later = second.counters();
    for (name, value) in first.counters() {
        let found = later.iter().find(|(found, _)| *found == name);
        let grown = found.is_some_and(|(_, later)| *later >= value);
        assert!(grown, "{name}: {value}, later {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_numbers_outlive_a_restart() {
    let app = app().await;
    let user = app.with_user().await;
    user.upload("clip.mp4", CLIP).await.expect(StatusCode::OK);
    let uploaded = |scrape: &Scrape| {
        let outcome = [("outcome", "uploaded")];
        scrape.sum("spinreel_uploads_total", &outcome) == 1.0
    };
    let before = eventually("the upload is counted", || async {
        let scrape = Scrape::of(&app).await;
        uploaded(&scrape).then_some(scrape)
    })
    .await;
    let app = app.restart().await;
    let after = Scrape::of(&app).await;
    assert!(uploaded(&after));
    let entries = |scrape: &Scrape| scrape.sum("spinreel_log_entries_total", &[]);
    assert!(entries(&after) >= entries(&before));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scraper_gets_the_format_that_it_asks_for() {
    let app = app().await;
    let user = app.with_user().await;
    user.upload("clip.mp4", CLIP).await.expect(StatusCode::OK);
    eventually("the upload is counted", || async {
        let scrape = Scrape::of(&app).await;
        (scrape.sum("spinreel_uploads_total", &[("outcome", "uploaded")]) == 1.0).then_some(())
    })
    .await;
    let open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let plain = "text/plain; version=0.0.4; charset=utf-8";
    for (accept, expected) in [
        ("*/*", open),
        ("text/plain", plain),
        (
            "text/plain;version=0.0.4;q=0.5, application/openmetrics-text;version=1.0.0;q=0.4",
            plain,
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.3",
            open,
        ),
        ("image/png", open),
    ] {
        let request = app.request(Method::GET, PATH).bearer_auth(METRICS_TOKEN);
        let reply = Reply::to(request.header("accept", accept))
            .await
            .expect(StatusCode::OK);
        assert_eq!(reply.header("content-type"), expected, "{accept}");
        assert_eq!(reply.header("vary"), "Accept");
        let text = reply.text().to_owned();
        let arguments: &[&str] = match expected == plain {
            true => &["plain"],
            false => &[],
        };
        let found = Scrape(parsed(&text, arguments));
        let uploaded = found.sum("spinreel_uploads_total", &[("outcome", "uploaded")]);
        assert_eq!(uploaded, 1.0, "{accept}");
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        assert_eq!(found.sum("spinreel_build_info", &build), 1.0, "{accept}");
        let within = "spinreel_http_request_duration_seconds_bucket";
        assert!(
            found.sum(within, &[("route", "/upload"), ("le", "+Inf")]) >= 1.0,
            "{accept}"
        );
    }
}
