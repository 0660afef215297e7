//! `cargo xtask bucket`.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use spinreel_bucket::{Access, Bucket, Options};

use crate::stopped;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// The folder that holds the objects.
    #[arg(long, default_value = ".spinreel/bucket")]
    dir: PathBuf,
    /// A bucket to make; may be given several times.
    #[arg(long = "bucket", default_value = "spinreel")]
    buckets: Vec<String>,
    /// Lets nobody in without a token, a signed URL or the URL of an upload; the folder gets the key of a
    /// service account.
    #[arg(long)]
    require_credentials: bool,
    /// Makes requests fail as rules say that are sent to /_spinreel/faults.
    #[arg(long)]
    faults: bool,
    /// Answers 429 to a write of a name that was written less than a second before.
    #[arg(long)]
    one_write_a_second: bool,
    /// The CORS configuration: an origin whose scripts signed URLs are for, or `*`; may be given several times.
    #[arg(long = "cors-origin")]
    cors_origins: Vec<String>,
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let access = if arguments.require_credentials {
        Access::ServiceAccount { key: None }
    } else {
        Access::Open
    };
    let bucket = Bucket::start(Options {
        access,
        faults: arguments.faults,
        one_write_a_second: arguments.one_write_a_second,
        cors_origins: arguments.cors_origins,
        ..Options::new(&arguments.dir, arguments.listen, &arguments.buckets)
    })
    .await?;
    println!(
        "Buckets {} at http://{}",
        arguments.buckets.join(", "),
        bucket.address()
    );
    if bucket.service_account_key().is_some() {
        let key = arguments.dir.join("service-account.json");
        println!("The key of the service account is {}", key.display());
    }
    stopped().await?;
    bucket.shutdown().await;
    Ok(())
}
