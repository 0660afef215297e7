//! The life of a video: `PATCH`, the trash, its end, and who sees what of it when.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_api::Page;
use spinreel_api::videos::{Status, Video, Visibility};
use spinreel_tests::{App, Reply, SWEEP_TOKEN, User, eventually};

async fn change(user: &User<'_>, video: &Video, body: &Value) -> Reply {
    let etag = user.get(&video.links.this).await.header("etag").to_owned();
    let request = user.request(Method::PATCH, &video.links.this);
    Reply::to(request.header("if-match", etag).json(body)).await
}

async fn make(user: &User<'_>, video: &Video, visibility: Visibility) -> Video {
    let reply = change(user, video, &json!({ "visibility": visibility })).await;
    reply.expect(StatusCode::OK).json()
}

async fn delete(user: &User<'_>, path: &str) -> Reply {
    Reply::to(user.request(Method::DELETE, path)).await
}

async fn restore(user: &User<'_>, video: &Video) -> Reply {
    let path = format!("{}/restore", video.links.this);
    Reply::to(user.request(Method::POST, &path)).await
}

async fn feed(app: &App) -> Vec<String> {
    let page: Page<Video> = app.get("/v1/feed").await.expect(StatusCode::OK).json();
    page.items.into_iter().map(|video| video.id).collect()
}

async fn trash_of(user: &User<'_>) -> Vec<Video> {
    let page: Page<Video> = user.read("/v1/videos?status=deleted").await;
    page.items
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_answered_with_the_video_and_its_new_entity_tag() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"bytes").await;
    let reply = change(
        &user,
        &video,
        &json!({
            "title": " Am  A\u{308}rmelkanal ",
            "description": "Two\nlines",
            "tags": ["Sea", "sea", "two words"],
            "visibility": "unlisted",
            "unknown": 1,
        }),
    )
    .await
    .expect(StatusCode::OK);
    let changed: Video = reply.json();
    assert_eq!(changed.title, "Am \u{c4}rmelkanal");
    assert_eq!(changed.description, "Two\nlines");
    assert_eq!(changed.tags, ["Sea", "two words"]);
    assert_eq!(changed.visibility, Visibility::Unlisted);
    assert!(changed.updated_at.as_ms() >= video.updated_at.as_ms());
    let got = user.get(&video.links.this).await.expect(StatusCode::OK);
    assert_eq!(got.header("etag"), reply.header("etag"));
    assert_eq!(got.json::<Video>(), changed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_needs_the_version_that_it_is_made_to() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"bytes").await;
    let first = user.get(&video.links.this).await.header("etag").to_owned();
    let patch = |etag: Option<&str>, body: Value| {
        let request = user.request(Method::PATCH, &video.links.this).json(&body);
        Reply::to(match etag {
            Some(etag) => request.header("if-match", etag),
            None => request,
        })
    };
    let missing = patch(None, json!({ "title": "a" })).await;
    assert_eq!(missing.problem(), (428, "precondition_required".to_owned()));
    for etag in ["\"another\"", "nonsense", &format!("W/{first}")] {
        let other = patch(Some(etag), json!({ "title": "a" })).await;
        assert_eq!(other.problem(), (412, "precondition_failed".to_owned()));
    }
    let second = patch(Some(&first), json!({ "title": "a" })).await;
    let second = second.expect(StatusCode::OK).header("etag").to_owned();
    let stale = patch(Some(&first), json!({ "title": "b" })).await;
    assert_eq!(stale.problem(), (412, "precondition_failed".to_owned()));
    let list = format!("\"x\", {second}");
    patch(Some(&list), json!({ "title": "b" }))
        .await
        .expect(StatusCode::OK);
    patch(Some("*"), json!({})).await.expect(StatusCode::OK);
    assert_eq!(user.video_of("clip.mp4").await.title, "b");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixteen_changes_of_one_version_one_is_made() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"bytes").await;
    let etag = user.get(&video.links.this).await.header("etag").to_owned();
    let changes = (0..16).map(|number| {
        let request = user.request(Method::PATCH, &video.links.this);
        let request = request.header("if-match", &etag);
        Reply::to(request.json(&json!({ "title": number.to_string() })))
    });
    let replies = futures::future::join_all(changes).await;
    let made: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 200).collect();
    assert_eq!(made.len(), 1);
    assert!(
        replies
            .iter()
            .all(|reply| matches!(reply.status, 200 | 412))
    );
    let title = made[0].json::<Video>().title;
    assert_eq!(user.video_of("clip.mp4").await.title, title);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_in_a_change_is_named_and_nothing_is_changed() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"bytes").await;
    let many: Vec<String> = (0..31).map(|number| number.to_string()).collect();
    for (body, fields) in [
        (json!({ "title": "a".repeat(10_240) }), vec!["title"]),
        (json!({ "title": "" }), vec!["title"]),
        (
            json!({ "title": "a\u{0}b", "tags": many }),
            vec!["title", "tags"],
        ),
        (json!({ "tags": vec!["x"; 1_000] }), vec!["tags"]),
        (json!({ "tags": ["ok", "a\u{7f}"] }), vec!["tags.1"]),
        (
            json!({ "visibility": "hidden", "title": "fine" }),
            vec!["visibility"],
        ),
    ] {
        let reply = change(&user, &video, &body).await;
        assert_eq!(
            (reply.status, reply.wrong_fields()),
            (422, fields.into_iter().map(str::to_owned).collect())
        );
    }
    assert_eq!(user.video_of("clip.mp4").await, video);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_owner_and_admins_change_a_video_and_others_may_not_even_know_of_a_private_one() {
    let app = App::start().await;
    let (user, other, admin) = (
        app.with_user().await,
        app.with_user().await,
        app.with_admin().await,
    );
    let video = user.upload_video("clip.mp4", b"bytes").await;
    let attempt = async |by: &User<'_>| {
        let path = &video.links.this;
        let patch = by.request(Method::PATCH, path).header("if-match", "*");
        let patch = Reply::to(patch.json(&json!({ "title": "mine" }))).await;
        let trashed = delete(by, path).await;
        let restored = restore(by, &video).await;
        [patch.status, trashed.status, restored.status]
    };
    assert_eq!(attempt(&other).await, [404; 3]);
    make(&user, &video, Visibility::Public).await;
    assert_eq!(attempt(&other).await, [403; 3]);
    assert_eq!(attempt(&admin).await, [200, 204, 200]);
    let anonymous = app.request(Method::PATCH, &video.links.this);
    let anonymous = Reply::to(anonymous.json(&json!({}))).await;
    assert_eq!(anonymous.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visibility_counts_at_once_everywhere() {
    let app = App::start().await;
    let (user, other) = (app.with_user().await, app.with_user().await);
    let video = user.upload_video("clip.mp4", b"bytes").await;
    let content = format!("{}/content", video.links.this);
    let of_user = format!("/v1/users/{}/videos", user.id);
    let seen = async || {
        let listed: Page<Video> = app.get(&of_user).await.expect(StatusCode::OK).json();
        (
            app.get(&video.links.this).await.status,
            other.get(&content).await.status,
            feed(&app).await.len(),
            listed.items.len(),
        )
    };
    assert_eq!(seen().await, (404, 404, 0, 0));
    for (visibility, expected) in [
        (Visibility::Unlisted, (200, 200, 0, 0)),
        (Visibility::Public, (200, 200, 1, 1)),
        (Visibility::Private, (404, 404, 0, 0)),
        (Visibility::Public, (200, 200, 1, 1)),
    ] {
        make(&user, &video, visibility).await;
        assert_eq!(seen().await, expected, "{visibility:?}");
    }
    delete(&user, &video.links.this)
        .await
        .expect(StatusCode::NO_CONTENT);
    assert_eq!(seen().await, (404, 404, 0, 0));
    restore(&user, &video).await.expect(StatusCode::OK);
    assert_eq!(seen().await, (200, 200, 1, 1));
    let unknown = app.get("/v1/users/0190c0de-0000-7000-8000-000000000000/videos");
    assert_eq!(unknown.await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_video_that_becomes_private_is_found_by_nobody_else_anywhere() {
    let app = App::start().await;
    let (user, other) = (app.with_user().await, app.with_user().await);
    let video = user.upload_video("clip.mp4", b"bytes").await;
    let about = json!({ "visibility": "public", "title": "Lighthouse", "tags": ["sea"] });
    change(&user, &video, &about).await.expect(StatusCode::OK);
    let this = &video.links.this;
    for (path, body) in [
        (
            format!("{this}/poster"),
            include_bytes!("../pictures/picture.png").to_vec(),
        ),
        (format!("{this}/captions/en"), b"WEBVTT\n".to_vec()),
    ] {
        Reply::to(user.request(Method::PUT, &path).body(body))
            .await
            .expect(StatusCode::CREATED);
    }
    let links = user.request(Method::POST, &format!("{this}/playback"));
    let links: Value = Reply::to(links.json(&json!({})))
        .await
        .expect(StatusCode::CREATED)
        .json();
    let link = links["content_url"].as_str().unwrap();
    let at = link.find("/v1/playback/").expect("a link");
    let pages = [
        "/v1/feed".to_owned(),
        "/v1/feed?tag=sea".to_owned(),
        "/v1/feed?q=lighth".to_owned(),
        format!("/v1/users/{}/videos", user.id),
    ];
    let paths = [
        this.clone(),
        format!("{this}/content"),
        format!("{this}/poster"),
        format!("{this}/captions"),
        format!("{this}/captions/en"),
        link[at..].to_owned(),
    ];
    let seen = async |who: Option<&User<'_>>| {
        let get = async |path: &str| match who {
            Some(user) => user.get(path).await,
            None => app.get(path).await,
        };
        let (mut listed, mut open) = (0, 0);
        for path in &pages {
            let page: Page<Video> = get(path).await.expect(StatusCode::OK).json();
            listed += page.items.len();
        }
        for path in &paths {
            let status = get(path).await.status;
            assert!([200, 404].contains(&status), "{path}: {status}");
            open += usize::from(status == 200);
        }
        (listed, open)
    };
    let all = (pages.len(), paths.len());
    assert_eq!([seen(None).await, seen(Some(&other)).await], [all; 2]);
    make(&user, &video, Visibility::Private).await;
    assert_eq!([seen(None).await, seen(Some(&other)).await], [(0, 0); 2]);
    // All but the link is there for its owner; the lists of what is public have it no more.
    assert_eq!(seen(Some(&user)).await, (0, paths.len() - 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_the_trash_plays_for_nobody_and_can_be_restored() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let video = user.upload_video("clip.mp4", b"bytes").await;
    let kept = user.upload_video("kept.mp4", b"bytes").await;
    let early = restore(&user, &video).await;
    assert_eq!(early.problem(), (409, "not_in_trash".to_owned()));
    let etag = user.get(&video.links.this).await.header("etag").to_owned();
    let other_version = user.request(Method::DELETE, &video.links.this);
    let other_version = Reply::to(other_version.header("if-match", "\"x\"")).await;
    assert_eq!(other_version.status, 412);
    let same_version = user.request(Method::DELETE, &video.links.this);
    Reply::to(same_version.header("if-match", etag))
        .await
        .expect(StatusCode::NO_CONTENT);
    delete(&user, &video.links.this)
        .await
        .expect(StatusCode::NO_CONTENT);
    let trashed: Video = user.read(&video.links.this).await;
    assert_eq!(trashed.status, Status::Deleted);
    assert!(trashed.deleted_at.is_some());
    assert_eq!(trash_of(&user).await, std::slice::from_ref(&trashed));
    assert_eq!(user.videos().await, [kept]);
    for who in [&user, &admin] {
        assert_eq!(who.get(&video.links.content).await.status, 404);
        assert_eq!(who.get(&video.links.this).await.status, 200);
    }
    // It counts in the quota.
    assert_eq!(user.status().await.used_storage, 10);
    let restored: Video = restore(&user, &video).await.expect(StatusCode::OK).json();
    assert_eq!((restored.status, restored.deleted_at), (video.status, None));
    assert_eq!(user.get(&video.links.content).await.text(), "bytes");
    assert!(trash_of(&user).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permanent_deletion_gives_the_quota_back_and_is_gone_at_once() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    for is_trashed in [false, true] {
        let video = user.upload_video("clip.mp4", b"bytes").await;
        if is_trashed {
            delete(&user, &video.links.this)
                .await
                .expect(StatusCode::NO_CONTENT);
        }
        let path = format!("{}?permanent=true", video.links.this);
        delete(&user, &path).await.expect(StatusCode::NO_CONTENT);
        assert_eq!(user.get(&video.links.this).await.status, 404);
        assert_eq!(restore(&user, &video).await.status, 404);
        assert_eq!(delete(&user, &path).await.status, 404);
        assert!(user.videos().await.is_empty());
        eventually("the bytes go", || async {
            (user.status().await.used_storage == 0).then_some(())
        })
        .await;
    }
    app.quiet(&admin).await;
    assert_eq!(app.objects().await, Vec::<String>::new());
    assert_eq!(admin.reconcile(false).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trash_ends_by_itself_by_the_sweep_and_by_the_next_look() {
    let app = App::builder()
        .variable("sweep_token", SWEEP_TOKEN)
        .variable("trash_days", "1")
        // Tokens for the bucket go by the clock of the bucket.
        .anonymous_bucket()
        .start()
        .await;
    let (looked_at, left_alone) = (app.with_user().await, app.with_user().await);
    let mut videos = Vec::new();
    for user in [&looked_at, &left_alone] {
        let video = user.upload_video("clip.mp4", b"bytes").await;
        delete(user, &video.links.this)
            .await
            .expect(StatusCode::NO_CONTENT);
        videos.push(video);
    }
    let sweep = async || -> Value {
        let request = app.request(Method::POST, "/internal/sweep");
        let reply = Reply::to(request.bearer_auth(SWEEP_TOKEN).json(&json!({}))).await;
        reply.expect(StatusCode::OK).json()
    };
    assert_eq!(sweep().await["videos"]["ended"], 0);
    app.advance_clock(Duration::from_secs(86_400 + 60));
    let looked_at = User::sign_in(&app, &looked_at.email, User::PASSWORD).await;
    let left_alone = User::sign_in(&app, &left_alone.email, User::PASSWORD).await;
    assert_eq!(looked_at.get(&videos[0].links.this).await.status, 404);
    assert_eq!(restore(&looked_at, &videos[0]).await.status, 404);
    eventually("the look ends it", || async {
        (looked_at.status().await.used_storage == 0).then_some(())
    })
    .await;
    // Its record goes after its file.
    app.idle().await;
    assert_eq!(sweep().await["videos"]["ended"], 1);
    assert_eq!(left_alone.status().await.used_storage, 0);
    assert!(trash_of(&left_alone).await.is_empty());
    assert_eq!(app.objects().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_own_videos_go_page_by_page() {
    let app = App::start().await;
    let (user, other) = (app.with_user().await, app.with_user().await);
    for number in 0..53 {
        let name = format!("{number}.mp4");
        user.upload(&name, b"x").await.expect(StatusCode::OK);
    }
    let kept = other.upload_video("kept.mp4", b"bytes").await;
    let first: Value = delete(&user, "/v1/videos")
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(first, json!({ "removed": 50, "more": true }));
    let second: Value = delete(&user, "/v1/videos")
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(second, json!({ "removed": 3, "more": false }));
    let third: Value = delete(&user, "/v1/videos")
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(third, json!({ "removed": 0, "more": false }));
    assert!(user.videos().await.is_empty());
    assert_eq!(user.status().await.used_storage, 53);
    loop {
        let path = "/v1/videos?permanent=true";
        let reply: Value = delete(&user, path).await.expect(StatusCode::OK).json();
        if reply["more"] == false {
            break;
        }
    }
    assert!(trash_of(&user).await.is_empty());
    eventually("the bytes go", || async {
        (user.status().await.used_storage == 0).then_some(())
    })
    .await;
    assert_eq!(other.videos().await, [kept]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_seeds_deletion_ends_a_video_at_once_also_one_in_the_trash() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"bytes").await;
    make(&user, &video, Visibility::Public).await;
    let trashed = user.upload_video("trashed.mp4", b"bytes").await;
    delete(&user, &trashed.links.this)
        .await
        .expect(StatusCode::NO_CONTENT);
    for name in ["clip.mp4", "trashed.mp4"] {
        user.delete_file(name).await.expect(StatusCode::OK);
    }
    eventually("both leave the catalogue", || async {
        let left = user.videos().await.len() + trash_of(&user).await.len();
        (left == 0 && feed(&app).await.is_empty()).then_some(())
    })
    .await;
    assert_eq!(restore(&user, &trashed).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_state_change_is_in_the_log() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let video = user.upload_video("clip.mp4", b"bytes").await;
    make(&user, &video, Visibility::Public).await;
    delete(&user, &video.links.this).await;
    restore(&user, &video).await.expect(StatusCode::OK);
    delete(&user, &format!("{}?permanent=true", video.links.this)).await;
    app.quiet(&admin).await;
    for action in [
        "video.changed",
        "video.trashed",
        "video.restored",
        "video.ending",
        "video.removed",
    ] {
        eventually("the line is in the log", || async {
            let path = format!("/v1/logs?action={action}");
            let lines: Page<Value> = admin.read(&path).await;
            let mut lines = lines.items.iter();
            lines
                .any(|line| line["fields"]["video.id"] == video.id.as_str())
                .then_some(())
        })
        .await;
    }
}
