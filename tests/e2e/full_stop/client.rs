//! A client that uploads and deletes, and remembers what it was told.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::json;
use spinreel_tests::{Dice, Form, body};

use super::site::{Account, Site};

/// How many names a client uses: few, so that each is used again and again.
const NAMES: usize = 3;
/// The largest file, in bytes.
const LARGEST: u64 = 9 * 1024 * 1024;
/// Files from this size on go to the bucket in several requests.
const RESUMABLE: u64 = 4 * 1024 * 1024;
/// For how long what a killed process held may be locked, and then some.
const LONGEST_LOCK: Duration = Duration::from_secs(240);
const PAUSE: Duration = Duration::from_millis(100);
/// What a client sends that knows it will be refused.
const SMALL: Content = Content {
    offset: 0,
    size: 10_000,
};

/// What all files are cut from: no two stretches of it are alike.
static POOL: LazyLock<Bytes> = LazyLock::new(|| {
    let pieces: Vec<Bytes> = body::pieces(2 * LARGEST).collect();
    Bytes::from(pieces.concat())
});

/// A file's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Content {
    offset: usize,
    size: usize,
}

impl Content {
    fn any(dice: &mut Dice) -> Self {
        let size = match dice.index(10) {
            0..=5 => dice.within(10_000..300_000),
            6..=7 => dice.within(300_000..RESUMABLE),
            _ => dice.within(RESUMABLE..LARGEST),
        };
        Self {
            offset: dice.within(0..LARGEST) as usize,
            size: size as usize,
        }
    }

    pub(super) fn size(self) -> u64 {
        self.size as u64
    }

    pub(super) fn bytes(self) -> Bytes {
        POOL.slice(self.offset..self.offset + self.size)
    }
}

/// What a client knows of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// There is no file: it never was, or its deletion was acknowledged.
    Absent,
    /// There is this file: its upload was acknowledged.
    Stored(Content),
    /// There is this file, whole, or none: an upload or a deletion of it was not answered.
    Perhaps(Content),
}

/// A client; no two have a name in common.
#[derive(Debug)]
pub(super) struct Client {
    /// Which account it uses.
    pub(super) account: usize,
    /// What it knows.
    pub(super) names: BTreeMap<String, Known>,
    /// Names whose files changed since they were last compared.
    pub(super) changed: Vec<String>,
    /// How often it was answered.
    pub(super) answered: u64,
    /// How often it was asked to come back later: what a killed process held may be locked for a while.
    pub(super) put_off: u64,
}

/// What came of a request.
enum Answer {
    Status(u16),
    /// None: the process is gone.
    None,
}

impl Client {
    pub(super) fn new(number: usize, accounts: usize) -> Self {
        let name = |index| format!("c{number}-{index}.mp4");
        Self {
            account: number % accounts,
            names: (0..NAMES)
                .map(|index| (name(index), Known::Absent))
                .collect(),
            changed: Vec::new(),
            answered: 0,
            put_off: 0,
        }
    }

    /// Uploads and deletes until the process is `killed`.
    pub(super) async fn work(
        &mut self,
        site: &Site,
        account: &Account,
        mut dice: Dice,
        killed: &AtomicBool,
    ) {
        loop {
            let (name, known) = self
                .names
                .iter_mut()
                .nth(dice.index(NAMES))
                .expect("a name");
            let (answer, done, doubtful, expected) = match *known {
                Known::Absent => {
                    let content = Content::any(&mut dice);
                    let answer = upload(site, account, name, content, dice.percent(25)).await;
                    (answer, Known::Stored(content), Known::Perhaps(content), 200)
                }
                Known::Stored(content) if dice.percent(70) => {
                    let answer = delete(site, account, name).await;
                    (answer, Known::Absent, Known::Perhaps(content), 200)
                }
                Known::Stored(content) => {
                    let answer = upload(site, account, name, SMALL, false).await;
                    let unchanged = Known::Stored(content);
                    (answer, unchanged, unchanged, 409)
                }
                Known::Perhaps(_) => {
                    // Not before somebody has looked what there is.
                    tokio::time::sleep(PAUSE).await;
                    if killed.load(Ordering::SeqCst) {
                        return;
                    }
                    continue;
                }
            };
            self.changed.push(name.clone());
            match answer {
                Answer::Status(503) if done == Known::Absent => {
                    *known = doubtful;
                    self.put_off += 1;
                }
                Answer::Status(status) => {
                    assert_eq!(status, expected, "{name} was {known:?}");
                    *known = done;
                    self.answered += 1;
                }
                Answer::None => {
                    assert!(
                        killed.load(Ordering::SeqCst),
                        "{name}, {known:?}: no answer from a process that lives"
                    );
                    *known = doubtful;
                    return;
                }
            }
        }
    }
}

/// Uploads a file; `unannounced`, without telling its length before.
async fn upload(
    site: &Site,
    account: &Account,
    name: &str,
    content: Content,
    unannounced: bool,
) -> Answer {
    let (content_type, before, after) = Form::around_file(name);
    let length = before.len() + content.size + after.len();
    let bytes = content.bytes();
    let pieces = (0..bytes.len())
        .step_by(body::PIECE as usize)
        .map(move |start| bytes.slice(start..bytes.len().min(start + body::PIECE as usize)));
    let all = std::iter::once(Bytes::from(before))
        .chain(pieces)
        .chain(std::iter::once(Bytes::from(after)));
    let stream = futures::stream::iter(all.map(Ok::<_, std::io::Error>));
    let mut request = site
        .request(Method::POST, "/upload", account)
        .header("content-type", content_type);
    if !unannounced {
        request = request.header("content-length", length);
    }
    answer(request.body(reqwest::Body::wrap_stream(stream))).await
}

/// Deletes all that a client has stored, as soon as that can be done; gives how long it had to wait.
pub(super) async fn delete_all(site: &Site, account: &Account, client: &mut Client) -> Duration {
    let mut waited = Duration::ZERO;
    for (name, known) in &mut client.names {
        let Known::Stored(_) = known else {
            continue;
        };
        loop {
            match delete(site, account, name).await {
                Answer::Status(200) => break,
                Answer::Status(503) if waited < LONGEST_LOCK => {
                    tokio::time::sleep(PAUSE).await;
                    waited += PAUSE;
                }
                Answer::Status(status) => panic!("{name} cannot be deleted: {status}"),
                Answer::None => panic!("{name}: no answer from a process that lives"),
            }
        }
        *known = Known::Absent;
    }
    waited
}

async fn delete(site: &Site, account: &Account, name: &str) -> Answer {
    let request = site.request(Method::DELETE, "/delete-file", account);
    answer(request.json(&json!({ "filename": name }))).await
}

/// The status is the answer: it is an acknowledgement even if the body does not arrive.
async fn answer(request: reqwest::RequestBuilder) -> Answer {
    match request.send().await {
        Ok(response) => {
            let status = response.status().as_u16();
            let _ = response.bytes().await;
            Answer::Status(status)
        }
        Err(_) => Answer::None,
    }
}
