//! What is acknowledged survives a restart. On a host that is never better than Spin.

use http::StatusCode;
use serde_json::Value;
use spinreel_tests::{App, CLIP, User};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_files_tokens_and_numbers_survive_a_restart() {
    let app = App::builder().as_spin().start().await;
    let (email, token, video, today) = {
        let user = app.with_user().await;
        user.upload_video("clip.mp4", CLIP).await;
        let video = user.inspected("clip.mp4").await;
        let today = user
            .settled("the upload is settled", |today| today.uploads == 1)
            .await;
        (user.email.clone(), user.token.clone(), video, today)
    };
    let app = app.restart().await;
    let user = User::sign_in(&app, &email, User::PASSWORD).await;
    let old = app
        .request(http::Method::GET, "/v1/users/me")
        .bearer_auth(token);
    let me: Value = spinreel_tests::Reply::to(old)
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(me["id"], user.id.as_str());

    let status = user.status().await;
    assert_eq!(
        (status.used_storage, status.files.len()),
        (CLIP.len() as i64, 1)
    );
    assert_eq!(user.videos().await, std::slice::from_ref(&video));
    assert_eq!(user.today().await, today);
    let content = user.get(&video.links.content).await.expect(StatusCode::OK);
    assert!(content.body == CLIP, "the bytes differ");
    user.delete_file("clip.mp4").await.expect(StatusCode::OK);
}
