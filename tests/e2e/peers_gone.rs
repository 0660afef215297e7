//! Services that another one needs and cannot reach, or that never answer.

use http::{Method, StatusCode};
use serde_json::json;
use spinreel_tests::{App, CLIP, Reply, User, eventually};

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

async fn without(service_url: &str) -> App {
    App::builder().variable(service_url, NOWHERE).start().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_logging_everything_else_works_and_the_lost_lines_are_counted() {
    let app = without("logging_service_url").await;
    let email = {
        let user = app.with_user().await;
        let video = user.upload_video("clip.mp4", CLIP).await;
        let content = user.get(&video.links.content).await.expect(StatusCode::OK);
        assert!(content.body == CLIP, "the bytes differ");
        user.settled("upload and playback are settled", |today| {
            (today.uploads, today.downloads) == (1, 1)
        })
        .await;
        user.delete_file("clip.mp4").await.expect(StatusCode::OK);
        user.email.clone()
    };
    let url = "http://logging-service.spin.internal";
    let app = app.restart_with("logging_service_url", url).await;
    let (user, admin) = (
        User::sign_in(&app, &email, User::PASSWORD).await,
        app.with_admin().await,
    );
    eventually("the log says how much it lost", || async {
        // With the lines of a request that comes when the services try again.
        user.status().await;
        let lines: serde_json::Value = admin.read("/v1/logs?action=logs.lost").await;
        let services: Vec<_> = lines["items"]
            .as_array()?
            .iter()
            .map(|line| &line["service"])
            .collect();
        services
            .iter()
            .any(|service| *service == "storage-service")
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_usage_nothing_is_moved_and_nothing_is_left_behind() {
    let app = without("usage_service_url").await;
    let user = app.with_user().await;
    let reply = user.upload("clip.mp4", CLIP).await;
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert!(!reply.header("retry-after").is_empty());
    let status = user.status().await;
    assert_eq!((status.used_storage, status.files.len()), (0, 0));
    assert!(user.videos().await.is_empty());
    assert!(app.objects().await.is_empty());
    // What needs no transfer works.
    user.get("/v1/usage/today").await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_catalogue_a_file_is_stored_and_becomes_a_video_later() {
    let app = without("video_service_url").await;
    let email = {
        let user = app.with_user().await;
        user.upload("clip.mp4", CLIP).await.expect(StatusCode::OK);
        assert_eq!(user.status().await.files.len(), 1);
        assert!(user.videos().await.is_empty());
        user.email.clone()
    };
    let app = app
        .restart_with("video_service_url", "http://video-service.spin.internal")
        .await;
    // The user's next requests would do it too, when the upload's lease is over.
    app.with_admin().await.sweep_clean().await;
    let user = User::sign_in(&app, &email, User::PASSWORD).await;
    assert_eq!(user.status().await.files.len(), 1);
    let video = user.video_of("clip.mp4").await;
    let content = user.get(&video.links.content).await.expect(StatusCode::OK);
    assert!(content.body == CLIP, "the bytes differ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_storage_playback_is_refused_and_costs_nothing() {
    let app = App::start().await;
    let email = {
        let user = app.with_user().await;
        user.upload("clip.mp4", CLIP).await.expect(StatusCode::OK);
        user.settled("the upload is settled", |today| today.uploads == 1)
            .await;
        user.email.clone()
    };
    let app = app.restart_with("storage_service_url", NOWHERE).await;
    let user = User::sign_in(&app, &email, User::PASSWORD).await;
    let video = user.video_of("clip.mp4").await;
    let reply = user.get(&video.links.content).await;
    assert_eq!(reply.problem(), (503, "unavailable".to_owned()));
    let today = user.today().await;
    assert_eq!((today.downloads, today.download_bytes), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_accounts_those_who_are_signed_in_stay_so() {
    let app = App::start().await;
    let (id, token) = {
        let user = app.with_user().await;
        // Each service that is to go on has seen the keys.
        user.upload("clip.mp4", CLIP).await.expect(StatusCode::OK);
        assert_eq!(user.videos().await.len(), 1);
        (user.id.clone(), user.token.clone())
    };
    let app = app.restart_with("user_service_url", NOWHERE).await;
    let request = app.request(Method::GET, "/v1/videos").bearer_auth(token);
    let reply = Reply::to(request).await.expect(StatusCode::OK);
    let list: serde_json::Value = reply.json();
    assert_eq!(list["items"][0]["owner"], id.as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_hangs_is_as_good_as_none() {
    let app = App::start().await;
    let (email, token, path) = {
        let user = app.with_user().await;
        let video = user.upload_video("clip.mp4", CLIP).await;
        assert_eq!(user.videos().await.len(), 1);
        let path = video.links.content;
        (user.email.clone(), user.token.clone(), path)
    };
    let app = app.restart_with_hung("user-service").await;
    let ask = |method: Method, path: &str| app.request(method, path).bearer_auth(&token);
    // Who is signed in stays so, on what was known before.
    let videos = Reply::to(ask(Method::GET, "/v1/videos"));
    // What changes something needs to know what the session is good for now.
    let deletion = ask(Method::DELETE, "/delete-file").json(&json!({"filename": "clip.mp4"}));
    let (videos, refused) = futures::join!(videos, Reply::to(deletion));
    let list: serde_json::Value = videos.expect(StatusCode::OK).json();
    assert_eq!(list["items"][0]["filename"], "clip.mp4");
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(!refused.header("retry-after").is_empty());

    let app = app.restart_with_hung("usage-service").await;
    let user = User::sign_in(&app, &email, User::PASSWORD).await;
    let (content, upload) = futures::join!(user.get(&path), user.upload("other.mp4", CLIP));
    assert_eq!(content.problem(), (503, "unavailable".to_owned()));
    assert_eq!(upload.status, 503, "{}", upload.text());
    assert_eq!(user.status().await.files.len(), 1);
}
