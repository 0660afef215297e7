//! One request, to see that a server answers what it should before it is measured.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

/// The most bytes that are read of an answer.
const MAX_BODY: usize = 64 * 1024;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The body of the answer to a GET request. Anything but a 200 within ten seconds is an error.
pub(crate) async fn get(url: &str) -> Result<Bytes> {
    tokio::time::timeout(PATIENCE, fetch(url))
        .await
        .map_err(|_| anyhow!("no answer within {PATIENCE:?}"))
        .flatten()
        .with_context(|| format!("GET {url}"))
}

async fn fetch(url: &str) -> Result<Bytes> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let response = client.get(url.parse()?).await?;
    ensure!(
        response.status() == 200,
        "the answer is {}",
        response.status()
    );
    let body = Limited::new(response.into_body(), MAX_BODY)
        .collect()
        .await
        .map_err(|error| anyhow!(error))?;
    Ok(body.to_bytes())
}
