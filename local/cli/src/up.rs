//! `cargo xtask up`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use spinreel_bucket::{Access, Bucket, Options as BucketOptions};
use spinreel_host::{Host, Options, Profile};

use crate::{secret, stopped, tick};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// The folder for stores, objects and logs.
    #[arg(long, default_value = ".spinreel")]
    state_dir: PathBuf,
    /// Sets a variable of the application; may be given several times.
    #[arg(long = "variable", value_name = "NAME=VALUE", value_parser = parse_variable)]
    variables: Vec<(String, String)>,
    /// The manifest.
    #[arg(long, default_value = "spin.toml")]
    manifest: PathBuf,
    /// Where the embedded bucket listens; any free port where not given.
    #[arg(long, default_value = "127.0.0.1:0")]
    bucket_listen: SocketAddr,
    /// The embedded bucket answers nobody without credentials; storage-service gets some.
    #[arg(long)]
    require_credentials: bool,
    /// Is never faster or more patient than Spin is: one durable write at a time in a store, 0.8 ms each.
    #[arg(long)]
    as_spin: bool,
    /// Prints nothing but errors.
    #[arg(long)]
    quiet: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let mut variables: BTreeMap<String, String> = arguments.variables.into_iter().collect();
    // Only who has credentials can sign what clients are redirected to.
    let strict = arguments.require_credentials
        || variables.get("delivery").map(String::as_str) == Some("redirect");
    let bucket = embedded_bucket(
        &mut variables,
        &arguments.state_dir,
        arguments.bucket_listen,
        strict,
    )
    .await?;
    if !is_set(&variables, "service_secret") {
        let secret = secret::kept(&arguments.state_dir)?;
        variables.insert("service_secret".to_owned(), secret);
    }
    let ticked_with = value(&variables, "service_secret");
    let options = Options {
        listen: arguments.listen,
        variables,
        log_to_stderr: !arguments.quiet,
        profile: match arguments.as_spin {
            true => Profile::AsSpin,
            false => Profile::Ordinary,
        },
        ..Options::new(arguments.manifest, &arguments.state_dir)
    };
    let host = Host::start(options).await?;
    if !arguments.quiet {
        announce(&host, bucket.as_ref(), &arguments.state_dir);
    }
    until_stopped(host.address(), ticked_with).await?;
    host.shutdown().await;
    if let Some(bucket) = bucket {
        bucket.shutdown().await;
    }
    Ok(())
}

/// Waits until the program is to end, and has what is due done meanwhile.
async fn until_stopped(address: SocketAddr, ticked_with: Option<String>) -> Result<()> {
    let ticks = async {
        if let Some(secret) = ticked_with
            && let Err(error) = tick::run(address, &secret).await
        {
            tracing::warn!(%error, "what is due is done only when requests come");
        }
        std::future::pending().await
    };
    tokio::select! {
        stopped = stopped() => stopped,
        never = ticks => never,
    }
}

/// Starts the embedded bucket, unless the variables name another one.
async fn embedded_bucket(
    variables: &mut BTreeMap<String, String>,
    state_dir: &std::path::Path,
    listen: SocketAddr,
    strict: bool,
) -> Result<Option<Bucket>> {
    if is_set(variables, "gcs_endpoint") {
        return Ok(None);
    }
    let name = value(variables, "gcs_bucket").unwrap_or_else(|| "spinreel".to_owned());
    let access = match strict {
        true => Access::ServiceAccount { key: None },
        false => Access::Open,
    };
    // Whose scripts may call the application may send to the bucket, and play from it, too.
    let origins = value(variables, "cors_origins").unwrap_or_default();
    let origins = origins.split(',').map(str::trim);
    let options = BucketOptions {
        access,
        cors_origins: origins
            .filter(|one| !one.is_empty())
            .map(str::to_owned)
            .collect(),
        ..BucketOptions::new(state_dir.join("bucket"), listen, [name])
    };
    let bucket = Bucket::start(options)
        .await
        .context("the embedded bucket did not start")?;
    if let Some(key) = bucket.service_account_key() {
        variables.insert("gcs_credentials".to_owned(), key.to_owned());
    }
    let endpoint = format!("http://{}", bucket.address());
    variables.insert("gcs_endpoint".to_owned(), endpoint);
    Ok(Some(bucket))
}

fn is_set(variables: &BTreeMap<String, String>, name: &str) -> bool {
    variables.contains_key(name) || std::env::var_os(in_environment(name)).is_some()
}

fn value(variables: &BTreeMap<String, String>, name: &str) -> Option<String> {
    let given = variables.get(name).cloned();
    given.or_else(|| std::env::var(in_environment(name)).ok())
}

fn in_environment(name: &str) -> String {
    format!("SPIN_VARIABLE_{}", name.to_uppercase())
}

fn parse_variable(text: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => bail!("a variable is set by NAME=VALUE"),
    }
}

fn announce(host: &Host, bucket: Option<&Bucket>, state_dir: &std::path::Path) {
    println!("Spinreel is up at http://{}", host.address());
    if let Some(bucket) = bucket {
        println!("  bucket  http://{}", bucket.address());
    }
    println!("  state   {}", state_dir.display());
    println!("  routes");
    for route in host.routes() {
        let pattern = route.pattern.as_deref().unwrap_or("(private)");
        println!("    {pattern:<28} {}", route.component);
    }
    println!("Ctrl-C ends it.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_needs_a_name_and_may_have_an_equals_sign_in_its_value() {
        assert_eq!(
            parse_variable("a=b=c").ok(),
            Some(("a".to_owned(), "b=c".to_owned()))
        );
        assert!(parse_variable("=b").is_err());
        assert!(parse_variable("a").is_err());
    }
}
