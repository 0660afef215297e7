//! The bucket's credentials: good ones, broken ones, and those of somebody else.

use http::StatusCode;
use serde_json::{Value, json};
use spinreel_tests::bucket::shared_key;
use spinreel_tests::{App, CLIP, Fault, User, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_wants_no_credentials_is_used_without() {
    let app = App::builder().anonymous_bucket().start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", CLIP).await;
    let reply = user.get(&video.links.content).await.expect(StatusCode::OK);
    assert!(reply.body == CLIP, "the bytes differ");
    user.delete_file("clip.mp4").await.expect(StatusCode::OK);
    assert!(app.objects().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_kept_and_not_asked_for_at_every_request() {
    let app = App::start().await;
    let user = app.with_user().await;
    user.upload("first.mp4", CLIP).await.expect(StatusCode::OK);
    // Objects can be had; tokens cannot. Every request comes to an instance that has seen none.
    app.bucket_faults(&[Fault::status(503, None).at("/token")])
        .await;
    user.upload("second.mp4", CLIP).await.expect(StatusCode::OK);
    let video = user.video_of("first.mp4").await;
    user.get(&video.links.content).await.expect(StatusCode::OK);
    user.delete_file("first.mp4").await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_tokens_uploads_are_refused_and_work_when_there_are_some() {
    let app = App::start().await;
    app.bucket_faults(&[Fault::status(503, Some(1)).at("/token")])
        .await;
    let user = app.with_user().await;
    let reply = user.upload("clip.mp4", CLIP).await;
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert!(!reply.header("retry-after").is_empty());
    app.bucket().clear_faults().await;
    assert_eq!(user.status().await.used_storage, 0);
    user.upload("clip.mp4", CLIP).await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_none_stops_requests_and_health_names_the_variable() {
    let good: Value = serde_json::from_str(shared_key().await).unwrap();
    let without_key = json!({"type": "service_account", "client_email": "a@b"}).to_string();
    let mut no_rsa = good.clone();
    no_rsa["private_key"] = json!("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let mut of_a_person = good.clone();
    of_a_person["type"] = json!("authorized_user");
    for key in [
        "{\"type\": \"service_account\"".to_owned(),
        "metadatas".to_owned(),
        without_key,
        no_rsa.to_string(),
        of_a_person.to_string(),
    ] {
        let app = App::builder()
            .variable("gcs_credentials", &key)
            .start()
            .await;
        let health = app.get("/v1/storage/health").await;
        assert_eq!(health.status, 503, "{key}");
        let health: Value = health.json();
        assert_eq!(
            health["wrong_variables"],
            json!(["gcs_credentials"]),
            "{key}"
        );
        let user = app.with_user().await;
        let reply = user.upload("clip.mp4", CLIP).await;
        assert_eq!(reply.status, 500, "{key}: {}", reply.text());
        assert!(!reply.text().contains("key"), "{}", reply.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_another_project_is_refused_with_a_clear_line_and_leaves_nothing() {
    let app = App::builder().strange_credentials().start().await;
    let email = {
        let (user, admin) = (app.with_user().await, app.with_admin().await);
        let reply = user.upload("clip.mp4", CLIP).await;
        assert!([500, 503].contains(&reply.status), "{}", reply.text());
        assert!(
            reply.json::<Value>()["error"].is_string(),
            "{}",
            reply.text()
        );
        let status = user.status().await;
        assert_eq!((status.used_storage, status.files.len()), (0, 0));
        assert!(user.videos().await.is_empty());
        assert!(app.objects().await.is_empty());
        let health: Value = app.get("/v1/storage/health").await.json();
        assert_eq!(health["bucket"], "down", "{health}");

        let log = eventually("the log says what is wrong", || async {
            let log = admin.get("/v1/logs?action=request.failed").await;
            let log = log.text().to_owned();
            log.contains("service account key").then_some(log)
        })
        .await;
        assert!(!log.contains("PRIVATE KEY"), "the key is in the log");
        user.email.clone()
    };
    // Without any credentials, the bucket refuses as well.
    let app = app.restart_with("gcs_credentials", "").await;
    {
        let user = User::sign_in(&app, &email, User::PASSWORD).await;
        let reply = user.upload("clip.mp4", CLIP).await;
        assert!([500, 503].contains(&reply.status), "{}", reply.text());
    }
    let app = app.restart_with_good_credentials().await;
    let (user, admin) = (
        User::sign_in(&app, &email, User::PASSWORD).await,
        app.with_admin().await,
    );
    admin.sweep_clean().await;
    user.upload("clip.mp4", CLIP).await.expect(StatusCode::OK);
    assert_eq!(user.status().await.used_storage, CLIP.len() as i64);
    assert_eq!(admin.reconcile(false).await, []);
}
