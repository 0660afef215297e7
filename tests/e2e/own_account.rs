//! `PATCH` and `DELETE /v1/users/me`.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_tests::{App, CLIP, Reply, User, eventually};

async fn change_password(user: &User<'_>, current: &str, new: &str) -> Reply {
    let body = json!({"current_password": current, "password": new});
    Reply::to(user.request(Method::PATCH, "/v1/users/me").json(&body)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_changed_by_who_knows_it() {
    let app = App::start().await;
    let user = app.with_user().await;
    let new = "a horse of another colour";
    let wrong = change_password(&user, "not my password", new).await;
    assert_eq!(wrong.problem(), (403, "wrong_password".to_owned()));
    for weak in ["short", "password1", &user.username, &"x".repeat(257)] {
        let reply = change_password(&user, User::PASSWORD, weak).await;
        assert_eq!(reply.wrong_fields(), ["password"], "{weak}");
    }
    let changed: Value = change_password(&user, User::PASSWORD, new)
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(changed["id"], user.id.as_str());
    let old = json!({"email": user.email, "password": User::PASSWORD});
    let reply = app.post("/v1/sessions", &old).await;
    assert_eq!(reply.problem(), (401, "invalid_credentials".to_owned()));
    User::sign_in(&app, &user.email, new).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_account_takes_everything_with_it_and_frees_its_names() {
    let app = App::start().await;
    let (user, other) = (app.with_user().await, app.with_user().await);
    for number in 0..40 {
        user.upload(&format!("{number}.mp4"), b"bytes")
            .await
            .expect(StatusCode::OK);
    }
    let video = user.upload_video("clip.mp4", CLIP).await;
    user.get(&video.links.content).await.expect(StatusCode::OK);
    other.upload("clip.mp4", CLIP).await.expect(StatusCode::OK);

    let gone = Reply::to(user.request(Method::DELETE, "/v1/users/me")).await;
    assert_eq!(gone.seen(), (204, ""));
    let credentials = json!({"email": user.email, "password": User::PASSWORD});
    let reply = app.post("/v1/sessions", &credentials).await;
    assert_eq!(reply.problem(), (401, "invalid_credentials".to_owned()));
    let refresh = json!({"refresh_token": user.refresh_token});
    assert_eq!(app.post("/v1/sessions/refresh", &refresh).await.status, 401);

    let prefix = format!("{}/", user.username);
    eventually("the objects are gone", || async {
        let objects = app.objects().await;
        (!objects.iter().any(|name| name.starts_with(&prefix))).then_some(())
    })
    .await;
    let public = format!("/v1/users/{}", user.id);
    eventually("the account is gone", || async {
        (other.get(&public).await.status == 404).then_some(())
    })
    .await;
    // Nobody else lost anything.
    assert_eq!(other.status().await.files.len(), 1);
    assert_eq!(
        app.objects().await,
        [format!("{}/clip.mp4", other.username)]
    );

    // When everything is gone, the names are free.
    let account =
        json!({"email": user.email, "password": User::PASSWORD, "username": user.username});
    eventually("the names are free", || async {
        let reply = app.post("/v1/users", &account).await;
        (reply.status == 201).then_some(())
    })
    .await;

    // Whoever is late with something for the user is refused, or has nothing more to do.
    let id = Some(user.id.as_str());
    let late = json!({"user_id": user.id, "direction": "in", "bytes": 1});
    let services = ("storage-service", "usage-service");
    let path = "/internal/usage/reservations";
    let request = app.as_service(services, Method::POST, path, id).json(&late);
    let reply = Reply::to(request).await;
    assert_eq!(reply.problem(), (403, "bandwidth_exceeded".to_owned()));
    let stored: Value = other
        .read(&format!("/v1/videos/{}", other.videos().await[0].id))
        .await;
    let late = json!({
        "owner": user.id, "filename": "late.mp4", "size": 1, "content_type": "video/mp4",
        "location": "1", "etag": "\"1\"", "created_at": stored["created_at"],
    });
    let path = "/internal/videos/0190c0de-0000-7000-8000-000000000001";
    let services = ("storage-service", "video-service");
    let request = app.as_service(services, Method::PUT, path, id).json(&late);
    assert_eq!(Reply::to(request).await.seen(), (204, ""));
    let admin = app.with_admin().await;
    let path = path.replace("/internal", "/v1");
    assert_eq!(admin.get(&path).await.status, 404);
    // Who has the names now has nothing of what was.
    let again = User::sign_in(&app, &user.email, User::PASSWORD).await;
    assert_ne!(again.id, user.id);
    assert!(again.videos().await.is_empty());
    assert_eq!(again.status().await.used_storage, 0);
    assert!(again.actions().await.is_empty());
    again
        .upload("clip.mp4", b"new")
        .await
        .expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_that_could_not_be_finished_goes_on_later() {
    let app = App::start().await;
    let (id, email, username) = {
        let user = app.with_user().await;
        user.upload("clip.mp4", CLIP).await.expect(StatusCode::OK);
        app.stop_bucket().await;
        let gone = Reply::to(user.request(Method::DELETE, "/v1/users/me")).await;
        assert_eq!(gone.seen(), (204, ""));
        (user.id.clone(), user.email.clone(), user.username.clone())
    };
    // The names stay taken as long as objects bear them.
    let account = json!({"email": email, "password": User::PASSWORD, "username": username});
    assert_eq!(app.post("/v1/users", &account).await.status, 409);
    app.start_bucket_again().await;
    let app = app.restart().await;
    let admin = app.with_admin().await;
    // Whoever was at work is dead: nobody has to wait for its locks.
    admin.sweep_clean().await;
    let sweep: Value = eventually("a sweep finishes it", || async {
        let request = admin.request(Method::POST, "/internal/users/sweep");
        let swept: Value = Reply::to(request.json(&json!({"offline": true})))
            .await
            .expect(StatusCode::OK)
            .json();
        (swept["pending"] == 0).then_some(swept)
    })
    .await;
    assert_eq!(sweep["next_cursor"], Value::Null);
    assert!(app.objects().await.is_empty());
    assert_eq!(admin.get(&format!("/v1/users/{id}")).await.status, 404);
    app.post("/v1/users", &account)
        .await
        .expect(StatusCode::CREATED);
}
