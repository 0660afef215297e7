//! The sweep and the reconciliation, to their ends.

use http::StatusCode;
use reqwest::RequestBuilder;
use serde::Deserialize;
use serde_json::json;
use spinreel_api::operations::Swept;

use crate::reply::Reply;

/// How often the sweep goes through all users before a test calls what is pending stuck.
const PASSES: u32 = 10;
/// More pages than any test's users or objects fill.
const PAGES: u32 = 1_000;

/// A difference between files, counters and the bucket, with the words that are on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Finding {
    /// What it is, in a word.
    pub kind: String,
    /// Whose it is.
    pub user_id: Option<String>,
    /// The object's name.
    pub object: Option<String>,
    /// A sentence.
    pub detail: String,
    /// Whether it was repaired.
    pub repaired: bool,
}

#[derive(Debug, Deserialize)]
struct Reconciled {
    findings: Vec<Finding>,
    next_cursor: Option<String>,
}

/// Sweeps once through all users, a page at a time. `post` makes a request to a path with a token that may sweep;
/// `offline` vouches that no other request is running.
pub async fn sweep(post: impl Fn(&str) -> RequestBuilder, offline: bool) -> Swept {
    let mut sum = Swept::default();
    for _ in 0..PAGES {
        let body = json!({ "cursor": sum.next_cursor, "offline": offline });
        let request = post("/internal/storage/sweep").json(&body);
        let page: Swept = Reply::to(request).await.expect(StatusCode::OK).json();
        sum.users += page.users;
        sum.settled += page.settled;
        sum.recounted += page.recounted;
        sum.pending += page.pending;
        sum.next_cursor = page.next_cursor;
        if sum.next_cursor.is_none() {
            return sum;
        }
    }
    panic!("the sweep does not end");
}

/// Sweeps, while nothing else runs, until nothing is half-done.
pub async fn sweep_clean(post: impl Fn(&str) -> RequestBuilder) {
    let mut last = Swept::default();
    for _ in 0..PASSES {
        last = sweep(&post, true).await;
        if last.pending == 0 {
            return;
        }
    }
    panic!("the sweep leaves something half-done: {last:?}");
}

/// Compares everything, while nothing else runs, and gives all that was found.
pub async fn reconcile(post: impl Fn(&str) -> RequestBuilder, repair: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES {
        let body = json!({ "cursor": cursor, "repair": repair, "offline": true });
        let request = post("/internal/storage/reconcile").json(&body);
        let page: Reconciled = Reply::to(request).await.expect(StatusCode::OK).json();
        findings.extend(page.findings);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return findings;
        }
    }
    panic!("the reconciliation does not end");
}
