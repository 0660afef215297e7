//! Requests that no HTTP library would send: cut off, or made by hand.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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
