//! `GET`, `HEAD /v1/videos/{id}/content`: several ranges in one request (RFC 9110, section 14.6).

use http::{Method, StatusCode};
use spinreel_tests::{App, CLIP, Reply, User, raw};

async fn ranged(user: &User<'_>, method: Method, path: &str, range: &str) -> Reply {
    Reply::to(user.request(method, path).header("range", range)).await
}

/// A part of `multipart/byteranges`: its `Content-Type`, its `Content-Range` and its bytes.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    content_type: String,
    content_range: String,
    bytes: Vec<u8>,
}

/// Reads a body by its grammar (RFC 2046, section 5.1.1), and by the lengths that its parts tell.
fn parts(reply: &Reply) -> Vec<Part> {
    let boundary = reply
        .header("content-type")
        .strip_prefix("multipart/byteranges; boundary=")
        .expect("a body of parts");
    let mut rest = &reply.body[..];
    let take = |rest: &mut &[u8], text: &str| {
        *rest = rest.strip_prefix(text.as_bytes()).expect("the boundary");
    };
    let mut parts = Vec::new();
    take(&mut rest, &format!("--{boundary}"));
    while let Some(after) = rest.strip_prefix(b"\r\n") {
        let end = after
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let head = std::str::from_utf8(&after[..end]).unwrap();
        let field = |name: &str| {
            let line = head.split("\r\n").find_map(|line| line.strip_prefix(name));
            line.expect("the field").trim().to_owned()
        };
        let content_range = field("Content-Range:");
        let (range, _) = content_range["bytes ".len()..].split_once('/').unwrap();
        let (start, last) = range.split_once('-').unwrap();
        let length = last.parse::<usize>().unwrap() - start.parse::<usize>().unwrap() + 1;
        let body = &after[end + 4..];
        parts.push(Part {
            content_type: field("Content-Type:"),
            content_range,
            bytes: body[..length].to_vec(),
        });
        rest = &body[length..];
        take(&mut rest, &format!("\r\n--{boundary}"));
    }
    assert_eq!(rest, b"--\r\n");
    parts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_ranges_come_in_parts_in_the_order_in_which_they_were_asked_for() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", CLIP).await;
    let size = CLIP.len();
    // Near ones are read in one go, far ones in several, backwards too.
    for ranges in [
        &[(0, 9), (20, 29)][..],
        &[(80_000, 80_999), (0, 0)],
        &[
            (10, 10),
            (12, 12),
            (70_000, 80_000),
            (5, 5),
            (40_000, 40_100),
        ],
    ] {
        let specs: Vec<String> = ranges.iter().map(|(a, b)| format!("{a}-{b}")).collect();
        let range = format!("bytes={}", specs.join(", "));
        let reply = ranged(&user, Method::GET, &video.links.content, &range).await;
        let reply = reply.expect(StatusCode::PARTIAL_CONTENT);
        assert_eq!(reply.header("content-length"), reply.body.len().to_string());
        assert_eq!(reply.header("content-range"), "");
        assert_eq!(reply.header("accept-ranges"), "bytes");
        let expected: Vec<Part> = ranges
            .iter()
            .map(|&(start, end)| Part {
                content_type: "video/mp4".to_owned(),
                content_range: format!("bytes {start}-{end}/{size}"),
                bytes: CLIP[start..=end].to_vec(),
            })
            .collect();
        assert_eq!(parts(&reply), expected, "{range}");
        let head = ranged(&user, Method::HEAD, &video.links.content, &range).await;
        assert_eq!(head.seen(), (206, ""));
        assert_eq!(
            head.header("content-length"),
            reply.header("content-length")
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ranges_that_touch_are_one_and_too_many_are_everything() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"0123456789").await;
    let thousand = |step: usize| {
        let specs = (0..1_000).map(|part| format!("{}-{}", part * step, part * step));
        specs.collect::<Vec<_>>().join(",")
    };
    let bytes = vec![b'x'; 4_000];
    let long = user.upload_video("long.mp4", &bytes).await;
    for (path, specs, status, content_range) in [
        (&video, "0-3,2-5", 206, "bytes 0-5/10"),
        (&video, "4-9,0-3", 206, "bytes 0-9/10"),
        (&video, "0-1,20-30", 206, "bytes 0-1/10"),
        (&video, "20-30,40-", 416, "bytes */10"),
        (&video, "0-1,x", 200, ""),
        (&long, thousand(2).as_str(), 200, ""),
        (&long, thousand(1).as_str(), 206, "bytes 0-999/4000"),
    ] {
        let range = format!("bytes={specs}");
        let reply = ranged(&user, Method::GET, &path.links.content, &range).await;
        let seen = (reply.status, reply.header("content-range"));
        assert_eq!(seen, (status, content_range), "{specs:.40}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_condition_decides_over_several_ranges_too() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"0123456789").await;
    let head = Reply::to(user.request(Method::HEAD, &video.links.content)).await;
    let etag = head.header("etag");
    for (name, value, status) in [
        ("if-range", etag, 206),
        ("if-range", "\"other\"", 200),
        ("if-none-match", etag, 304),
        ("if-match", "\"other\"", 412),
    ] {
        let request = user.request(Method::GET, &video.links.content);
        let request = request.header("range", "bytes=0-1,8-9").header(name, value);
        assert_eq!(Reply::to(request).await.status, status, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_are_one_playback_and_what_was_not_received_is_given_back() {
    let app = App::builder()
        .variable("bandwidth_limit_bytes", "200000000")
        .variable("storage_limit_bytes", "100000000")
        .start()
        .await;
    let user = app.with_user().await;
    let bytes = vec![b'x'; 40_000_000];
    let video = user.upload_video("clip.mp4", &bytes).await;
    let path = &video.links.content;
    let range = "bytes=0-999,5000-5999";
    let reply = ranged(&user, Method::GET, path, range).await;
    let received = reply.expect(StatusCode::PARTIAL_CONTENT).body.len() as u64;
    user.settled("the parts are settled", |today| {
        (today.downloads, today.download_bytes) == (1, received)
    })
    .await;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nRange: bytes=0-19999999,20000010-39999999\r\n\r\n",
        user.token
    );
    raw::read_and_hang_up(app.address(), request.as_bytes(), 100_000)
        .await
        .unwrap();
    user.settled("what was not received is given back", |today| {
        today.downloads == 1
            && (received + 1..received + 20_000_000).contains(&today.download_bytes)
    })
    .await;
}
