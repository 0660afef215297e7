//! What nobody's request does in time while an installation is idle: alerts that are to be sent again.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use reqwest::Client;
use spinreel_identity::{ServiceCall, ServiceSecret, sign_service};

/// How often, from the end of one tick to the beginning of the next.
const EVERY: Duration = Duration::from_secs(3);
/// How long a tick may take: usage-service spends half a minute at most.
const PATIENCE: Duration = Duration::from_secs(60);
const PATH: &str = "/internal/usage/sweep";

/// Asks usage-service again and again to send what is due to the webhook, until it is dropped. A tick that fails is
/// made up for by the next one.
pub(crate) async fn run(address: SocketAddr, secret: &str) -> Result<()> {
    let secret = ServiceSecret::new(secret)?;
    let client = Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let url = format!("http://{address}{PATH}");
    loop {
        tokio::time::sleep(EVERY).await;
        let call = ServiceCall {
            from: "usage-service",
            to: "usage-service",
            method: "POST",
            path: PATH,
            user_id: None,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let token = sign_service(&secret, &call, now);
        match client.post(&url).bearer_auth(token).send().await {
            Ok(response) => tracing::debug!(status = %response.status(), "ticked"),
            Err(error) => tracing::debug!(%error, "a tick failed"),
        }
    }
}
