//! What must be there after a start, compared with what clients were told.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use http::Method;
use spinreel_tests::bucket::BucketClient;
use spinreel_tests::upkeep;

use super::client::{Client, Content, Known};
use super::site::{Account, Site};

/// Downloads at a time.
const DOWNLOADS: usize = 8;

/// Sweeps, while nobody else asks for anything, and compares: files, their bytes, quota, catalogue and bucket. What a
/// client was not told, it knows afterwards.
pub(super) async fn check(
    site: &Site,
    bucket: &BucketClient,
    admin: &Account,
    accounts: &[Account],
    clients: &mut [Client],
    every_byte: bool,
) {
    let post = |path: &str| site.request(Method::POST, path, admin);
    upkeep::sweep_clean(post).await;
    let mut objects = BTreeSet::new();
    for (number, account) in accounts.iter().enumerate() {
        let own = clients
            .iter_mut()
            .filter(|client| client.account == number)
            .collect();
        let files = check_account(site, account, own, every_byte).await;
        objects.extend(files);
    }
    let in_bucket: BTreeSet<String> = bucket.names().await.into_iter().collect();
    assert_eq!(in_bucket, objects, "objects and files differ");
    let findings = upkeep::reconcile(post, false).await;
    assert!(findings.is_empty(), "{findings:#?}");
}

/// Compares one account; gives the names of its objects.
async fn check_account(
    site: &Site,
    account: &Account,
    mut clients: Vec<&mut Client>,
    every_byte: bool,
) -> BTreeSet<String> {
    let status = site.status(account).await;
    let sum: u64 = status.files.iter().map(|file| file.size).sum();
    assert_eq!(status.used_storage as u64, sum, "{}", account.username);
    let mut unexplained: BTreeMap<String, u64> = status
        .files
        .iter()
        .map(|file| (file.filename.clone(), file.size))
        .collect();
    let objects = unexplained.keys().cloned().collect();
    let mut to_compare = Vec::new();
    for client in &mut clients {
        let changed = std::mem::take(&mut client.changed);
        for (name, known) in &mut client.names {
            let found = unexplained.remove(&format!("{}/{name}", account.username));
            *known = resolved(name, *known, found);
            if let Known::Stored(content) = *known
                && (every_byte || changed.contains(name))
            {
                to_compare.push((name.clone(), content));
            }
        }
    }
    assert!(unexplained.is_empty(), "nobody uploaded {unexplained:?}");
    compare(site, account, &status.files, to_compare).await;
    objects
}

/// What is true of a name, given what a client knew of it and the size that the status lists.
fn resolved(name: &str, known: Known, found: Option<u64>) -> Known {
    match (known, found) {
        (Known::Absent | Known::Perhaps(_), None) => Known::Absent,
        (Known::Stored(content) | Known::Perhaps(content), Some(size)) => {
            assert_eq!(size, content.size(), "{name}: the size is wrong");
            Known::Stored(content)
        }
        (Known::Absent, Some(_)) => panic!("{name} was deleted, or never stored, and is listed"),
        (Known::Stored(_), None) => panic!("{name} was acknowledged and is lost"),
    }
}

/// Holds the catalogue against the files, and bytes against what was uploaded.
async fn compare(
    site: &Site,
    account: &Account,
    files: &[spinreel_api::storage::StoredFile],
    to_compare: Vec<(String, Content)>,
) {
    let videos = site.videos(account).await;
    let in_catalogue: BTreeMap<String, u64> = videos
        .iter()
        .map(|video| {
            let filename = format!("{}/{}", account.username, video.filename);
            (filename, video.size)
        })
        .collect();
    let in_storage: BTreeMap<String, u64> = files
        .iter()
        .map(|file| (file.filename.clone(), file.size))
        .collect();
    assert_eq!(in_catalogue, in_storage, "catalogue and files differ");
    assert_eq!(videos.len(), files.len(), "a file is two videos");
    let links: BTreeMap<&str, &str> = videos
        .iter()
        .map(|video| (video.filename.as_str(), video.links.content.as_str()))
        .collect();
    futures::stream::iter(to_compare)
        .for_each_concurrent(DOWNLOADS, |(name, content)| {
            let path = links[name.as_str()];
            async move {
                let reply = site.get(path, account).await;
                assert!(reply.body == content.bytes(), "{name}: the bytes differ");
            }
        })
        .await;
}
