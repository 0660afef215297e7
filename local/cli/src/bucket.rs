//! `cargo xtask bucket`.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use spinreel_bucket::{Bucket, Options};

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
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let bucket = Bucket::start(Options {
        dir: arguments.dir,
        listen: arguments.listen,
        buckets: arguments.buckets.clone(),
    })
    .await?;
    println!(
        "Buckets {} at http://{}",
        arguments.buckets.join(", "),
        bucket.address()
    );
    stopped().await?;
    bucket.shutdown().await;
    Ok(())
}
