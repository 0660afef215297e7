//! `POST /v1/tokens/introspect` (RFC 7662), `POST /v1/tokens/revoke` (RFC 7009), and the rotation of keys.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_tests::{App, Reply, User, eventually};

async fn ask(app: &App, path: &str, form: &[(&str, &str)]) -> Reply {
    let services = ("video-service", "user-service");
    let request = app.as_service(services, Method::POST, path, None);
    Reply::to(request.form(form)).await
}

async fn introspect(app: &App, token: &str) -> Value {
    ask(app, "/v1/tokens/introspect", &[("token", token)])
        .await
        .expect(StatusCode::OK)
        .json()
}

async fn jwks(app: &App) -> Vec<Value> {
    let keys: Value = app.get("/.well-known/jwks.json").await.json();
    keys["keys"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_learns_what_a_token_is_good_for() {
    let app = App::start().await;
    let user = app.with_user().await;
    let told = introspect(&app, &user.token).await;
    for (member, value) in [
        ("active", json!(true)),
        ("sub", json!(user.id)),
        ("username", json!(user.username)),
        ("iss", json!("spinreel")),
        ("aud", json!("spinreel")),
        ("token_type", json!("Bearer")),
        ("scope", json!("user")),
    ] {
        assert_eq!(told[member], value, "{told}");
    }
    assert!(told["exp"].is_u64(), "{told}");
    let inactive = json!({"active": false});
    for token in ["garbage", "a.b.c", "", &user.token[..user.token.len() - 4]] {
        if !token.is_empty() {
            assert_eq!(introspect(&app, token).await, inactive, "{token}");
        }
    }
    let request = user.request(Method::DELETE, "/v1/sessions/current");
    assert_eq!(Reply::to(request).await.status, 204);
    assert_eq!(introspect(&app, &user.token).await, inactive);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_revokes_tokens_of_both_kinds() {
    let app = App::start().await;
    for is_access in [true, false] {
        let user = app.with_user().await;
        let token = if is_access {
            &user.token
        } else {
            &user.refresh_token
        };
        for _ in 0..2 {
            let reply = ask(&app, "/v1/tokens/revoke", &[("token", token)]).await;
            assert_eq!(reply.status, 200);
        }
        assert_eq!(
            introspect(&app, &user.token).await,
            json!({"active": false})
        );
        let refresh = json!({"refresh_token": user.refresh_token});
        assert_eq!(app.post("/v1/sessions/refresh", &refresh).await.status, 401);
    }
    let reply = ask(&app, "/v1/tokens/revoke", &[("token", "garbage")]).await;
    assert_eq!(reply.status, 200);
    for path in ["/v1/tokens/revoke", "/v1/tokens/introspect"] {
        let reply = ask(&app, path, &[("tokens", "x")]).await;
        assert_eq!(reply.problem().0, 400, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_is_published_before_it_signs() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let before = jwks(&app).await;
    assert_eq!(before.len(), 1);
    let rotate = async |body: &Value| -> Value {
        let request = admin.request(Method::POST, "/internal/users/keys/rotate");
        Reply::to(request.json(body))
            .await
            .expect(StatusCode::OK)
            .json()
    };
    let made = rotate(&json!({})).await;
    assert_eq!(rotate(&json!({})).await, made);
    let after = jwks(&app).await;
    let ids: Vec<&Value> = after.iter().map(|key| &key["kid"]).collect();
    assert_eq!(ids.len(), 2);
    assert!(ids.contains(&&made["kid"]) && ids.contains(&&before[0]["kid"]));
    // Tokens are signed with the old one as yet, and it is still good.
    let again = User::sign_in(&app, &user.email, User::PASSWORD).await;
    user.get("/v1/videos").await.expect(StatusCode::OK);
    again.get("/v1/videos").await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_an_emergency_the_old_keys_are_worth_nothing_at_once() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    user.upload("clip.mp4", b"bytes")
        .await
        .expect(StatusCode::OK);
    let request = admin.request(Method::POST, "/internal/users/keys/rotate");
    let made: Value = Reply::to(request.json(&json!({"emergency": true})))
        .await
        .expect(StatusCode::OK)
        .json();
    let keys = jwks(&app).await;
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0]["kid"], made["kid"]);
    assert_eq!(user.get("/v1/users/me").await.problem().0, 401);
    eventually("the other services have heard of it", || async {
        (user.get("/v1/videos").await.status == 401).then_some(())
    })
    .await;
    // The session goes on with a new token.
    let refresh = json!({"refresh_token": user.refresh_token});
    let tokens: Value = app
        .post("/v1/sessions/refresh", &refresh)
        .await
        .expect(StatusCode::OK)
        .json();
    let request = app
        .request(Method::GET, "/v1/videos")
        .bearer_auth(tokens["access_token"].as_str().unwrap());
    Reply::to(request).await.expect(StatusCode::OK);
}
