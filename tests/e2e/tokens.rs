//! Access tokens: what is refused, and in which words.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_api::accounts::Role;
use spinreel_identity::{NewAccessToken, SigningKey};
use spinreel_tests::{App, Reply, User, eventually};

/// Asks a route of the seed and one of `/v1` with an `Authorization` header.
async fn refused(app: &App, authorization: &str, code: &str) {
    let ask = |path| {
        let request = app
            .request(Method::GET, path)
            .header("authorization", authorization);
        Reply::to(request)
    };
    let seed = ask("/storage-status").await;
    assert_eq!(
        seed.seen(),
        (401, r#"{"error":"Unauthorized"}"#),
        "{authorization}"
    );
    for path in ["/v1/videos", "/v1/users/me", "/v1/usage/today", "/v1/logs"] {
        let reply = ask(path).await;
        assert_eq!(
            reply.problem(),
            (401, code.to_owned()),
            "{path} {authorization}"
        );
        let challenge = reply.header("www-authenticate");
        assert!(challenge.starts_with("Bearer"), "{challenge}");
        let told = challenge.contains("error=\"invalid_token\"");
        assert_eq!(told, code != "token_required", "{challenge}");
    }
}

fn parts(token: &str) -> (Value, Value, String) {
    let mut parts = token.split('.');
    let mut json = || {
        let bytes = URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    let (header, claims) = (json(), json());
    (header, claims, parts.next().unwrap().to_owned())
}

fn token(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

fn claims_of<'a>(user: &'a User<'_>) -> NewAccessToken<'a> {
    NewAccessToken {
        user_id: &user.id,
        username: &user.username,
        role: Role::Admin,
        session_id: "session",
    }
}

fn now_s() -> u64 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_nothing_is_shown() {
    let app = App::start().await;
    for path in ["/v1/videos", "/v1/users/me", "/v1/usage/today", "/v1/logs"] {
        let reply = app.get(path).await;
        assert_eq!(
            reply.problem(),
            (401, "token_required".to_owned()),
            "{path}"
        );
        assert!(
            !reply.header("www-authenticate").contains("error="),
            "{path}"
        );
    }
    for (method, path) in [
        (Method::POST, "/upload"),
        (Method::DELETE, "/delete-file"),
        (Method::GET, "/storage-status"),
    ] {
        let reply = Reply::to(app.request(method, path)).await;
        assert_eq!(reply.seen(), (401, r#"{"error":"Unauthorized"}"#), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_scheme_is_no_token_and_garbage_is_none_that_is_valid() {
    let app = App::start().await;
    for authorization in ["Basic dXNlcjpwYXNz", "Bearer", "Token abc"] {
        refused(&app, authorization, "token_required").await;
    }
    let long = format!("Bearer {}", "a".repeat(10_000));
    for authorization in ["Bearer abc", "Bearer a.b.c", "Bearer ..", long.as_str()] {
        refused(&app, authorization, "token_invalid").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_somebody_changed_is_refused() {
    let app = App::start().await;
    let user = app.with_user().await;
    let (header, claims, signature) = parts(&user.token);

    let mut admin = claims.clone();
    admin["roles"] = json!(["admin"]);
    refused(
        &app,
        &format!("Bearer {}", token(&header, &admin, &signature)),
        "token_invalid",
    )
    .await;

    let mut longer = claims.clone();
    longer["exp"] = json!(4_000_000_000_u64);
    refused(
        &app,
        &format!("Bearer {}", token(&header, &longer, &signature)),
        "token_invalid",
    )
    .await;

    let mut other_end = signature.clone().into_bytes();
    other_end[10] = if other_end[10] == b'A' { b'B' } else { b'A' };
    let other_end = String::from_utf8(other_end).unwrap();
    refused(
        &app,
        &format!("Bearer {}", token(&header, &claims, &other_end)),
        "token_invalid",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_may_not_choose_its_algorithm() {
    let app = App::start().await;
    let user = app.with_user().await;
    let (header, claims, signature) = parts(&user.token);
    for algorithm in ["none", "None", "HS256", "RS256", "ES256"] {
        let mut header = header.clone();
        header["alg"] = json!(algorithm);
        for signature in ["", signature.as_str()] {
            let token = token(&header, &claims, signature);
            refused(&app, &format!("Bearer {token}"), "token_invalid").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_another_issuers_key_is_refused() {
    let app = App::start().await;
    let user = app.with_user().await;
    let foreign = SigningKey::generate()
        .issue(&claims_of(&user), 900, now_s())
        .unwrap();
    refused(&app, &format!("Bearer {foreign}"), "token_invalid").await;

    // The same, calling itself by the name of the real key.
    let (real_header, ..) = parts(&user.token);
    let (_, claims, signature) = parts(&foreign);
    let disguised = token(&real_header, &claims, &signature);
    refused(&app, &format!("Bearer {disguised}"), "token_invalid").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_token_is_no_access_token() {
    let app = App::start().await;
    for service in ["storage-service", "video-service", "user-service"] {
        let purpose = (&Method::GET, "/v1/videos");
        let token = app.service_token("usage-service", service, purpose);
        refused(&app, &format!("Bearer {token}"), "token_invalid").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_ends_with_its_time() {
    let app = App::builder()
        .variable("access_token_seconds", "1")
        .start()
        .await;
    let user = app.with_user().await;
    let reply = eventually("the token expires", || async {
        Some(user.get("/v1/videos").await).filter(|reply| reply.status != 200)
    })
    .await;
    assert_eq!(reply.problem(), (401, "token_expired".to_owned()));
    refused(&app, &format!("Bearer {}", user.token), "token_expired").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_token_is_optional_a_bad_one_is_refused_all_the_same() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"bytes").await;
    let request = app
        .request(Method::GET, &video.links.this)
        .bearer_auth("abc");
    assert_eq!(
        Reply::to(request).await.problem(),
        (401, "token_invalid".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scheme_is_read_in_any_case() {
    let app = App::start().await;
    let user = app.with_user().await;
    for scheme in ["bearer", "BEARER"] {
        let request = app
            .request(Method::GET, "/v1/users/me")
            .header("authorization", format!("{scheme} {}", user.token));
        Reply::to(request).await.expect(StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_public_keys_are_public_and_only_those() {
    let app = App::start().await;
    let user = app.with_user().await;
    let reply = app
        .get("/.well-known/jwks.json")
        .await
        .expect(StatusCode::OK);
    assert!(reply.header("cache-control").contains("max-age"));
    let keys: Value = reply.json();
    let (header, ..) = parts(&user.token);
    let keys = keys["keys"].as_array().unwrap();
    assert!(keys.iter().any(|key| key["kid"] == header["kid"]));
    for key in keys {
        assert_eq!(
            (&key["kty"], &key["crv"]),
            (&json!("OKP"), &json!("Ed25519"))
        );
        assert_eq!(key.get("d"), None, "a private key");
    }
}
