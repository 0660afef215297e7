//! `POST /v1/videos/{id}/views`.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_tests::{App, Reply, User, eventually};

async fn view(app: &App, id: &str, agent: &str) -> Reply {
    let request = app.request(Method::POST, &format!("/v1/videos/{id}/views"));
    Reply::to(request.header("user-agent", agent)).await
}

async fn views(user: &User<'_>, id: &str) -> u64 {
    let video: Value = user.read(&format!("/v1/videos/{id}")).await;
    video["views"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_counts_once_a_day_and_few_exactly() {
    let app = App::builder()
        .before_midnight(Duration::from_secs(3_600))
        .start()
        .await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"bytes").await;
    user.publish(&video.id).await;
    let path = format!("/v1/videos/{}/views", video.id);
    for viewers in 1..=10 {
        for _ in 0..2 {
            view(&app, &video.id, &format!("player {viewers}"))
                .await
                .expect(StatusCode::NO_CONTENT);
        }
        assert_eq!(views(&user, &video.id).await, viewers);
    }
    for _ in 0..2 {
        Reply::to(user.request(Method::POST, &path))
            .await
            .expect(StatusCode::NO_CONTENT);
    }
    assert_eq!(views(&user, &video.id).await, 11);
    assert_eq!(user.videos().await[0].views, 0);
    app.advance_clock(app.until_midnight());
    // The tokens are over by now.
    let user = User::sign_in(&app, &user.email, User::PASSWORD).await;
    assert_eq!(views(&user, &video.id).await, 11);
    view(&app, &video.id, "player 1")
        .await
        .expect(StatusCode::NO_CONTENT);
    assert_eq!(views(&user, &video.id).await, 12);
    eventually("the list has the day before", || async {
        (user.videos().await[0].views == 11).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_video_that_plays_for_nobody_has_no_viewers() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"bytes").await;
    assert_eq!(
        view(&app, &video.id, "a").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(view(&app, "none", "a").await.status, StatusCode::NOT_FOUND);
    user.publish(&video.id).await;
    view(&app, &video.id, "a")
        .await
        .expect(StatusCode::NO_CONTENT);
    let path = format!("/v1/videos/{}", video.id);
    Reply::to(user.request(Method::DELETE, &path))
        .await
        .expect(StatusCode::NO_CONTENT);
    assert_eq!(
        view(&app, &video.id, "b").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(views(&user, &video.id).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_between_a_look_and_a_change_is_not_in_the_way() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"bytes").await;
    user.publish(&video.id).await;
    let path = format!("/v1/videos/{}", video.id);
    let before = user.get(&path).await;
    let tag = before.header("etag").to_owned();
    view(&app, &video.id, "a")
        .await
        .expect(StatusCode::NO_CONTENT);
    let known = user
        .request(Method::GET, &path)
        .header("if-none-match", &tag);
    Reply::to(known).await.expect(StatusCode::OK);
    let change = |title: &str| {
        let request = user.request(Method::PATCH, &path).header("if-match", &tag);
        request.json(&json!({"title": title}))
    };
    Reply::to(change("one")).await.expect(StatusCode::OK);
    let late = Reply::to(change("two")).await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
}
