//! `GET /v1/feed`.

use http::{Method, StatusCode};
use serde_json::json;
use spinreel_api::Page;
use spinreel_api::videos::{Video, Visibility};
use spinreel_tests::{App, Reply, User};

async fn make(user: &User<'_>, video: &Video, visibility: Visibility) {
    let request = user.request(Method::PATCH, &video.links.this);
    let request = request.header("if-match", "*");
    Reply::to(request.json(&json!({ "visibility": visibility })))
        .await
        .expect(StatusCode::OK);
}

async fn page(app: &App, query: &str) -> (Vec<String>, Option<String>) {
    let path = format!("/v1/feed?{query}");
    let page: Page<Video> = app.get(&path).await.expect(StatusCode::OK).json();
    let names = page.items.into_iter().map(|video| video.filename).collect();
    (names, page.next_cursor)
}

async fn five(user: &User<'_>) -> Vec<Video> {
    let mut videos = Vec::new();
    for number in 1..=5 {
        let video = user.upload_video(&format!("{number}.mp4"), b"bytes").await;
        make(user, &video, Visibility::Public).await;
        videos.push(video);
    }
    videos
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_is_paged_from_the_newest_and_its_cursors_outlive_changes() {
    let app = App::start().await;
    let user = app.with_user().await;
    assert_eq!(
        app.get("/v1/feed").await.seen(),
        (200, r#"{"items":[],"next_cursor":null}"#)
    );
    let videos = five(&user).await;
    let (names, next) = page(&app, "limit=2").await;
    assert_eq!(names, ["5.mp4", "4.mp4"]);
    make(&user, &videos[3], Visibility::Private).await;
    make(&user, &videos[2], Visibility::Unlisted).await;
    let new = user.upload_video("6.mp4", b"bytes").await;
    make(&user, &new, Visibility::Public).await;
    let (names, next) = page(&app, &format!("limit=2&cursor={}", next.unwrap())).await;
    assert_eq!(
        (names, next),
        (vec!["2.mp4".to_owned(), "1.mp4".to_owned()], None)
    );
    // One that becomes public again stands first.
    make(&user, &videos[3], Visibility::Public).await;
    let (names, _) = page(&app, "limit=3").await;
    assert_eq!(names, ["4.mp4", "6.mp4", "5.mp4"]);
    for query in ["limit=0", "limit=201"] {
        assert_eq!(app.get(&format!("/v1/feed?{query}")).await.status, 422);
    }
    assert_eq!(app.get("/v1/feed?cursor=x").await.status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_known_is_not_sent_again_and_a_change_makes_it_another() {
    let app = App::start().await;
    let user = app.with_user().await;
    let videos = five(&user).await;
    let first = app.get("/v1/feed").await.expect(StatusCode::OK);
    assert_eq!(first.header("cache-control"), "public, no-cache");
    let ask = async |etag: &str| {
        let request = app.request(Method::GET, "/v1/feed");
        Reply::to(request.header("if-none-match", etag)).await
    };
    let etag = first.header("etag").to_owned();
    let known = ask(&format!("\"x\", W/{etag}")).await;
    assert_eq!((known.status, known.text()), (304, ""));
    assert_eq!(known.header("etag"), etag);
    let request = user.request(Method::PATCH, &videos[0].links.this);
    let request = request.header("if-match", "*");
    Reply::to(request.json(&json!({ "title": "renamed" })))
        .await
        .expect(StatusCode::OK);
    let changed: Page<Video> = ask(&etag).await.expect(StatusCode::OK).json();
    assert_eq!(changed.items[4].title, "renamed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_videos_of_a_departed_user_leave_the_feed() {
    let app = App::start().await;
    let user = app.with_user().await;
    five(&user).await;
    Reply::to(user.request(Method::DELETE, "/v1/users/me"))
        .await
        .expect(StatusCode::NO_CONTENT);
    spinreel_tests::eventually("the feed is empty", || async {
        page(&app, "").await.0.is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_and_own_lists_are_searched_by_tags_and_words() {
    let app = App::start().await;
    let user = app.with_user().await;
    for (name, title, tags) in [
        ("1.mp4", "A day at the STRASSE", vec!["Sea", "two words"]),
        (
            "2.mp4",
            "\u{6d77}\u{8fb9}\u{7684}\u{4e00}\u{5929}",
            vec!["sea"],
        ),
        ("3.mp4", "Oceanic days", vec![]),
    ] {
        let video = user.upload_video(name, b"bytes").await;
        let body = json!({ "title": title, "tags": tags, "visibility": "public" });
        let request = user.request(Method::PATCH, &video.links.this);
        Reply::to(request.header("if-match", "*").json(&body))
            .await
            .expect(StatusCode::OK);
    }
    for (query, found) in [
        ("tag=SEA", vec!["2.mp4", "1.mp4"]),
        ("tag=two++words", vec!["1.mp4"]),
        ("tag=se", vec![]),
        ("q=stra%C3%9Fe", vec!["1.mp4"]),
        ("q=day", vec!["3.mp4", "1.mp4"]),
        ("q=day+at", vec!["1.mp4"]),
        ("q=day&tag=sea", vec!["1.mp4"]),
        ("q=%E6%B5%B7%E8%BE%B9", vec!["2.mp4"]),
        ("q=ocean", vec!["3.mp4"]),
        ("q=oc", vec![]),
        ("q=...", vec![]),
    ] {
        assert_eq!(page(&app, query).await.0, found, "{query}");
        let own: Page<Video> = user.read(&format!("/v1/videos?{query}")).await;
        let own: Vec<_> = own.items.into_iter().map(|video| video.filename).collect();
        assert_eq!(own, found, "{query}");
    }
    let (first, next) = page(&app, "tag=sea&limit=1").await;
    let (second, _) = page(&app, &format!("tag=sea&limit=1&cursor={}", next.unwrap())).await;
    assert_eq!(
        (first, second),
        (vec!["2.mp4".to_owned()], vec!["1.mp4".to_owned()])
    );
}
