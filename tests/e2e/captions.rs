//! `/v1/videos/{id}/captions`.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_tests::{App, Reply, User, eventually};

const CAPTIONS: &str = "WEBVTT\n\n00:00.000 --> 00:01.000\nHello <script>alert(1)</script>\n";

async fn put(user: &User<'_>, path: &str, text: impl Into<Vec<u8>>) -> Reply {
    Reply::to(user.request(Method::PUT, path).body(text.into())).await
}

async fn delete(user: &User<'_>, path: &str) -> Reply {
    Reply::to(user.request(Method::DELETE, path)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn captions_come_back_by_their_language_as_nothing_but_captions() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"bytes").await;
    let list = format!("/v1/videos/{}/captions", video.id);
    assert_eq!(
        user.read::<Value>(&list).await,
        json!({"items": [], "next_cursor": null})
    );
    let path = format!("{list}/PT-br");
    put(&user, &path, CAPTIONS)
        .await
        .expect(StatusCode::CREATED);
    put(&user, &format!("{list}/de"), "WEBVTT")
        .await
        .expect(StatusCode::CREATED);
    for same in ["PT-br", "pt-BR"] {
        let captions = user
            .get(&format!("{list}/{same}"))
            .await
            .expect(StatusCode::OK);
        assert_eq!(captions.text(), CAPTIONS);
        assert_eq!(captions.header("content-type"), "text/vtt; charset=utf-8");
        assert_eq!(captions.header("x-content-type-options"), "nosniff");
        let known = user
            .request(Method::GET, &path)
            .header("if-none-match", captions.header("etag"));
        Reply::to(known).await.expect(StatusCode::NOT_MODIFIED);
    }
    let listed: Value = user.read(&list).await;
    assert_eq!(
        listed["items"],
        json!([
            {"lang": "de", "size": 6, "links": {"self": format!("{list}/de")}},
            {"lang": "pt-BR", "size": CAPTIONS.len(), "links": {"self": format!("{list}/pt-BR")}},
        ])
    );
    put(&user, &path, "WEBVTT\n")
        .await
        .expect(StatusCode::NO_CONTENT);
    delete(&user, &path).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(delete(&user, &path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(user.get(&path).await.status, StatusCode::NOT_FOUND);
    eventually("the quota has what is left", || async {
        (user.status().await.used_storage == 5 + 6).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_webvtt_and_no_language_is_refused() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"bytes").await;
    let list = format!("/v1/videos/{}/captions", video.id);
    let path = format!("{list}/en");
    for text in [
        b"".as_slice(),
        b"1\n00:00:00,000 --> 00:00:01,000\nSRT\n",
        b"WEBVTT\n\n00:02.000 --> 00:01.000\nbackwards\n",
        b"WEBVTT\n\n\xff\xfe\n",
        b"WEBVTT\n\nno times\n",
    ] {
        let refused = put(&user, &path, text).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(refused.wrong_fields(), ["body"]);
    }
    for lang in ["e", "en_US", "en-toolongsubtag", "-"] {
        let refused = put(&user, &format!("{list}/{lang}"), CAPTIONS).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{lang}");
        assert_eq!(refused.wrong_fields(), ["lang"], "{lang}");
        let none = user.get(&format!("{list}/{lang}")).await;
        assert_eq!(none.status, StatusCode::NOT_FOUND, "{lang}");
    }
    let mut large = CAPTIONS.as_bytes().to_vec();
    large.resize(1024 * 1024 + 1, b'x');
    assert_eq!(
        put(&user, &path, large.clone()).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    large.pop();
    put(&user, &path, large).await.expect(StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_captions_are_seen_and_changed_as_the_video() {
    let app = App::start().await;
    let user = app.with_user().await;
    let other = User::sign_up(&app, "other").await;
    let video = user.upload_video("clip.mp4", b"bytes").await;
    let list = format!("/v1/videos/{}/captions", video.id);
    let path = format!("{list}/en");
    put(&user, &path, CAPTIONS)
        .await
        .expect(StatusCode::CREATED);
    for hidden in [&list, &path] {
        assert_eq!(app.get(hidden).await.status, StatusCode::NOT_FOUND);
        assert_eq!(other.get(hidden).await.status, StatusCode::NOT_FOUND);
    }
    for result in [
        put(&other, &path, CAPTIONS).await,
        delete(&other, &path).await,
    ] {
        assert_eq!(result.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(user.get(&path).await.text(), CAPTIONS);
}
