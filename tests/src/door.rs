use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A door before a service: its address stays the same whatever is behind it.
#[derive(Debug)]
pub struct Door {
    address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
}

/// What is behind a [`Door`].
#[derive(Debug, Clone, Copy)]
pub enum Behind {
    /// Nobody: connections are refused.
    Nobody,
    /// A server that answers everything with status 500.
    Broken,
    /// A server that takes so long to answer everything with status 202 and `{}`.
    Slow(Duration),
    /// A server that accepts connections and never answers.
    Silent,
    /// The server at this address.
    Server(SocketAddr),
}

impl Door {
    /// A door with nobody behind it.
    pub async fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        Self {
            address: listener.local_addr().unwrap(),
            accepting: None,
        }
    }

    /// The door as a service's origin.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Puts something else behind the door. Connections that are open stay with what they found.
    pub async fn put(&mut self, behind: Behind) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            // The listener is gone when the task is.
            let _ = accepting.await;
        }
        if matches!(behind, Behind::Nobody) {
            return;
        }
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.accepting = Some(tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else {
                    continue;
                };
                // A connection that breaks is the client's affair.
                tokio::spawn(async move { serve(client, behind).await.ok() });
            }
        }));
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

async fn serve(mut client: TcpStream, behind: Behind) -> io::Result<()> {
    match behind {
        Behind::Nobody => Ok(()),
        Behind::Broken => {
            read_request(&mut client).await?;
            let answer =
                b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            client.write_all(answer).await
        }
        Behind::Slow(duration) => {
            read_request(&mut client).await?;
            tokio::time::sleep(duration).await;
            let answer =
                b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
            client.write_all(answer).await
        }
        Behind::Silent => {
            tokio::io::copy(&mut client, &mut tokio::io::sink()).await?;
            Ok(())
        }
        Behind::Server(address) => {
            let mut server = TcpStream::connect(address).await?;
            copy_bidirectional(&mut client, &mut server).await?;
            Ok(())
        }
    }
}

/// Reads a request whose length its head tells.
async fn read_request(client: &mut TcpStream) -> io::Result<()> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"))
                .and_then(|length| length.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Ok(());
            }
        }
        if client.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
