//! `POST /v1/users`, `GET /v1/users/me`, `GET /v1/users/{id}`.

use futures::future::join_all;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_tests::{ADMIN_EMAIL, App, Reply, User};

fn account(username: &str) -> Value {
    json!({
        "email": format!("{username}@example.com"),
        "password": User::PASSWORD,
        "username": username,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_made_and_signs_in() {
    let app = App::start().await;
    let reply = app.post("/v1/users", &account("ada")).await;
    let made: Value = reply.clone().expect(StatusCode::CREATED).json();
    assert_eq!(
        made,
        json!({
            "id": made["id"],
            "email": "ada@example.com",
            "username": "ada",
            "role": "user",
            "created_at": made["created_at"],
        })
    );
    let id = made["id"].as_str().unwrap();
    assert_eq!(reply.header("location"), format!("/v1/users/{id}"));

    let user = User::sign_in(&app, "ada@example.com", User::PASSWORD).await;
    let me: Value = user.read("/v1/users/me").await;
    assert_eq!(me, made);
    let public: Value = user.read(&format!("/v1/users/{id}")).await;
    assert_eq!(
        public,
        json!({"id": id, "username": "ada", "created_at": made["created_at"]})
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_and_passwords_are_the_same_however_their_characters_are_written() {
    let app = App::start().await;
    for (number, [composed, decomposed]) in [
        ["josé@example.com", "JOSE\u{301}@example.com"],
        ["\u{958}लम@example.com", "\u{915}\u{93c}लम@example.com"],
        ["ที่นี่@example.com", "ที่นี่@EXAMPLE.com"],
    ]
    .into_iter()
    .enumerate()
    {
        let mut new = account(&format!("user-{number}"));
        new["email"] = json!(decomposed);
        new["password"] = json!("cafe\u{301} au lait\u{a0}noir");
        let made = app.post("/v1/users", &new).await;
        made.expect(StatusCode::CREATED);
        let user = User::sign_in(&app, composed, "caf\u{e9} au lait noir").await;
        assert_eq!(user.username, format!("user-{number}"));
        new["email"] = json!(composed);
        new["username"] = json!("another");
        let taken = app.post("/v1/users", &new).await;
        assert_eq!(taken.problem(), (409, "email_taken".to_owned()));
    }
    let mut mark_alone = account("ada");
    mark_alone["email"] = json!("\u{301}ada@example.com");
    assert_eq!(app.post("/v1/users", &mark_alone).await.status, 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_and_a_username_are_given_once() {
    let app = App::start().await;
    app.post("/v1/users", &account("ada"))
        .await
        .expect(StatusCode::CREATED);
    let mut same_email = account("ada2");
    same_email["email"] = json!("ADA@Example.com");
    let reply = app.post("/v1/users", &same_email).await;
    assert_eq!(reply.problem(), (409, "email_taken".to_owned()));
    let mut same_name = account("ada");
    same_name["email"] = json!("other@example.com");
    let reply = app.post("/v1/users", &same_name).await;
    assert_eq!(reply.problem(), (409, "username_taken".to_owned()));
    // What a refused registration held is free.
    let mut free = account("ada2");
    free["email"] = json!("other@example.com");
    app.post("/v1/users", &free)
        .await
        .expect(StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_registrations_of_one_name_at_once_one_wins() {
    let app = App::start().await;
    let accounts: Vec<Value> = (0..8)
        .map(|number| {
            let mut account = account("ada");
            account["email"] = json!(format!("ada-{number}@example.com"));
            account
        })
        .collect();
    let replies = join_all(
        accounts
            .iter()
            .map(|account| app.post("/v1/users", account)),
    )
    .await;
    let made: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert_eq!(made.len(), 1);
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        assert_eq!(reply.problem(), (409, "username_taken".to_owned()));
    }
    let winner: Value = made[0].json();
    let user = User::sign_in(&app, winner["email"].as_str().unwrap(), User::PASSWORD).await;
    assert_eq!(user.username, "ada");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_members_are_named() {
    let app = App::start().await;
    for (member, value) in [
        ("email", json!("no address")),
        ("email", json!("a@b")),
        ("email", json!("")),
        ("email", json!(5)),
        ("email", json!(null)),
        ("password", json!("short")),
        ("password", json!("password")),
        ("password", json!("x".repeat(257))),
        ("password", json!(["correct horse battery"])),
        ("username", json!("ab")),
        ("username", json!("Ada")),
        ("username", json!("a/b")),
        ("username", json!("../etc")),
        ("username", json!("x".repeat(33))),
        ("username", json!("adé")),
    ] {
        let mut account = account("ada");
        account[member] = value.clone();
        let reply = app.post("/v1/users", &account).await;
        assert_eq!(reply.wrong_fields(), [member], "{value}");
    }
    for member in ["email", "password", "username"] {
        let mut account = account("ada");
        account.as_object_mut().unwrap().remove(member);
        let reply = app.post("/v1/users", &account).await;
        assert_eq!(reply.wrong_fields(), [member]);
    }
    // Nothing of it was kept.
    app.post("/v1/users", &account("ada"))
        .await
        .expect(StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_that_is_broken_or_of_another_shape_is_refused() {
    let app = App::start().await;
    for body in [
        "",
        "{",
        "{\"email\":",
        "nonsense",
        "{\"email\": \"a@b.c\",}",
        "\u{0}",
    ] {
        let request = app
            .request(Method::POST, "/v1/users")
            .header("content-type", "application/json")
            .body(body);
        let reply = Reply::to(request).await;
        assert_eq!(
            reply.problem(),
            (400, "malformed_json".to_owned()),
            "{body:?}"
        );
    }
    for body in [
        json!([]),
        json!("text"),
        json!(5),
        json!(null),
        json!({"email": {}}),
    ] {
        let reply = app.post("/v1/users", &body).await;
        assert_eq!(
            reply.problem(),
            (422, "invalid_request".to_owned()),
            "{body}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_json_body_of_ten_mebibytes_is_too_large() {
    let app = App::start().await;
    let mut large = account("ada");
    large["email"] = json!("x".repeat(10 * 1024 * 1024));
    for path in ["/v1/users", "/v1/sessions"] {
        let reply = app.post(path, &large).await;
        assert_eq!(
            reply.problem(),
            (413, "body_too_large".to_owned()),
            "{path}"
        );
    }
    // The same without a length in front.
    let body = vec![Ok::<_, std::io::Error>(large.to_string())];
    let request = app
        .request(Method::POST, "/v1/users")
        .body(reqwest::Body::wrap_stream(futures::stream::iter(body)));
    assert_eq!(
        Reply::to(request).await.problem(),
        (413, "body_too_large".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_nobody_knows_are_ignored() {
    let app = App::start().await;
    let mut more = account("ada");
    more["role"] = json!("admin");
    more["colour"] = json!("blue");
    let made: Value = app
        .post("/v1/users", &more)
        .await
        .expect(StatusCode::CREATED)
        .json();
    assert_eq!(made["role"], "user");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_admin_comes_from_the_variables() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    let me: Value = admin.read("/v1/users/me").await;
    assert_eq!(
        (&me["role"], &me["email"]),
        (&json!("admin"), &json!(ADMIN_EMAIL))
    );
    // Nobody takes the address before, nor after.
    let mut taken = account("ada");
    taken["email"] = json!(ADMIN_EMAIL);
    let reply = app.post("/v1/users", &taken).await;
    assert_eq!(reply.problem(), (409, "email_taken".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_not_there_is_not_found() {
    let app = App::start().await;
    let user = app.with_user().await;
    for id in [
        "0190c0de-7000-7000-8000-000000000000",
        "nobody",
        "a%2Fb",
        "..%2Femail",
    ] {
        let reply = user.get(&format!("/v1/users/{id}")).await;
        assert_eq!(reply.problem(), (404, "not_found".to_owned()), "{id}");
    }
}
