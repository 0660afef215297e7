//! An admin of an installation, over HTTP.

use anyhow::{Context, Result, bail};
use reqwest::{Client, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use spinreel_api::accounts::Tokens;

/// A running installation, and who asks.
#[derive(clap::Args)]
pub(crate) struct Installation {
    /// Where Spinreel is.
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: Url,
    /// The e-mail address of an admin.
    #[arg(long, env = "SPIN_VARIABLE_ADMIN_EMAIL")]
    email: String,
    /// The admin's password. On the command line others can read it: better set the variable.
    #[arg(long, env = "SPIN_VARIABLE_ADMIN_PASSWORD", hide_env_values = true)]
    password: String,
}

/// A signed-in admin.
pub(crate) struct Admin {
    client: Client,
    url: Url,
    token: String,
}

impl Admin {
    pub(crate) async fn sign_in(installation: Installation) -> Result<Self> {
        let client = Client::new();
        let credentials = json!({
            "email": installation.email,
            "password": installation.password,
        });
        let address = installation.url.join("/v1/sessions")?;
        let request = client.post(address).json(&credentials);
        let tokens: Tokens = answer(request).await.context("the sign-in failed")?;
        Ok(Self {
            client,
            url: installation.url,
            token: tokens.access_token,
        })
    }

    /// Posts JSON, and reads the answer's.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        let request = self.client.post(self.url.join(path)?);
        answer(request.bearer_auth(&self.token).json(body)).await
    }
}

async fn answer<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T> {
    let response = request.send().await?;
    let status = response.status();
    let body: Value = response.json().await.unwrap_or_default();
    if status != StatusCode::OK {
        let detail = body["detail"].as_str().unwrap_or_default();
        bail!("{status} {detail}");
    }
    Ok(serde_json::from_value(body)?)
}
