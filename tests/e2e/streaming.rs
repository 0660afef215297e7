//! Bodies of any size in little memory. On a host that is never better than Spin.

use futures::StreamExt;
use http::{Method, StatusCode};
use spinreel_tests::{App, Form, Reply, body};

const MIB: usize = 1024 * 1024;
const SIZE: u64 = 1024 * MIB as u64;

/// CRC32C of a body that arrives, and its length.
async fn checksum(response: reqwest::Response) -> (u32, u64) {
    let mut pieces = response.bytes_stream();
    let (mut checksum, mut length) = (0, 0);
    while let Some(piece) = pieces.next().await {
        let piece = piece.unwrap();
        checksum = crc32c::crc32c_append(checksum, &piece);
        length += piece.len() as u64;
    }
    (checksum, length)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gibibyte_goes_up_and_comes_down_within_16_mebibytes_of_memory() {
    let app = App::builder()
        .as_spin()
        .variable("storage_limit_bytes", &SIZE.to_string())
        .variable("bandwidth_limit_bytes", &(2 * SIZE).to_string())
        .memory_limit("storage-service", 16 * MIB)
        .memory_limit("video-service", 16 * MIB)
        .start()
        .await;
    let user = app.with_user().await;
    let (content_type, before, after) = Form::around_file("long.mp4");
    let length = before.len() as u64 + SIZE + after.len() as u64;
    let request = user
        .request(Method::POST, "/upload")
        .header("content-type", content_type)
        .header("content-length", length)
        .body(reqwest::Body::wrap_stream(body::around(
            before, SIZE, after,
        )));
    Reply::to(request).await.expect(StatusCode::OK);
    assert_eq!(user.status().await.used_storage, SIZE as i64);

    let sent =
        body::pieces(SIZE).fold(0, |checksum, piece| crc32c::crc32c_append(checksum, &piece));
    let video = user.video_of("long.mp4").await;
    let request = user.request(Method::GET, &video.links.content);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(checksum(response).await, (sent, SIZE));

    for service in ["storage-service", "video-service"] {
        let peak = app.host().peak_memory(service);
        assert!((1..=16 * MIB).contains(&peak), "{service}: {peak} bytes");
    }
}
