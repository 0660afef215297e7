//! What the application writes down: never a password, a token or a key.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use http::{Method, StatusCode};
use rusqlite::Connection;
use serde_json::{Value, json};
use spinreel_tests::{
    ADMIN_PASSWORD, Answer, App, CLIP, METRICS_TOKEN, Receiver, Reply, SWEEP_TOKEN, User,
    eventually,
};

const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A secret, and what it is called in the message of a test that finds it.
type Secret = (String, Vec<u8>);

/// Something that was written: where, and the bytes.
type Written = (String, Vec<u8>);

/// Every value of every store, and every file, but the bucket's own keys, which are no part of the application.
fn everything_written(app: &App) -> Vec<Written> {
    let mut written = Vec::new();
    let mut folders = vec![app.folder().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !is_the_buckets_own(&path) {
                written.extend(values_of(&path));
                written.push((path.display().to_string(), fs::read(&path).unwrap()));
            }
        }
    }
    written
}

fn is_the_buckets_own(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    ["service-account.json", "hmac.json"]
        .iter()
        .any(|own| name == *own)
}

/// The values of a store, each in one piece, which they need not be in its file.
fn values_of(path: &Path) -> Vec<Written> {
    if path.extension().is_none_or(|extension| extension != "db") {
        return Vec::new();
    }
    let store = Connection::open(path).unwrap();
    let mut rows = store
        .prepare("SELECT key, value FROM spin_key_value")
        .unwrap();
    rows.query_map((), |row| {
        let (key, value): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
        Ok((
            format!("{}: {key}", path.display()),
            [key.as_bytes(), &value].concat(),
        ))
    })
    .unwrap()
    .map(Result::unwrap)
    .collect()
}

/// A secret as it is, and as it looks in the usual encodings.
fn encodings((name, secret): &Secret) -> Vec<Secret> {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    [
        secret.clone(),
        STANDARD.encode(secret).into_bytes(),
        STANDARD_NO_PAD.encode(secret).into_bytes(),
        URL_SAFE_NO_PAD.encode(secret).into_bytes(),
        hex.into_bytes(),
    ]
    .into_iter()
    .map(|bytes| (name.clone(), bytes))
    .collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

/// The parts of a token that are secret: who has them can use it.
fn token_secrets(what: &str, token: &str) -> Vec<Secret> {
    let signature = token.rsplit('.').next().unwrap();
    vec![
        (what.to_owned(), token.as_bytes().to_vec()),
        (
            format!("the secret part of {what}"),
            signature.as_bytes().to_vec(),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_password_token_or_key_is_written_down() {
    let receiver = Receiver::start().await;
    let app = App::builder()
        .variable("alert_webhook_origin", &receiver.origin())
        .variable("alert_webhook_path", "/a-path-that-is-a-secret")
        .variable("alert_webhook_secret", WEBHOOK_SECRET)
        .variable("storage_limit_bytes", "100000")
        .variable("metrics_token", METRICS_TOKEN)
        .variable("sweep_token", SWEEP_TOKEN)
        .start()
        .await;
    let admin = app.with_admin().await;
    let user = app.with_user().await;
    let mut secrets: Vec<Secret> = Vec::new();
    let text = |what: &str, secret: &str| (what.to_owned(), secret.as_bytes().to_vec());
    secrets.push(text("a password", User::PASSWORD));
    secrets.push(text("the admin's password", ADMIN_PASSWORD));
    secrets.push(text("the services' secret", app.secret()));
    secrets.push(text("the scrapers' token", METRICS_TOKEN));
    secrets.push(text("the timer's token", SWEEP_TOKEN));
    for (what, account) in [
        ("an access token", &user),
        ("the admin's access token", &admin),
    ] {
        secrets.extend(token_secrets(what, &account.token));
        secrets.extend(token_secrets("a refresh token", &account.refresh_token));
    }
    secrets.push((
        "the signing key".to_owned(),
        app.signing_key().to_bytes()[..32].to_vec(),
    ));

    // As much as possible happens, and goes wrong.
    let wrong = json!({"email": user.email, "password": "a wrong guess that is a secret"});
    assert_eq!(app.post("/v1/sessions", &wrong).await.status, 401);
    secrets.push(text("a wrong password", "a wrong guess that is a secret"));
    let right = json!({"email": user.email, "password": User::PASSWORD});
    let signed_in = app.post("/v1/sessions", &right).await;
    let (cookie, _) = signed_in.header("set-cookie").split_once(';').unwrap();
    let device = cookie.strip_prefix("device=").unwrap();
    secrets.extend(token_secrets("a known device", device));
    let guess = app.request(Method::POST, "/v1/sessions").json(&wrong);
    let reply = Reply::to(guess.header("cookie", cookie)).await;
    assert_eq!(reply.status, 401);
    let weak = json!({"email": "x@example.com", "password": "weak-word", "username": "x"});
    assert_eq!(app.post("/v1/users", &weak).await.status, 422);
    secrets.push(text("a refused password", "weak-word"));
    // An upload that crosses a limit; one attempt to say so fails.
    receiver.next([Answer::Status(500)]);
    let video = user.upload_video("clip.mp4", CLIP).await;
    user.get(&video.links.content).await.expect(StatusCode::OK);
    eventually("the alert is sent twice", || async {
        user.today().await;
        (receiver.received().len() == 2).then_some(())
    })
    .await;
    let bad = format!("{}x", user.token);
    let request = app.request(Method::GET, "/v1/videos").bearer_auth(&bad);
    assert_eq!(Reply::to(request).await.status, 401);
    // Where it opens something, and where it does not.
    for path in ["/v1/metrics", "/v1/logs", "/v1/videos"] {
        Reply::to(app.request(Method::GET, path).bearer_auth(METRICS_TOKEN)).await;
    }
    let tokens: Value = app
        .post(
            "/v1/sessions/refresh",
            &json!({"refresh_token": user.refresh_token}),
        )
        .await
        .expect(StatusCode::OK)
        .json();
    for name in ["access_token", "refresh_token"] {
        secrets.extend(token_secrets(name, tokens[name].as_str().unwrap()));
    }
    let forged = json!({"refresh_token": format!("{}AA", user.refresh_token)});
    assert_eq!(app.post("/v1/sessions/refresh", &forged).await.status, 401);
    let services = ("video-service", "user-service");
    let request = app.as_service(services, Method::POST, "/v1/tokens/introspect", None);
    let reply = Reply::to(request.form(&[("token", &user.token)])).await;
    assert_eq!(reply.status, 200);
    let new = "a horse of another colour";
    let change = json!({"current_password": User::PASSWORD, "password": new});
    let request = user.request(Method::PATCH, "/v1/users/me").json(&change);
    assert_eq!(Reply::to(request).await.status, 200);
    secrets.push(text("a new password", new));
    user.delete_file("clip.mp4").await.expect(StatusCode::OK);
    let request = admin.request(Method::POST, "/internal/users/keys/rotate");
    assert_eq!(Reply::to(request.json(&json!({}))).await.status, 200);
    secrets.push((
        "the next signing key".to_owned(),
        app.signing_key().to_bytes()[..32].to_vec(),
    ));
    secrets.push(("the bucket's credentials".to_owned(), private_key(&app)));
    secrets.extend(bucket_tokens(&app));
    let of_webhook = WEBHOOK_SECRET.trim_start_matches("whsec_");
    secrets.push(text("the webhook's secret", of_webhook));
    secrets.push((
        "the webhook's key".to_owned(),
        STANDARD.decode(of_webhook).unwrap(),
    ));
    secrets.push(text("the webhook's path", "a-path-that-is-a-secret"));
    for received in receiver.received() {
        let signature = received.header("webhook-signature");
        secrets.push(text("a webhook's signature", &signature["v1,".len()..]));
    }
    app.quiet(&admin).await;

    // What every user of the application may read is as public as a log can be.
    let mut written = everything_written(&app);
    let logs = admin.get("/v1/logs?limit=200").await.expect(StatusCode::OK);
    written.push(("GET /v1/logs".to_owned(), logs.body.to_vec()));
    assert!(
        written.len() > 50,
        "only {} things are written",
        written.len()
    );
    for secret in secrets.iter().flat_map(encodings) {
        for (place, bytes) in &written {
            assert!(!contains(bytes, &secret.1), "{} is in {place}", secret.0);
        }
    }
    // The search would find what is there.
    assert!(
        written
            .iter()
            .any(|(_, bytes)| contains(bytes, user.email.as_bytes()))
    );
}

/// A line of the private key that storage-service signs with.
fn private_key(app: &App) -> Vec<u8> {
    let path: PathBuf = app.folder().join("bucket/service-account.json");
    let key: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let pem = key["private_key"].as_str().unwrap();
    pem.lines().nth(3).unwrap().as_bytes().to_vec()
}

/// The tokens that the bucket gave out.
fn bucket_tokens(app: &App) -> Vec<Secret> {
    let sealed = storage_value(app, "storage/bucket-token");
    let sealed: Value = serde_json::from_slice(&sealed).unwrap();
    let opened = spinreel_identity::Sealer::new(app.secret(), "bucket token")
        .open(sealed.as_str().unwrap())
        .expect("a bucket token that the services' secret opens");
    let token: Value = serde_json::from_slice(&opened).unwrap();
    let secret = token["secret"].as_str().unwrap();
    vec![("the bucket's token".to_owned(), secret.as_bytes().to_vec())]
}

fn storage_value(app: &App, key: &str) -> Vec<u8> {
    let store = Connection::open(app.state_dir().join("storage.db")).unwrap();
    store
        .query_row(
            "SELECT value FROM spin_key_value WHERE key = ?1",
            [key],
            |row| row.get(0),
        )
        .unwrap()
}
