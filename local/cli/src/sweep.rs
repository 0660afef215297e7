//! `cargo xtask sweep` and `cargo xtask reconcile`: what operators ask of storage-service, page after page.

use anyhow::{Context, Result, bail};
use reqwest::{Client, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use spinreel_api::accounts::Tokens;
use spinreel_api::operations::{Reconcile, Reconciled, Sweep, Swept};

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
    /// Nobody else is using it, so that leases of two minutes need not be waited for.
    #[arg(long)]
    offline: bool,
}

#[derive(clap::Args)]
pub(crate) struct SweepArguments {
    #[command(flatten)]
    installation: Installation,
}

#[derive(clap::Args)]
pub(crate) struct ReconcileArguments {
    #[command(flatten)]
    installation: Installation,
    /// Puts right what can be put right.
    #[arg(long)]
    repair: bool,
}

/// Brings to its end what was left half-done, for all users.
pub(crate) async fn sweep(arguments: SweepArguments) -> Result<()> {
    let admin = Admin::sign_in(arguments.installation).await?;
    let mut sums = [0; 4];
    let mut cursor = None;
    loop {
        let request = Sweep {
            cursor,
            offline: admin.offline,
        };
        let swept: Swept = admin.post("/internal/storage/sweep", &request).await?;
        let page = [swept.users, swept.settled, swept.recounted, swept.pending];
        for (sum, number) in sums.iter_mut().zip(page) {
            *sum += number;
        }
        cursor = swept.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let [users, settled, recounted, pending] = sums;
    println!(
        "{users} users: {settled} operations settled, {recounted} recounts, {pending} pending"
    );
    Ok(())
}

/// Compares what the store says with what the bucket holds, and prints what differs.
pub(crate) async fn reconcile(arguments: ReconcileArguments) -> Result<()> {
    let admin = Admin::sign_in(arguments.installation).await?;
    let (mut checked, mut found, mut repaired) = (0, 0, 0);
    let mut cursor = None;
    loop {
        let request = Reconcile {
            cursor,
            repair: arguments.repair,
            offline: admin.offline,
        };
        let page: Reconciled = admin.post("/internal/storage/reconcile", &request).await?;
        checked += page.checked;
        for finding in page.findings {
            found += 1;
            repaired += u64::from(finding.repaired);
            println!("{}", serde_json::to_string(&finding)?);
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    println!("{checked} files and objects: {found} differences, {repaired} repaired");
    Ok(())
}

/// A signed-in admin.
struct Admin {
    client: Client,
    url: Url,
    token: String,
    offline: bool,
}

impl Admin {
    async fn sign_in(installation: Installation) -> Result<Self> {
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
            offline: installation.offline,
        })
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
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
