//! Whoever receives the application's webhooks.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// Method and path, as in the request's first line.
    pub target: String,
    /// The headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

impl Received {
    /// A header, which must be there.
    pub fn header(&self, name: &str) -> &str {
        match self.headers.get(name) {
            Some(value) => value,
            None => panic!("no {name}: {self:?}"),
        }
    }
}

/// What a receiver does with a request, once it has all of it.
#[derive(Debug, Clone)]
pub enum Answer {
    /// It answers with this status.
    Status(u16),
    /// It answers 307, with this `Location`.
    Redirect(String),
    /// It answers 200, after so long.
    After(Duration),
}

/// A receiver at an address of its own, that answers 200 where it was told nothing else. Dropped, it is gone.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    listening: Mutex<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    received: Vec<Received>,
    script: VecDeque<Answer>,
}

impl Receiver {
    /// One that listens.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::default();
        let listening = Mutex::new(listen(listener, Arc::clone(&state)));
        Self {
            address,
            state,
            listening,
        }
    }

    /// Its origin.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it does with the next requests, before it answers 200 again.
    pub fn next(&self, answers: impl IntoIterator<Item = Answer>) {
        lock(&self.state).script.extend(answers);
    }

    /// What arrived, in order.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.state).received.clone()
    }

    /// Stops it: nobody listens there any more.
    pub async fn stop(&self) {
        let listening = std::mem::replace(&mut *lock(&self.listening), tokio::spawn(async {}));
        listening.abort();
        // The socket is closed once the task is gone.
        let _ = listening.await;
    }

    /// Lets it listen again, where it did.
    pub async fn start_again(&self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        *lock(&self.listening) = listen(listener, Arc::clone(&self.state));
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        lock(&self.listening).abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen(listener: TcpListener, state: Arc<Mutex<State>>) -> JoinHandle<()> {
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&state)));
        }
    })
}

/// Answers one request, and hangs up.
async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let Some(request) = read(&mut stream).await else {
        return;
    };
    let answer = {
        let mut state = lock(&state);
        state.received.push(request);
        state.script.pop_front().unwrap_or(Answer::Status(200))
    };
    let (status, location) = match answer {
        Answer::Status(status) => (status, String::new()),
        Answer::Redirect(to) => (307, format!("location: {to}\r\n")),
        Answer::After(pause) => {
            tokio::time::sleep(pause).await;
            (200, String::new())
        }
    };
    let head = format!(
        "HTTP/1.1 {status} -\r\n{location}content-length: 2\r\nconnection: close\r\n\r\nok"
    );
    let _ = stream.write_all(head.as_bytes()).await;
}

/// Reads a request with a body of a known length.
async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).ok()?;
    let mut lines = head.lines();
    let target = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers.get("content-length")?.parse().ok()?;
    let mut body = bytes.split_off(head_end + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Received {
        target,
        headers,
        body: String::from_utf8(body).ok()?,
    })
}
