#![allow(clippy::unwrap_used)]
//! The client against servers that misbehave.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Empty;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const SHORT: Option<Duration> = Some(Duration::from_millis(50));

fn client(max_concurrent: Option<usize>) -> Client {
    Client::new(&runtime_config::Outbound {
        pooling: true,
        max_concurrent,
    })
    .unwrap()
}

fn get(address: SocketAddr) -> Request<WasiBody> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    Request::get(format!("http://{address}/path"))
        .body(body)
        .unwrap()
}

/// A server that treats every connection as `serve` says.
async fn server<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// Reads a request up to the end of its headers.
async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// A server that answers every connection's first request with these bytes and closes.
async fn answering(bytes: &'static [u8]) -> SocketAddr {
    server(move |mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(bytes).await.unwrap();
    })
    .await
}

async fn failure(address: SocketAddr, options: RequestOptions) -> Error {
    match client(None).send(get(address), options).await {
        Ok(response) => response.into_body().collect().await.unwrap_err(),
        Err(error) => error,
    }
}

#[tokio::test]
async fn the_request_on_the_wire_names_the_host_of_its_uri() {
    let address = server(|mut stream| async move {
        let head = read_head(&mut stream).await;
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{head}",
            head.len()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let response = client(None)
        .send(get(address), RequestOptions::default())
        .await
        .unwrap();
    let head = response.into_body().collect().await.unwrap().to_bytes();
    let head = String::from_utf8(head.to_vec()).unwrap();
    assert!(head.starts_with("GET /path HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: {address}\r\n")), "{head}");
}

#[tokio::test]
async fn each_way_to_fail_has_its_own_error() {
    let closed = TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let silent = server(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let stalling = server(|mut stream| async move {
        read_head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
            .await
            .unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let any = RequestOptions::default();
    let first_byte = RequestOptions {
        first_byte_timeout: SHORT,
        ..any
    };
    let between = RequestOptions {
        between_bytes_timeout: SHORT,
        ..any
    };

    assert!(matches!(
        failure(closed, any).await,
        Error::ConnectionRefused
    ));
    assert!(matches!(
        failure(answering(b"").await, any).await,
        Error::ConnectionTerminated
    ));
    assert!(matches!(
        failure(silent, first_byte).await,
        Error::ConnectionReadTimeout
    ));
    assert!(matches!(
        failure(stalling, between).await,
        Error::ConnectionReadTimeout
    ));
    let cut = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await;
    assert!(matches!(
        failure(cut, any).await,
        Error::HttpResponseIncomplete
    ));
    let nonsense = answering(b"what?\r\n\r\n").await;
    assert!(matches!(
        failure(nonsense, any).await,
        Error::HttpProtocolError
    ));
}

#[tokio::test]
async fn a_body_streams_out_while_the_response_streams_in() {
    // An echo: what it reads it sends back, so the second part goes out only after the first came back.
    let address = server(|mut stream| async move {
        read_head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n")
            .await
            .unwrap();
        let mut part = [0; 4];
        for _ in 0..2 {
            stream.read_exact(&mut part).await.unwrap();
            stream.write_all(&part).await.unwrap();
        }
    })
    .await;
    let (parts, incoming) = tokio::sync::mpsc::channel::<Bytes>(1);
    let stream = futures::stream::unfold(incoming, |mut incoming| async move {
        let part = incoming.recv().await?;
        Some((Ok(http_body::Frame::data(part)), incoming))
    });
    let body = http_body_util::StreamBody::new(stream).boxed_unsync();
    let request = Request::post(format!("http://{address}/"))
        .header(http::header::CONTENT_LENGTH, 8)
        .body(body)
        .unwrap();
    parts.send(Bytes::from_static(b"one.")).await.unwrap();
    let response = client(None)
        .send(request, RequestOptions::default())
        .await
        .unwrap();
    let mut body = response.into_body();
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "one."
    );
    parts.send(Bytes::from_static(b"two.")).await.unwrap();
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "two."
    );
}

#[tokio::test]
async fn a_slot_is_free_again_when_the_response_is_gone() {
    let address = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let client = client(Some(1));
    let first = client
        .send(get(address), RequestOptions::default())
        .await
        .unwrap();
    let second = client.send(get(address), RequestOptions::default());
    let mut second = std::pin::pin!(second);
    assert!(futures::poll!(second.as_mut()).is_pending());
    drop(first);
    assert_eq!(second.await.unwrap().status(), 200);
}
