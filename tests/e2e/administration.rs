//! `GET /v1/users` and `PATCH /v1/users/{id}`.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_api::Page;
use spinreel_api::accounts::ManagedUser;
use spinreel_tests::{App, Reply, User};

async fn change(admin: &User<'_>, id: &str, body: &Value) -> Reply {
    let path = format!("/v1/users/{id}");
    Reply::to(admin.request(Method::PATCH, &path).json(body)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admins_list_all_accounts_newest_first() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    let mut names = vec![admin.username.clone()];
    for _ in 0..5 {
        names.push(app.with_user().await.username);
    }
    names.reverse();
    let mut listed = Vec::new();
    let mut path = "/v1/users?limit=4".to_owned();
    loop {
        let page: Page<ManagedUser> = admin.read(&path).await;
        assert!(page.items.len() <= 4);
        listed.extend(page.items.into_iter().map(|account| account.user.username));
        match page.next_cursor {
            Some(cursor) => path = format!("/v1/users?limit=4&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(listed, names);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_admin_who_cannot_be_one_is_named_at_once() {
    for (variable, value) in [
        ("admin_email", "root"),
        ("admin_email", "root@example.com,boss@example.com"),
        ("admin_password", "short"),
        ("admin_password", "P@ssw0rd1"),
        ("admin_password", "a password\nfor the admin"),
        ("password_hashes_per_second", "0"),
    ] {
        let app = App::builder().variable(variable, value).start().await;
        let health: Value = app.get("/v1/users/health").await.json();
        assert_eq!(health["wrong_variables"], json!([variable]), "{value}");
        let health: Value = app.get("/v1/health").await.json();
        assert_eq!(health["services"]["user-service"], "down", "{value}");
    }
    let app = App::builder().variable("admin_email", "").start().await;
    app.get("/v1/health").await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_of_a_users_own_count_in_every_service() {
    let app = App::start().await;
    let (user, other, admin) = (
        app.with_user().await,
        app.with_user().await,
        app.with_admin().await,
    );
    let limits = json!({"storage_limit": 1_000, "bandwidth_limit": 2_500});
    let managed: Value = change(&admin, &user.id, &limits)
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(
        (&managed["storage_limit"], &managed["bandwidth_limit"]),
        (&json!(1_000), &json!(2_500))
    );
    assert_eq!(user.status().await.total_storage, 1_000);
    assert_eq!(user.today().await.limit_bytes, 2_500);
    assert_eq!(other.status().await.total_storage, 52_428_800);

    let reply = user.upload("big.mp4", &[7; 1_001]).await;
    let refusal = r#"{"error":"Exceeds storage limit, cannot upload video..!!"}"#;
    assert_eq!(reply.seen(), (403, refusal));
    for name in ["a.mp4", "b.mp4"] {
        user.upload(name, &[7; 1_000]).await.expect(StatusCode::OK);
        user.delete_file(name).await.expect(StatusCode::OK);
    }
    let reply = user.upload("c.mp4", &[7; 1_000]).await;
    let refusal = r#"{"error":"Exceeds daily bandwidth limit, cannot upload video..!!"}"#;
    assert_eq!(reply.seen(), (403, refusal));

    let none = json!({"storage_limit": null, "bandwidth_limit": null});
    change(&admin, &user.id, &none).await.expect(StatusCode::OK);
    assert_eq!(user.status().await.total_storage, 52_428_800);
    user.upload("c.mp4", &[7; 2_000])
        .await
        .expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_out_stays_and_what_is_wrong_changes_nothing() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    change(&admin, &user.id, &json!({"storage_limit": 5}))
        .await
        .expect(StatusCode::OK);
    let managed: Value = change(&admin, &user.id, &json!({"colour": "blue"}))
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(
        (
            &managed["storage_limit"],
            &managed["role"],
            &managed["disabled"]
        ),
        (&json!(5), &json!("user"), &json!(false))
    );
    for (member, value) in [
        ("role", json!("root")),
        ("disabled", json!("yes")),
        ("storage_limit", json!(-1)),
        ("bandwidth_limit", json!(u64::MAX)),
    ] {
        let mut body = json!({"storage_limit": 6, "disabled": true});
        body[member] = value;
        let reply = change(&admin, &user.id, &body).await;
        assert_eq!(reply.wrong_fields(), [member]);
    }
    let managed: Value = change(&admin, &user.id, &json!({}))
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(
        (&managed["storage_limit"], &managed["disabled"]),
        (&json!(5), &json!(false))
    );
    for id in ["nobody", "0190c0de-7000-7000-8000-000000000000"] {
        let reply = change(&admin, id, &json!({"disabled": true})).await;
        assert_eq!(reply.problem(), (404, "not_found".to_owned()), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_admin_locks_itself_out() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    for body in [json!({"disabled": true}), json!({"role": "user"})] {
        let reply = change(&admin, &admin.id, &body).await;
        assert_eq!(reply.problem(), (409, "own_account".to_owned()), "{body}");
    }
    admin.get("/v1/users").await.expect(StatusCode::OK);
}
