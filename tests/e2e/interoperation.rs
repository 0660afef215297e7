//! Our tokens and other people's libraries.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use spinreel_tests::App;

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
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = root.join("target/interop/jwt/venv/bin/python");
    assert!(python.exists(), "run `cargo xtask clients` first");
    let mut command = Command::new(python);
    command
        .args(["-E", "-s", "-B"])
        .arg(root.join("tests/interop/jwt/check.py"))
        .arg(format!("http://{}", app.address()))
        .arg(&file);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{complained}");
    assert!(printed.lines().count() >= 15, "{printed}");
}
