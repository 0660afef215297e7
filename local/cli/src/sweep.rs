//! `cargo xtask sweep` and `cargo xtask reconcile`: what operators ask for, page after page.

use anyhow::Result;
use spinreel_api::operations::{Reconcile, Reconciled, Sweep, Swept, SweptUsage, SweptUsers};

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
}

/// Brings to its end what was left half-done, for all users.
pub(crate) async fn sweep(arguments: SweepArguments) -> Result<()> {
    let admin = Admin::sign_in(arguments.installation).await?;
    let mut sums = [0; 4];
    let mut cursor = None;
    loop {
        let request = Sweep {
            cursor,
            offline: arguments.offline,
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
    sweep_accounts(&admin, arguments.offline).await?;
    sweep_alerts(&admin, arguments.offline).await
}

/// Sends what is due to the webhook, a few alerts at a time.
async fn sweep_alerts(admin: &Admin, offline: bool) -> Result<()> {
    let (mut delivered, mut failed, mut dropped) = (0, 0, 0);
    let request = Sweep {
        cursor: None,
        offline,
    };
    loop {
        let swept: SweptUsage = admin.post("/internal/usage/sweep", &request).await?;
        delivered += swept.delivered;
        failed += swept.failed;
        dropped += swept.dropped;
        if !swept.more {
            break;
        }
    }
    println!("{delivered} alerts delivered, {failed} to be tried again, {dropped} given up");
    Ok(())
}

/// Goes on with accounts that were ended, and whose files could not all be removed at once.
async fn sweep_accounts(admin: &Admin, offline: bool) -> Result<()> {
    let (mut finished, mut pending) = (0, 0);
    let mut request = Sweep {
        cursor: None,
        offline,
    };
    loop {
        let swept: SweptUsers = admin.post("/internal/users/sweep", &request).await?;
        finished += swept.finished;
        pending += swept.pending;
        request.cursor = swept.next_cursor;
        if request.cursor.is_none() {
            break;
        }
    }
    println!("{finished} ended accounts removed, {pending} pending");
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
