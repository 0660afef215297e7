//! Uploads and deletions, which wrk cannot send: as many clients as wrk has connections, each of a user of its own, and each
//! sending the next request when the last is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use http::Request;
use tokio::task::JoinSet;

use super::loads::UPLOAD;
use crate::application::User;
use crate::client::{Body, Client};
use crate::content::Content;
use crate::wrk::Round;

/// The clients.
pub(super) struct Clients {
    client: Client,
    uploaders: Vec<Uploader>,
}

/// A client.
struct Uploader {
    user: User,
    /// Uploads that were begun.
    begun: usize,
    /// Files that were uploaded and not yet deleted.
    files: Vec<String>,
}

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    Upload,
    Delete,
}

/// What clients measured.
#[derive(Default)]
struct Turns {
    microseconds: Vec<u64>,
    errors: u64,
}

impl Clients {
    /// A client for each of these users.
    pub(super) fn new(users: Vec<User>) -> Self {
        let uploader = |user| Uploader {
            user,
            begun: 0,
            files: Vec::new(),
        };
        Self {
            client: Client::new(),
            uploaders: users.into_iter().map(uploader).collect(),
        }
    }

    /// Uploads new files for so long.
    pub(super) async fn upload(&mut self, duration: Duration) -> Result<Round> {
        self.all(Task::Upload, duration).await
    }

    /// Deletes the files of the uploads for so long, or until one of the clients has none left.
    pub(super) async fn delete(&mut self, duration: Duration) -> Result<Round> {
        self.all(Task::Delete, duration).await
    }

    async fn all(&mut self, task: Task, duration: Duration) -> Result<Round> {
        let began = Instant::now();
        let over = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for mut uploader in std::mem::take(&mut self.uploaders) {
            let (client, over) = (self.client.clone(), over.clone());
            clients.spawn(async move {
                let mut turns = Turns::default();
                while !over.load(Ordering::Relaxed) && began.elapsed() < duration {
                    if !uploader.turn(task, &client, &mut turns).await? {
                        over.store(true, Ordering::Relaxed);
                    }
                }
                Ok::<_, anyhow::Error>((uploader, turns))
            });
        }
        let mut all = Turns::default();
        while let Some(client) = clients.join_next().await {
            let (uploader, turns) = client??;
            self.uploaders.push(uploader);
            all.microseconds.extend(turns.microseconds);
            all.errors += turns.errors;
        }
        Ok(all.round(began.elapsed()))
    }
}

impl Uploader {
    /// One request; false where there is nothing to do.
    async fn turn(&mut self, task: Task, client: &Client, turns: &mut Turns) -> Result<bool> {
        match task {
            Task::Upload => {
                let name = format!("upload-{}.mp4", self.begun);
                self.begun += 1;
                let request = self.user.upload(&name, &Content::new(UPLOAD))?;
                if turns.time(client, request).await {
                    self.files.push(name);
                }
            }
            Task::Delete => {
                let Some(name) = self.files.pop() else {
                    return Ok(false);
                };
                let request = self.user.delete(&name)?;
                turns.time(client, request).await;
            }
        }
        Ok(true)
    }
}

impl Turns {
    /// Sends a request; whether it was answered as it should be.
    async fn time(&mut self, client: &Client, request: Request<Body>) -> bool {
        let began = Instant::now();
        let answer = client.ask(request).await;
        let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.microseconds.push(took);
        self.errors += u64::from(answer.is_err());
        answer.is_ok()
    }

    fn round(mut self, took: Duration) -> Round {
        self.microseconds.sort_unstable();
        let percentile = |percent: usize| {
            let place = self.microseconds.len() * percent / 100;
            self.microseconds.get(place).copied().unwrap_or_default()
        };
        Round {
            requests: self.microseconds.len() as u64,
            microseconds: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            connection_errors: 0,
            status_errors: self.errors,
            latency_p50: percentile(50),
            latency_p99: percentile(99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_measured_is_a_round() {
        let turns = Turns {
            microseconds: (1..=200).rev().collect(),
            errors: 3,
        };
        let round = turns.round(Duration::from_secs(2));
        let expected = Round {
            requests: 200,
            microseconds: 2_000_000,
            connection_errors: 0,
            status_errors: 3,
            latency_p50: 101,
            latency_p99: 199,
        };
        assert_eq!(round, expected);
        let nothing = Turns::default().round(Duration::from_secs(1));
        assert_eq!((nothing.requests, nothing.latency_p99), (0, 0));
    }
}
