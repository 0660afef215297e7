//! Requests that no HTTP library would send: cut off, or made by hand.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Sends bytes and reads what comes back until the other side closes: let the request say `Connection: close`.
pub async fn exchange(address: SocketAddr, request: &[u8]) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Sends bytes and hangs up.
pub async fn send_and_hang_up(address: SocketAddr, request: &[u8]) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    stream.shutdown().await
}

/// Sends a request, reads at least `wanted` bytes of the answer and hangs up; returns how many it read.
pub async fn read_and_hang_up(
    address: SocketAddr,
    request: &[u8],
    wanted: usize,
) -> io::Result<usize> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    let mut buffer = vec![0; 64 * 1024];
    let mut read = 0;
    while read < wanted {
        match stream.read(&mut buffer).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => read += more,
        }
    }
    Ok(read)
}

/// Connects, sends bytes and goes on: the other side hears nothing more until the stream is used again, or dropped.
pub async fn begin(address: SocketAddr, request: &[u8]) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    Ok(stream)
}

/// Reads an answer whose length its head tells; an interim one (1xx) is passed over.
pub async fn read_answer(stream: &mut TcpStream) -> io::Result<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        match text.split_once("\r\n\r\n") {
            Some((head, rest)) if head.starts_with("HTTP/1.1 1") => {
                bytes = rest.as_bytes().to_vec();
                continue;
            }
            Some((head, body)) if body.len() >= content_length(head) => {
                return Ok(text.into_owned());
            }
            _ => {}
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn content_length(head: &str) -> usize {
    let mut lengths = head.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().ok()).flatten()
    });
    lengths.next().unwrap_or(0)
}

/// As [`read_and_hang_up`], but with a receive buffer of about `buffer` bytes, and the end is a reset.
pub async fn read_and_reset(
    address: SocketAddr,
    request: &[u8],
    wanted: usize,
    buffer: u32,
) -> io::Result<usize> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(buffer)?;
    let mut stream = socket.connect(address).await?;
    stream.write_all(request).await?;
    let mut read = 0;
    while read < wanted {
        let mut bytes = vec![0; wanted - read];
        match stream.read(&mut bytes).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => read += more,
        }
    }
    stream.set_zero_linger()?;
    Ok(read)
}
