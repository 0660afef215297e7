//! Small requests: their milliseconds, and how often they make the services call their stores.

use std::time::Instant;

use anyhow::Result;
use http::Request;
use spinreel_host::StoreCalls;
use tokio::task::JoinSet;

use super::{AT_A_TIME, LISTS, SMALL, TINY, UPLOADS};
use crate::application::{Application, User};
use crate::client::Body;
use crate::content::Content;
use crate::statistics::Samples;
use crate::step;

/// What requests of one kind cost.
#[derive(Default)]
pub(crate) struct Cost {
    /// Milliseconds until the whole answer was there, one number for each request.
    pub(crate) milliseconds: Vec<f64>,
    /// Store calls of each request, with what the services do after the answer.
    pub(crate) calls: Vec<StoreCalls>,
}

impl Cost {
    /// The milliseconds, as samples.
    pub(crate) fn latency(&self) -> Samples {
        self.milliseconds.iter().copied().collect()
    }

    /// Store calls of all stores, as samples.
    pub(crate) fn total_calls(&self) -> Samples {
        self.calls
            .iter()
            .map(|calls| calls.total() as f64)
            .collect()
    }

    /// Sends one request while nothing else is under way, and notes what it cost.
    pub(crate) async fn note(
        &mut self,
        application: &Application,
        request: Request<Body>,
    ) -> Result<()> {
        let before = application.settled().await?;
        let started = Instant::now();
        application.client.ask(request).await?;
        self.milliseconds
            .push(started.elapsed().as_secs_f64() * 1e3);
        self.calls.push(application.settled().await?.since(&before));
        Ok(())
    }
}

/// Small uploads one after another, and then the deletions of the same files.
pub(crate) async fn uploads_and_deletions(application: &Application) -> Result<(Cost, Cost)> {
    let user = application.sign_up("small").await?;
    let content = Content::new(SMALL);
    let name = |number: usize| format!("small-{number}.mp4");
    // The first requests find what they need not yet there: keys, the user's records.
    application
        .client
        .ask(user.upload("first.mp4", &content)?)
        .await?;
    application.client.ask(user.delete("first.mp4")?).await?;
    let (mut upload, mut deletion) = (Cost::default(), Cost::default());
    step("Uploading small files");
    for number in 0..UPLOADS {
        upload
            .note(application, user.upload(&name(number), &content)?)
            .await?;
    }
    step("Deleting them");
    for number in 0..UPLOADS {
        deletion
            .note(application, user.delete(&name(number))?)
            .await?;
    }
    Ok((upload, deletion))
}

/// Uploads tiny files, many at a time.
pub(crate) async fn fill(application: &Application, user: &User, files: usize) -> Result<()> {
    let content = Content::new(TINY);
    let mut uploads = JoinSet::new();
    for number in 0..files {
        if uploads.len() >= AT_A_TIME
            && let Some(uploaded) = uploads.join_next().await
        {
            uploaded??;
        }
        let client = application.client.clone();
        let request = user.upload(&format!("file-{number}.mp4"), &content)?;
        uploads.spawn(async move { client.ask(request).await.map(drop) });
    }
    while let Some(uploaded) = uploads.join_next().await {
        uploaded??;
    }
    application.settled().await.map(drop)
}

/// What the same request costs two users, asked in turns.
pub(crate) async fn alternating(
    application: &Application,
    users: [&User; 2],
    path: &str,
) -> Result<[Cost; 2]> {
    let mut costs = [Cost::default(), Cost::default()];
    for user in users {
        application.client.ask(user.get(path)?).await?;
    }
    for _ in 0..LISTS {
        for (cost, user) in costs.iter_mut().zip(users) {
            cost.note(application, user.get(path)?).await?;
        }
    }
    Ok(costs)
}
