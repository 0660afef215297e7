//! A network that cuts connections at random bytes: every upload arrives whole, and the quota is exact.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// How many uploads go through.
const UPLOADS: usize = 200;
/// How many of them at a time.
const AT_ONCE: usize = 8;
/// In bytes; a request's head is a few hundred.
const LENGTH: usize = 20_000;
/// A connection is cut after so many bytes of the client at most, in bytes: most before their request is through.
const LONGEST: u64 = 30_000;
/// More tries than any upload needs.
const TRIES: usize = 100;

/// A proxy that hangs up on both sides after a random number of bytes of the client; how often it did.
async fn cutting_proxy(to: SocketAddr) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let cuts = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&cuts);
    tokio::spawn(async move {
        // The same numbers in each run.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        loop {
            let Ok((client, _)) = listener.accept().await else {
                continue;
            };
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let (after, counted) = ((state >> 33) % LONGEST, Arc::clone(&counted));
            tokio::spawn(async move {
                if pass(client, to, after).await.unwrap_or(true) {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    (address, cuts)
}

/// Passes a connection on; whether it was cut.
async fn pass(mut client: TcpStream, to: SocketAddr, after: u64) -> io::Result<bool> {
    let mut server = TcpStream::connect(to).await?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let there = async {
        let mut left = after;
        let mut buffer = [0; 4_096];
        loop {
            let room = buffer
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            if room == 0 {
                return Ok(true);
            }
            let read = from_client.read(&mut buffer[..room]).await?;
            if read == 0 {
                return Ok(false);
            }
            to_server.write_all(&buffer[..read]).await?;
            left -= read as u64;
        }
    };
    let back = tokio::io::copy(&mut from_server, &mut to_client);
    tokio::select! {
        cut = there => cut,
        ended = back => ended.map(|_| false),
    }
}

/// Uploads through the proxy as a client does that tries until it succeeds.
async fn upload(user: &User<'_>, client: &reqwest::Client, proxy: SocketAddr, name: &str) {
    let film = film(LENGTH);
    let request = |method: Method, path: &str| {
        client
            .request(method, format!("http://{proxy}{path}"))
            .bearer_auth(&user.token)
            .header(VERSION.0, VERSION.1)
    };
    let path = create(user, name, LENGTH).await;
    for _ in 0..TRIES {
        let Ok(head) = request(Method::HEAD, &path).send().await else {
            continue;
        };
        if head.status() != StatusCode::OK {
            continue;
        }
        let offset = head.headers()["upload-offset"].to_str().unwrap();
        let at: usize = offset.parse().unwrap();
        if at == LENGTH {
            return;
        }
        let patch = request(Method::PATCH, &path)
            .header(BYTES.0, BYTES.1)
            .header("upload-offset", offset)
            .body(film[at..].to_vec());
        // What came of it is asked for.
        let _ = patch.send().await;
    }
    panic!("{name} does not arrive");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_uploads_through_a_network_that_cuts_connections_arrive_whole() {
    let app = App::start().await;
    let user = app.with_user().await;
    let (proxy, cuts) = cutting_proxy(app.address()).await;
    // Each request has a connection of its own.
    let client = reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .build()
        .unwrap();
    let names: Vec<String> = (0..UPLOADS).map(|at| format!("clip-{at}.mp4")).collect();
    for some in names.chunks(AT_ONCE) {
        let uploads = some.iter().map(|name| upload(&user, &client, proxy, name));
        futures::future::join_all(uploads).await;
    }
    assert!(cuts.load(Ordering::Relaxed) > UPLOADS as u64 / 2);
    let status = user.status().await;
    assert_eq!(status.files.len(), UPLOADS);
    assert_eq!(status.used_storage as usize, UPLOADS * LENGTH);
    let film = film(LENGTH);
    for name in names.iter().step_by(37) {
        assert!(content(&user, name).await == film, "{name}");
    }
    // The day's bandwidth is never below what came: bytes of a request that was displaced may have come twice.
    let expected = (UPLOADS * LENGTH) as u64;
    assert!(user.today().await.upload_bytes >= expected);
}
