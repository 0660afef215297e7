//! `/v1/uploads`: uploads that resume, by tus 1.0.0 and the IETF's draft.

mod clients;
mod concat;
mod creation;
mod cut;
mod direct;
mod draft;
mod lifecycle;
mod limits;
mod protocol;

use http::Method;
use spinreel_tests::{App, Reply, User};

const VERSION: (&str, &str) = ("tus-resumable", "1.0.0");
const BYTES: (&str, &str) = ("content-type", "application/offset+octet-stream");

/// A request with these headers and no others of the protocol.
async fn ask(
    user: &User<'_>,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Reply {
    let mut request = user.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if !body.is_empty() {
        request = request.body(body.to_vec());
    }
    Reply::to(request).await
}

/// `filename` of `Upload-Metadata`.
fn named(name: &str) -> String {
    use base64::Engine as _;
    let name = base64::engine::general_purpose::STANDARD.encode(name);
    format!("filename {name}")
}

/// Creates an upload and gives its path.
async fn create(user: &User<'_>, name: &str, length: usize) -> String {
    let (metadata, length) = (named(name), length.to_string());
    let headers = [
        VERSION,
        ("upload-length", length.as_str()),
        ("upload-metadata", metadata.as_str()),
    ];
    let reply = ask(user, Method::POST, "/v1/uploads", &headers, b"").await;
    path_of(&reply.expect(http::StatusCode::CREATED))
}

/// The path of the upload that an answer's `Location` names.
fn path_of(reply: &Reply) -> String {
    let location = reply.header("location");
    let at = location.find("/v1/uploads/").expect("an upload's URL");
    location[at..].to_owned()
}

async fn append(user: &User<'_>, path: &str, offset: usize, bytes: &[u8]) -> Reply {
    let offset = offset.to_string();
    let headers = [VERSION, BYTES, ("upload-offset", offset.as_str())];
    ask(user, Method::PATCH, path, &headers, bytes).await
}

async fn head(user: &User<'_>, path: &str) -> Reply {
    ask(user, Method::HEAD, path, &[VERSION], b"").await
}

/// The bytes of a file, as a player gets them.
async fn content(user: &User<'_>, name: &str) -> Vec<u8> {
    let video = user.video_of(name).await;
    let reply = user.get(&video.links.content).await;
    reply.expect(http::StatusCode::OK).body.to_vec()
}

/// An application whose users may have so many bytes.
async fn with_storage(limit: usize) -> App {
    App::builder()
        .variable("storage_limit_bytes", &limit.to_string())
        .start()
        .await
}

fn film(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}
