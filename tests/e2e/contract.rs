//! The published contract: what it says and what there is.

use std::collections::BTreeSet;
use std::process::Command;

use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{Method, StatusCode};
use spinreel_tests::foreign::{installed, root, run};
use spinreel_tests::{App, Reply};

use crate::access_matrix::entries;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_public_route_is_described_and_nothing_else() {
    let app = App::start().await;
    let served: BTreeSet<_> = entries(&app)
        .await
        .into_iter()
        .filter(|entry| !entry.pattern.starts_with("/internal/"))
        .map(|entry| (entry.method.to_string(), entry.pattern, entry.access))
        .collect();
    let described: BTreeSet<_> = spinreel_contract::routes()
        .into_iter()
        .map(|(method, path, access)| (method, path, access.to_owned()))
        .collect();
    let missing: Vec<_> = served.difference(&described).collect();
    assert!(missing.is_empty(), "not described: {missing:#?}");
    let invented: Vec<_> = described.difference(&served).collect();
    assert!(invented.is_empty(), "not served: {invented:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_and_the_page_are_served_to_everybody() {
    let app = App::start().await;
    let reply = app.get("/openapi.json").await.expect(StatusCode::OK);
    assert_eq!(reply.header(CONTENT_TYPE.as_str()), "application/json");
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    let document: serde_json::Value = reply.json();
    assert_eq!(document, spinreel_contract::document());

    let tag = reply.header(ETAG.as_str()).to_owned();
    let request = app.request(Method::GET, "/openapi.json");
    let again = Reply::to(request.header(IF_NONE_MATCH, tag)).await;
    again.expect(StatusCode::NOT_MODIFIED);

    let page = app.get("/docs").await.expect(StatusCode::OK);
    assert!(page.text().contains("<code>/v1/users/me</code>"));
    // It needs no other host, and no script.
    assert!(!page.text().contains("http://") && !page.text().contains("<script"));
    let reply = Reply::to(app.request(Method::POST, "/docs")).await;
    assert_eq!(reply.seen(), (405, ""));
}

/// Schemathesis tries every operation by what the document says of it: no failure of ours, no status, header or body that is
/// not described, nothing let in that is closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_no_difference_as_a_user() {
    let app = App::start().await;
    let user = app.with_user().await;
    try_contract(&app, &user.token).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_no_difference_as_an_admin() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    try_contract(&app, &admin.token).await;
}

/// Spectral's rules of OpenAPI find nothing: no error, and no hint either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spectral_finds_nothing_in_the_document() {
    let app = App::start().await;
    let mut command = Command::new("node");
    command
        .arg(installed(
            "interop/spectral/node/node_modules/@stoplight/spectral-cli/dist/index.js",
        ))
        .args(["lint", "--fail-severity", "hint", "--ruleset"])
        .arg(root().join("tests/interop/spectral/rules.yaml"))
        .arg(format!("http://{}/openapi.json", app.address()));
    run(command).await;
}

async fn try_contract(app: &App, token: &str) {
    let mut command = Command::new(installed("interop/contract/venv/bin/schemathesis"));
    command
        .current_dir(root().join("tests/interop/contract"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["run", "--no-color", "--header"])
        .arg(format!("Authorization: Bearer {token}"))
        .arg(format!("http://{}/openapi.json", app.address()));
    run(command).await;
}
