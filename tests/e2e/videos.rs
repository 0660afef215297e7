//! `GET /v1/videos` and `GET /v1/videos/{id}`.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_api::Page;
use spinreel_api::videos::Video;
use spinreel_tests::{App, Reply, User, eventually};

fn names(page: &Page<Video>) -> Vec<&str> {
    page.items
        .iter()
        .map(|video| video.filename.as_str())
        .collect()
}

async fn upload_five(user: &User<'_>) {
    for number in 1..=5 {
        let name = format!("{number}.mp4");
        user.upload(&name, b"bytes").await.expect(StatusCode::OK);
    }
}

async fn page(user: &User<'_>, query: &str) -> Page<Video> {
    user.read(&format!("/v1/videos?{query}")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_has_the_members_of_the_contract() {
    let app = App::start().await;
    let user = app.with_user().await;
    assert_eq!(
        user.get("/v1/videos").await.seen(),
        (200, r#"{"items":[],"next_cursor":null}"#)
    );
    let video = user.upload_video("clip.mp4", b"bytes").await;
    let list: Value = user.read("/v1/videos").await;
    let item = &list["items"][0];
    assert_eq!(
        item,
        &json!({
            "id": video.id,
            "owner": user.id,
            "filename": "clip.mp4",
            "title": "clip.mp4",
            "description": "",
            "tags": [],
            "visibility": "private",
            "status": "unplayable",
            "size": 5,
            "content_type": "video/mp4",
            "media": null,
            "unplayable_reason": video.unplayable_reason,
            "views": 0,
            "created_at": item["created_at"],
            "updated_at": item["created_at"],
            "deleted_at": null,
            "links": {
                "self": format!("/v1/videos/{}", video.id),
                "content": format!("/v1/videos/{}/content", video.id),
            },
        })
    );
    let one: Value = user.read(&video.links.this).await;
    assert_eq!(&one, item);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_is_paged_from_the_newest() {
    let app = App::start().await;
    let user = app.with_user().await;
    upload_five(&user).await;
    let first = page(&user, "limit=2").await;
    assert_eq!(names(&first), ["5.mp4", "4.mp4"]);
    let second = page(
        &user,
        &format!("limit=2&cursor={}", first.next_cursor.unwrap()),
    )
    .await;
    assert_eq!(names(&second), ["3.mp4", "2.mp4"]);
    let third = page(
        &user,
        &format!("limit=2&cursor={}", second.next_cursor.unwrap()),
    )
    .await;
    assert_eq!(names(&third), ["1.mp4"]);
    assert_eq!(third.next_cursor, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_stays_good_while_videos_come_and_go() {
    let app = App::start().await;
    let user = app.with_user().await;
    upload_five(&user).await;
    let first = page(&user, "limit=2").await;
    for name in ["4.mp4", "3.mp4"] {
        user.delete_file(name).await.expect(StatusCode::OK);
    }
    user.upload("6.mp4", b"bytes").await.expect(StatusCode::OK);
    eventually("the deleted videos leave the catalogue", || async {
        (user.videos().await.len() == 4).then_some(())
    })
    .await;
    let rest = page(&user, &format!("cursor={}", first.next_cursor.unwrap())).await;
    assert_eq!(names(&rest), ["2.mp4", "1.mp4"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_is_filtered_by_words_status_and_tag() {
    let app = App::start().await;
    let user = app.with_user().await;
    // One whose accent is a character of its own, as some systems write it.
    for name in ["Am A\u{308}rmelkanal.mov", "STRASSE.mov"] {
        user.upload(name, b"bytes").await.expect(StatusCode::OK);
        let found = match name {
            "STRASSE.mov" => page(&user, "q=stra%C3%9Fe").await,
            _ => page(&user, "q=%C3%A4RMEL").await,
        };
        assert_eq!(names(&found), [name]);
        user.delete_file(name).await.expect(StatusCode::OK);
    }
    for name in ["Holiday.mp4", "holiday-2.mp4", "work.mp4"] {
        user.upload_video(name, b"bytes").await;
    }
    for (query, found) in [
        ("q=HOLIDAY", vec!["holiday-2.mp4", "Holiday.mp4"]),
        ("q=wor+MP4", vec!["work.mp4"]),
        ("q=rk", vec![]),
        ("q=holiday&limit=1", vec!["holiday-2.mp4"]),
        ("q=nothing", vec![]),
        (
            "status=unplayable",
            vec!["work.mp4", "holiday-2.mp4", "Holiday.mp4"],
        ),
        ("status=deleted", vec![]),
        ("tag=sea", vec![]),
        (
            "unknown=1",
            vec!["work.mp4", "holiday-2.mp4", "Holiday.mp4"],
        ),
    ] {
        assert_eq!(names(&page(&user, query).await), found, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_limit_status_or_cursor_is_refused() {
    let app = App::start().await;
    let user = app.with_user().await;
    for query in ["limit=0", "limit=201", "limit=-1", "limit=many"] {
        let reply = user.get(&format!("/v1/videos?{query}")).await;
        assert_eq!(reply.wrong_fields(), ["limit"], "{query}");
    }
    let reply = user.get("/v1/videos?status=gone").await;
    assert_eq!(reply.wrong_fields(), ["status"]);
    upload_five(&user).await;
    user.settled("the uploads are written down", |today| today.uploads == 5)
        .await;
    let of_actions: Value = user.read("/v1/usage/actions?limit=1").await;
    let of_another_list = of_actions["next_cursor"].as_str().unwrap();
    for cursor in ["x", "%00", "WzEsMl0", of_another_list] {
        let reply = user.get(&format!("/v1/videos?cursor={cursor}")).await;
        assert_eq!(
            reply.problem(),
            (400, "invalid_cursor".to_owned()),
            "{cursor}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_video_is_there_for_its_owner_and_for_admins_only() {
    let app = App::start().await;
    let (ada, bob, admin) = (
        app.with_user().await,
        app.with_user().await,
        app.with_admin().await,
    );
    let video = ada.upload_video("clip.mp4", b"bytes").await;
    for path in [&video.links.this, &video.links.content] {
        ada.get(path).await.expect(StatusCode::OK);
        admin.get(path).await.expect(StatusCode::OK);
        let not_found = (404, "not_found".to_owned());
        assert_eq!(bob.get(path).await.problem(), not_found);
        assert_eq!(app.get(path).await.problem(), not_found);
    }
    assert!(bob.videos().await.is_empty());
    assert!(admin.videos().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_video_looks_like_none_at_all() {
    let app = App::start().await;
    let (ada, bob) = (app.with_user().await, app.with_user().await);
    let video = ada.upload_video("clip.mp4", b"bytes").await;
    let strip = |reply: Reply| {
        let mut body: Value = reply.json();
        body["request_id"] = Value::Null;
        (reply.status, body)
    };
    let foreign = strip(bob.get(&video.links.this).await);
    let unknown = strip(
        bob.get("/v1/videos/0190c0de-7000-7000-8000-000000000000")
            .await,
    );
    assert_eq!(foreign, unknown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_can_be_none_is_not_found() {
    let app = App::start().await;
    let user = app.with_user().await;
    let too_long = "a".repeat(65);
    for id in [
        "a_b",
        "a%2Fb",
        "..%2Fjwks",
        "%00",
        "%ff",
        "a.b",
        "%20",
        too_long.as_str(),
    ] {
        for path in [
            format!("/v1/videos/{id}"),
            format!("/v1/videos/{id}/content"),
        ] {
            let reply = user.get(&path).await;
            assert_eq!(reply.problem(), (404, "not_found".to_owned()), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_has_the_representation_gets_no_other() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"bytes").await;
    let first = user.get(&video.links.this).await.expect(StatusCode::OK);
    let tag = first.header("etag");
    assert!(tag.starts_with('"'), "{tag}");
    let again = user
        .request(Method::GET, &video.links.this)
        .header("if-none-match", tag);
    assert_eq!(Reply::to(again).await.seen(), (304, ""));
    let other = user
        .request(Method::GET, &video.links.this)
        .header("if-none-match", "\"other\"");
    assert_eq!(Reply::to(other).await.body, first.body);
}
