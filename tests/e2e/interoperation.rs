//! Our tokens, our webhooks, and other people's libraries.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use spinreel_tests::foreign::{installed, root, run};
use spinreel_tests::{Answer, App, Receiver, eventually};

/// Runs `tests/interop/{name}/check.py` with the library that it checks against; gives what it printed.
async fn check(name: &str, arguments: Vec<String>) -> String {
    let mut command = Command::new(installed(&format!("interop/{name}/venv/bin/python")));
    command
        .args(["-E", "-s", "-B"])
        .arg(root().join(format!("tests/interop/{name}/check.py")))
        .args(arguments);
    run(command).await
}

/// PyJWT verifies our tokens by our key set, and we refuse what PyJWT makes of our key and wrong claims.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pyjwt_and_we_agree_which_tokens_are_good() {
    let app = App::start().await;
    let user = app.with_user().await;
    let key = app.signing_key();
    let told = json!({
        "access_token": user.token,
        "private_key_b64url": URL_SAFE_NO_PAD.encode(&key.to_bytes()[..32]),
        "kid": key.id(),
    });
    let file = app.folder().join("pyjwt.json");
    std::fs::write(&file, told.to_string()).unwrap();
    let origin = format!("http://{}", app.address());
    let printed = check("jwt", vec![origin, file.display().to_string()]).await;
    assert!(printed.lines().count() >= 15, "{printed}");
}

/// The reference library of Standard Webhooks takes what we send, by either secret while they are being changed, first
/// and repeated attempts, and nothing that was altered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standard_webhooks_and_we_agree_which_requests_are_good() {
    let secrets =
        [&[1; 24][..], &[2; 64][..]].map(|secret| format!("whsec_{}", STANDARD.encode(secret)));
    let receiver = Receiver::start().await;
    let app = App::builder()
        .variable("alert_webhook_origin", &receiver.origin())
        .variable("alert_webhook_secret", &secrets.join(" "))
        .variable("storage_limit_bytes", "1000")
        .start()
        .await;
    let user = app.with_user().await;
    receiver.next([Answer::Status(500)]);
    user.upload("clip.mp4", &[1; 900])
        .await
        .expect(http::StatusCode::OK);
    let received = eventually("it is sent twice", || async {
        user.today().await;
        let received = receiver.received();
        (received.len() == 2).then_some(received)
    })
    .await;
    let requests: Vec<_> = received
        .iter()
        .map(|request| json!({ "headers": request.headers, "body": request.body }))
        .collect();
    let told = json!({ "secrets": secrets, "requests": requests });
    let file = app.folder().join("webhooks.json");
    std::fs::write(&file, told.to_string()).unwrap();
    let printed = check("webhook", vec![file.display().to_string()]).await;
    assert_eq!(printed.lines().count(), 2 * (2 * 10 + 1), "{printed}");
}
