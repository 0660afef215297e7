//! Alerts at the webhook of the installation.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use spinreel_api::Page;
use spinreel_api::alerts::AlertEvent;
use spinreel_api::logs::{Level, LogEntry};
use spinreel_api::operations::SweptUsage;
use spinreel_tests::{
    ADMIN_EMAIL, ADMIN_PASSWORD, Answer, App, AppBuilder, Program, Received, Receiver, Reply, User,
    eventually, service_token,
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SERVICES: (&str, &str) = ("storage-service", "usage-service");
const SWEEP: &str = "/internal/usage/sweep";

/// An application whose alerts go to the receiver.
fn sending_to(receiver: &Receiver) -> AppBuilder {
    App::builder()
        .variable("alert_webhook_origin", &receiver.origin())
        .variable("alert_webhook_path", "/hooks?from=spinreel")
        .variable("alert_webhook_secret", SECRET)
}

fn alert(user_id: &str) -> Value {
    json!({
        "user_id": user_id,
        "kind": "storage",
        "threshold_percent": 80,
        "used_bytes": 810,
        "limit_bytes": 1_000,
        "at": "2024-02-29T12:00:00.000Z",
    })
}

async fn raise(app: &App, user: &User<'_>, id: &str) {
    let path = format!("/internal/usage/alerts/{id}");
    let request = app.as_service(SERVICES, Method::PUT, &path, Some(&user.id));
    Reply::to(request.json(&alert(&user.id)))
        .await
        .expect(StatusCode::CREATED);
}

/// What `cargo xtask up` does every few seconds.
async fn tick(app: &App) -> SweptUsage {
    let services = ("usage-service", "usage-service");
    let request = app.as_service(services, Method::POST, SWEEP, None);
    Reply::to(request).await.expect(StatusCode::OK).json()
}

/// Comes by until so many requests have arrived.
async fn arrived(app: &App, receiver: &Receiver, count: usize) -> Vec<Received> {
    let what = format!("{count} requests arrive");
    eventually(&what, || async {
        tick(app).await;
        let received = receiver.received();
        (received.len() >= count).then_some(received)
    })
    .await
}

/// The lines of the log with this action, once there are so many.
async fn lines(admin: &User<'_>, action: &str, count: usize) -> Vec<LogEntry> {
    let path = format!("/v1/logs?action={action}");
    eventually(&format!("{action} is in the log"), || async {
        let page: Page<LogEntry> = admin.read(&path).await;
        (page.items.len() >= count).then_some(page.items)
    })
    .await
}

/// The signature by the scheme, made here once more.
fn signature(received: &Received) -> String {
    let secret = STANDARD
        .decode(SECRET.strip_prefix("whsec_").unwrap())
        .unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
    let (id, timestamp) = (
        received.header("webhook-id"),
        received.header("webhook-timestamp"),
    );
    mac.update(format!("{id}.{timestamp}.{}", received.body).as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// How many deliveries are written down.
fn pending(app: &App) -> i64 {
    let store = rusqlite::Connection::open(app.state_dir().join("usage.db")).unwrap();
    let query = "SELECT count(*) FROM spin_key_value WHERE key GLOB 'usage/webhooks/[0-9]*'";
    store.query_row(query, (), |row| row.get(0)).unwrap()
}

fn event(received: &Received) -> AlertEvent {
    serde_json::from_str(&received.body).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_crosses_a_limit_is_told_of_once_and_signed() {
    let receiver = Receiver::start().await;
    let app = sending_to(&receiver)
        .variable("storage_limit_bytes", "1000")
        .variable("bandwidth_limit_bytes", "2000")
        .start()
        .await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let video = user.upload_video("clip.mp4", &[1; 850]).await;
    // Nobody but the user comes by.
    let first = eventually("the first crossing arrives", || async {
        user.today().await;
        receiver.received().pop()
    })
    .await;
    user.get(&video.links.content).await.expect(StatusCode::OK);
    let all = eventually("the second crossing arrives", || async {
        user.today().await;
        let received = receiver.received();
        (received.len() > 1).then_some(received)
    })
    .await;
    let shown: Page<Value> = user.read("/v1/usage/alerts").await;
    assert_eq!(shown.items.len(), 2);
    let kinds = ["alert.storage", "alert.bandwidth"];
    for ((received, shown), kind) in all.iter().zip(shown.items.iter().rev()).zip(kinds) {
        assert_eq!(received.target, "POST /hooks?from=spinreel");
        assert_eq!(received.header("content-type"), "application/json");
        assert_eq!(received.header("webhook-signature"), signature(received));
        let sent: u64 = received.header("webhook-timestamp").parse().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        assert!(now.as_secs().abs_diff(sent) < 60, "{sent}");
        let mut data = shown.clone();
        data["user_id"] = json!(user.id);
        let expected = json!({ "type": kind, "timestamp": shown["at"], "data": data });
        let body: Value = serde_json::from_str(&received.body).unwrap();
        assert_eq!(body, expected);
    }
    assert_ne!(first.header("webhook-id"), all[1].header("webhook-id"));
    for _ in 0..5 {
        user.today().await;
        assert_eq!(tick(&app).await, SweptUsage::default());
    }
    assert_eq!(receiver.received().len(), 2);
    // Operators read of it, and nothing that was secret.
    let told = lines(&admin, "alert.delivered", 2).await;
    assert!(told.iter().all(|line| line.level == Level::Info));
    assert_eq!(told[1].fields["webhook.id"], first.header("webhook-id"));
    let logs = admin.get("/v1/logs?limit=200").await.text().to_owned();
    for received in &all {
        let signature = received.header("webhook-signature");
        assert!(!logs.contains(signature.trim_start_matches("v1,")));
    }
    assert!(!logs.contains("/hooks") && !logs.contains(SECRET.trim_start_matches("whsec_")));
    let own: Page<LogEntry> = user.read("/v1/logs?action=alert.delivered").await;
    assert!(own.items.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_was_down_has_it_when_it_is_up() {
    let receiver = Receiver::start().await;
    let app = sending_to(&receiver).start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    receiver.stop().await;
    raise(&app, &user, "a-1").await;
    let failed = lines(&admin, "alert.delivery_failed", 1).await;
    assert_eq!(failed[0].level, Level::Warn);
    assert_eq!(failed[0].fields["webhook.attempt"], 1);
    assert!(failed[0].message.contains("reached"), "{failed:?}");
    assert!(failed[0].user_id.is_none());
    receiver.start_again().await;
    let received = arrived(&app, &receiver, 1).await;
    assert_eq!(event(&received[0]).data.alert.id, "a-1");
    assert_eq!(
        received[0].header("webhook-signature"),
        signature(&received[0])
    );
    lines(&admin, "alert.delivered", 1).await;
    assert_eq!(tick(&app).await, SweptUsage::default());
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_never_answers_slows_nobody_and_is_tried_again() {
    let receiver = Receiver::start().await;
    let app = sending_to(&receiver).start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    receiver.next([Answer::After(Duration::from_secs(60))]);
    let began = Instant::now();
    raise(&app, &user, "a-1").await;
    eventually("the receiver has the request", || async {
        (!receiver.received().is_empty()).then_some(())
    })
    .await;
    for _ in 0..20 {
        user.today().await;
        user.read::<Value>("/v1/usage/alerts").await;
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(8), "{took:?}");
    let failed = lines(&admin, "alert.delivery_failed", 1).await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert!(failed[0].message.contains("in time"), "{failed:?}");
    let received = arrived(&app, &receiver, 2).await;
    let ids: Vec<&str> = received
        .iter()
        .map(|received| received.header("webhook-id"))
        .collect();
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_is_a_failure_and_nobody_is_told_at_its_end() {
    let (receiver, elsewhere) = (Receiver::start().await, Receiver::start().await);
    let app = sending_to(&receiver).start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    // Also to a place where requests may go.
    receiver.next([
        Answer::Redirect(elsewhere.origin()),
        Answer::Redirect(format!("{}/other", receiver.origin())),
    ]);
    raise(&app, &user, "a-1").await;
    let received = arrived(&app, &receiver, 3).await;
    assert!(
        received
            .iter()
            .all(|received| received.target == "POST /hooks?from=spinreel")
    );
    assert!(elsewhere.received().is_empty());
    let failed = lines(&admin, "alert.delivery_failed", 2).await;
    assert!(failed.iter().all(|line| line.message.contains("307")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_gone_gets_nothing_more_until_the_path_changes() {
    let receiver = Receiver::start().await;
    let app = sending_to(&receiver).start().await;
    let email = {
        let (user, admin) = (app.with_user().await, app.with_admin().await);
        receiver.next([Answer::Status(410)]);
        raise(&app, &user, "a-1").await;
        let gone = lines(&admin, "alert.endpoint_gone", 1).await;
        assert_eq!(gone[0].level, Level::Error);
        raise(&app, &user, "a-2").await;
        let gone = lines(&admin, "alert.endpoint_gone", 2).await;
        assert_eq!(gone[0].fields["alert.id"], "a-2");
        assert_eq!(tick(&app).await, SweptUsage::default());
        assert_eq!(receiver.received().len(), 1);
        user.email.clone()
    };
    let app = app.restart_with("alert_webhook_path", "/new").await;
    let user = User::sign_in(&app, &email, User::PASSWORD).await;
    raise(&app, &user, "a-3").await;
    let received = arrived(&app, &receiver, 2).await;
    assert_eq!(received[1].target, "POST /new");
    assert_eq!(event(&received[1]).data.alert.id, "a-3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_to_be_sent_of_a_deleted_account_is_not() {
    let receiver = Receiver::start().await;
    let app = sending_to(&receiver).start().await;
    let (user, other) = (app.with_user().await, app.with_user().await);
    let admin = app.with_admin().await;
    receiver.next([Answer::Status(500)]);
    raise(&app, &user, "a-1").await;
    lines(&admin, "alert.delivery_failed", 1).await;
    assert_eq!(pending(&app), 1);
    let gone = Reply::to(user.request(Method::DELETE, "/v1/users/me")).await;
    assert_eq!(gone.status, 204);
    let public = format!("/v1/users/{}", user.id);
    eventually("the account is gone", || async {
        (other.get(&public).await.status == 404).then_some(())
    })
    .await;
    eventually("nothing of the user is to be sent", || async {
        (pending(&app) == 0).then_some(())
    })
    .await;
    // An alert that is raised later is sent, and the old one is not.
    raise(&app, &other, "b-1").await;
    let received = arrived(&app, &receiver, 2).await;
    assert_eq!(event(&received[1]).data.user_id, other.id);
    tokio::time::sleep(Duration::from_secs(6)).await;
    tick(&app).await;
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_configuration_stops_requests_and_health_names_it() {
    let receiver = Receiver::start().await;
    for (variable, value, named) in [
        ("alert_webhook_path", "hooks", "alert_webhook_path"),
        ("alert_webhook_secret", "", "alert_webhook_secret"),
        (
            "alert_webhook_secret",
            "whsec_c2hvcnQ=",
            "alert_webhook_secret",
        ),
        (
            "alert_webhook_secret",
            "a secret of its own",
            "alert_webhook_secret",
        ),
    ] {
        let app = sending_to(&receiver)
            .variable(variable, value)
            .start()
            .await;
        let health = app.get("/v1/usage/health").await;
        assert_eq!(health.status, 503, "{variable}={value}");
        let health: Value = health.json();
        assert_eq!(health["wrong_variables"], json!([named]));
        assert_eq!(app.get("/v1/health").await.status, 503);
        let user = app.with_user().await;
        let reply = user.get("/v1/usage/today").await;
        assert_eq!(reply.problem(), (500, "internal_error".to_owned()));
    }
    assert!(receiver.received().is_empty());
}

/// `cargo xtask up`, on an installation that nobody uses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_installation_tries_again_without_anybodys_request_or_a_line_for_each_look() {
    let receiver = Receiver::start().await;
    let folder = tempfile::TempDir::new().unwrap();
    let service_secret = "0123456789abcdef0123456789abcdef";
    let variables = [
        ("service_secret", service_secret.to_owned()),
        ("admin_email", ADMIN_EMAIL.to_owned()),
        ("admin_password", ADMIN_PASSWORD.to_owned()),
        ("alert_webhook_origin", receiver.origin()),
        ("alert_webhook_secret", SECRET.to_owned()),
    ];
    let program = Program::start(folder.path(), &variables).await;
    receiver.next([Answer::Status(500), Answer::Status(503)]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let path = "/internal/usage/alerts/a-1";
    let purpose = (&Method::PUT, path);
    let token = service_token(service_secret, SERVICES.0, SERVICES.1, purpose, Some("u"));
    let request = client
        .put(format!("http://{}{path}", program.address()))
        .bearer_auth(token)
        .json(&alert("u"));
    Reply::to(request).await.expect(StatusCode::CREATED);
    let received = eventually("it is tried until it is taken", || async {
        let received = receiver.received();
        (received.len() == 3).then_some(received)
    })
    .await;
    assert_eq!(
        received[2].header("webhook-id"),
        received[0].header("webhook-id")
    );
    let credentials = json!({"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD});
    let origin = format!("http://{}", program.address());
    let request = client.post(format!("{origin}/v1/sessions"));
    let tokens: Value = Reply::to(request.json(&credentials))
        .await
        .expect(StatusCode::OK)
        .json();
    let logs: Page<LogEntry> = eventually("the delivery is in the log", || async {
        let request = client.get(format!("{origin}/v1/logs?service=usage-service&limit=200"));
        let request = request.bearer_auth(tokens["access_token"].as_str().unwrap());
        let page: Page<LogEntry> = Reply::to(request).await.expect(StatusCode::OK).json();
        let delivered = |line: &LogEntry| line.action == "alert.delivered";
        page.items.iter().any(delivered).then_some(page)
    })
    .await;
    let requests = logs.items.iter().filter(|line| line.action == "request");
    assert_eq!(requests.count(), 1, "{:#?}", logs.items);
}
