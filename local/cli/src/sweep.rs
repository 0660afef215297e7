//! `cargo xtask sweep` and `cargo xtask reconcile`: what operators ask for, page after page.

use anyhow::Result;
use spinreel_api::operations::{
    Reconcile, Reconciled, SweepAll, Swept, SweptAll, SweptUsage, SweptUsers,
};

use crate::admin::{Admin, Installation};

#[derive(clap::Args)]
pub(crate) struct SweepArguments {
    #[command(flatten)]
    installation: Installation,
    /// Nobody else is using it, so that leases of two minutes need not be waited for.
    #[arg(long)]
    offline: bool,
}

#[derive(clap::Args)]
pub(crate) struct ReconcileArguments {
    #[command(flatten)]
    installation: Installation,
    /// Nobody else is using it, so that leases of two minutes need not be waited for.
    #[arg(long)]
    offline: bool,
    /// Puts right what can be put right.
    #[arg(long)]
    repair: bool,
    /// Repairs also where more than three, and more than 5 %, of a user's files would be removed.
    #[arg(long, requires = "repair")]
    force: bool,
}

/// Does what is due in all services, a page at a time, until nothing is left to look at.
pub(crate) async fn sweep(arguments: SweepArguments) -> Result<()> {
    let admin = Admin::sign_in(arguments.installation).await?;
    let mut request = SweepAll {
        from_start: true,
        cursor: None,
        offline: arguments.offline,
    };
    let (mut storage, mut users, mut usage) = (
        Swept::default(),
        SweptUsers::default(),
        SweptUsage::default(),
    );
    loop {
        let page: SweptAll = admin.post("/internal/sweep", &request).await?;
        storage.users += page.storage.users;
        storage.settled += page.storage.settled;
        storage.recounted += page.storage.recounted;
        storage.pending += page.storage.pending;
        users.finished += page.users.finished;
        users.pending += page.users.pending;
        usage.delivered += page.usage.delivered;
        usage.failed += page.usage.failed;
        usage.dropped += page.usage.dropped;
        if !page.more {
            break;
        }
        // A round of its own: a timer that sweeps at the same time takes none of its pages.
        request.cursor = page.next_cursor;
    }
    println!(
        "{} users: {} operations settled, {} recounts, {} pending",
        storage.users, storage.settled, storage.recounted, storage.pending
    );
    println!(
        "{} ended accounts removed, {} pending",
        users.finished, users.pending
    );
    println!(
        "{} alerts delivered, {} to be tried again, {} given up",
        usage.delivered, usage.failed, usage.dropped
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
            force: arguments.force,
            offline: arguments.offline,
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
