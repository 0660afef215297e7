//! What nobody's request does in time while an installation is idle: uploads that died, deletions of accounts, alerts that
//! are to be sent again.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use reqwest::Client;
use serde_json::Value;
use spinreel_identity::{ServiceCall, ServiceSecret, sign_service};

/// How often, from the end of one round to the beginning of the next.
const EVERY: Duration = Duration::from_secs(3);
/// How long a call may take: usage-service spends half a minute at most.
const PATIENCE: Duration = Duration::from_secs(60);
const PATH: &str = "/internal/sweep";

/// Has what is due done again and again, until it is dropped. A call that fails is made up for by the next one.
pub(crate) async fn run(address: SocketAddr, secret: &str) -> Result<()> {
    // As the services read it.
    let secret = ServiceSecret::new(secret.trim_end_matches(['\r', '\n']))?;
    let client = Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let url = format!("http://{address}{PATH}");
    loop {
        tokio::time::sleep(EVERY).await;
        while swept_with_more(&client, &url, &secret).await? {}
    }
}

/// Makes one call; whether the next is to follow at once.
async fn swept_with_more(client: &Client, url: &str, secret: &ServiceSecret) -> Result<bool> {
    let call = ServiceCall {
        from: "user-service",
        to: "user-service",
        method: "POST",
        path: PATH,
        user_id: None,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let token = sign_service(secret, &call, now);
    match client.post(url).bearer_auth(token).send().await {
        Ok(response) => {
            tracing::debug!(status = %response.status(), "swept");
            let answer: Value = response.json().await.unwrap_or_default();
            Ok(answer["more"] == true)
        }
        Err(error) => {
            tracing::debug!(%error, "a sweep failed");
            Ok(false)
        }
    }
}
