//! `POST /internal/sweep`: what is due in all services, by one request that a timer repeats.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_tests::{App, Reply, SWEEP_TOKEN};

const PATH: &str = "/internal/sweep";

async fn app() -> App {
    App::builder()
        .variable("sweep_token", SWEEP_TOKEN)
        .start()
        .await
}

async fn sweep(app: &App, body: &Value) -> Value {
    let request = app.request(Method::POST, PATH).bearer_auth(SWEEP_TOKEN);
    Reply::to(request.json(body))
        .await
        .expect(StatusCode::OK)
        .json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_died_is_settled_and_then_nothing_is_left() {
    let app = app().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    user.upload("first.mp4", b"bytes")
        .await
        .expect(StatusCode::OK);
    // The bucket takes nothing, so the upload leaves what it can't know.
    app.stop_bucket().await;
    let refused = user.upload("second.mp4", b"bytes").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    app.start_bucket_again().await;
    app.quiet(&admin).await;
    let mut settled = 0;
    loop {
        let swept = sweep(&app, &json!({ "offline": true })).await;
        settled += swept["storage"]["settled"].as_u64().unwrap();
        if swept["more"] == false && swept["storage"]["pending"] == 0 {
            break;
        }
    }
    assert!(settled <= 1, "{settled}");
    let swept = sweep(&app, &json!({})).await;
    assert_eq!(swept["more"], false);
    assert_eq!(swept["users"]["pending"], 0);
    assert_eq!(user.status().await.files.len(), 1);
    assert_eq!(admin.reconcile(false).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_goes_on_where_the_last_call_ended_until_all_users_were_looked_at() {
    let app = app().await;
    // A page of storage-service has 16 users.
    for _ in 0..20 {
        let user = app.with_user().await;
        user.upload("clip.mp4", b"bytes")
            .await
            .expect(StatusCode::OK);
    }
    let users = |swept: &Value| swept["storage"]["users"].as_u64().unwrap();
    let first = sweep(&app, &json!({})).await;
    assert_eq!((users(&first), &first["more"]), (16, &json!(true)));
    assert_eq!(first["next_cursor"], Value::Null);
    // A round of somebody's own in the middle of it sees all of them, and takes none away.
    let own = sweep(&app, &json!({ "from_start": true })).await;
    assert_eq!((users(&own), &own["more"]), (16, &json!(true)));
    let second = sweep(&app, &json!({})).await;
    assert_eq!((users(&second), &second["more"]), (4, &json!(false)));
    let cursor = json!({ "cursor": own["next_cursor"], "from_start": true });
    for _ in 0..2 {
        let own = sweep(&app, &cursor).await;
        assert_eq!((users(&own), &own["more"]), (4, &json!(false)));
        assert_eq!(own["next_cursor"], Value::Null);
    }
    assert_eq!(users(&sweep(&app, &json!({})).await), 16);
    let broken = app
        .request(Method::POST, PATH)
        .bearer_auth(SWEEP_TOKEN)
        .json(&json!({ "cursor": "broken" }));
    let (status, code) = Reply::to(broken).await.problem();
    assert_eq!((status, &*code), (400, "invalid_cursor"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_and_who_knows_the_token_may_sweep_and_nobody_else() {
    let app = app().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let nobody = Reply::to(app.request(Method::POST, PATH)).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    let wrong = app
        .request(Method::POST, PATH)
        .bearer_auth(&SWEEP_TOKEN[1..]);
    assert_eq!(Reply::to(wrong).await.status, StatusCode::UNAUTHORIZED);
    let by_user = Reply::to(user.request(Method::POST, PATH)).await;
    assert_eq!(by_user.status, StatusCode::FORBIDDEN);
    Reply::to(admin.request(Method::POST, PATH))
        .await
        .expect(StatusCode::OK);
    // It opens nothing else.
    let other = app
        .request(Method::POST, "/internal/users/sweep")
        .bearer_auth(SWEEP_TOKEN);
    assert_eq!(Reply::to(other).await.status, StatusCode::UNAUTHORIZED);
    let malformed = app
        .request(Method::POST, PATH)
        .bearer_auth(SWEEP_TOKEN)
        .body("{");
    assert_eq!(Reply::to(malformed).await.status, StatusCode::BAD_REQUEST);
}
