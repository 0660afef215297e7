//! The process is killed, at any moment and again and again: nothing that was acknowledged is missing, nothing that
//! was deleted comes back, and the quota is what the files are.

mod check;
mod client;
mod site;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::join_all;
use spinreel_tests::bucket::{BucketClient, TestBucket};
use spinreel_tests::{ADMIN_EMAIL, ADMIN_PASSWORD, Dice, Form, Program, Reply};
use tempfile::TempDir;

use check::check;
use client::{Client, Known};
use site::{Account, Site};

const ROUNDS: u32 = 50;
const CLIENTS: usize = 32;
const ACCOUNTS: usize = 4;
/// After every so many rounds all bytes are compared, else those of files that changed.
const EVERY_BYTE: u32 = 10;
/// More than all clients can store, in bytes.
const AMPLE: u64 = 1 << 40;
/// The room that is left for the last upload, in bytes.
const LAST: usize = 1_000;

/// The process and its bucket.
struct Running {
    program: Program,
    site: Site,
    bucket: BucketClient,
    /// A bucket that is not killed with the program.
    survivor: Option<TestBucket>,
}

impl Running {
    /// Starts it on the state that the last one left; every other time with a bucket of its own process, which
    /// survives.
    async fn start(folder: &Path, bucket_survives: bool, storage_limit: u64) -> Self {
        let mut variables = vec![
            ("storage_limit_bytes", storage_limit.to_string()),
            ("bandwidth_limit_bytes", AMPLE.to_string()),
            ("admin_email", ADMIN_EMAIL.to_owned()),
            ("admin_password", ADMIN_PASSWORD.to_owned()),
            ("password_hashes_per_second", "1000".to_owned()),
        ];
        let objects: PathBuf = folder.join("bucket");
        let survivor = match bucket_survives {
            true => Some(TestBucket::start_as_it_was(&objects).await),
            false => None,
        };
        if let Some(bucket) = &survivor {
            let key = bucket.key().unwrap_or_default().to_owned();
            variables.push(("gcs_endpoint", bucket.origin().to_owned()));
            variables.push(("gcs_credentials", key));
        }
        let program = Program::start(folder, &variables).await;
        // The bucket inside asks nobody who it is.
        let (origin, key) = match &survivor {
            Some(bucket) => (bucket.origin(), bucket.key()),
            None => (program.bucket().expect("a bucket inside"), None),
        };
        Self {
            site: Site::new(&program),
            bucket: BucketClient::new(origin.to_owned(), key),
            program,
            survivor,
        }
    }

    /// Kills the program, and stops the bucket that survived it when that has finished what it was asked for.
    async fn kill(mut self) {
        self.program.kill().await;
        if let Some(bucket) = self.survivor {
            bucket.stop().await;
        }
    }

    /// All clients at once, until the program is killed under them after `time`.
    async fn kill_under_load(
        self,
        accounts: &[Account],
        clients: &mut [Client],
        dice: &mut Dice,
        time: Duration,
    ) {
        let killed = AtomicBool::new(false);
        let site = self.site.clone();
        let work = clients.iter_mut().map(|client| {
            let account = &accounts[client.account];
            client.work(&site, account, dice.split(), &killed)
        });
        let kill = async {
            tokio::time::sleep(time).await;
            killed.store(true, Ordering::SeqCst);
            self.kill().await;
        };
        futures::future::join(join_all(work), kill).await;
    }
}

/// The seed of this run: it repeats the choices, though not the moments.
fn seed() -> u64 {
    let given = std::env::var("FULL_STOP_SEED").ok();
    given.and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        now.as_nanos() as u64
    })
}

/// How many requests were answered, and how many were to be repeated later.
fn totals(clients: &[Client]) -> (u64, u64) {
    clients.iter().fold((0, 0), |(answered, put_off), client| {
        (answered + client.answered, put_off + client.put_off)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_no_quota_leaks_however_often_the_process_is_killed() {
    let seed = seed();
    println!("FULL_STOP_SEED={seed}");
    let mut dice = Dice::new(seed);
    let folder = TempDir::new().unwrap();
    let mut clients: Vec<Client> = (0..CLIENTS)
        .map(|number| Client::new(number, ACCOUNTS))
        .collect();
    let mut running = Running::start(folder.path(), false, AMPLE).await;
    let admin = running.site.admin().await;
    let mut accounts = Vec::new();
    for number in 0..ACCOUNTS {
        accounts.push(running.site.sign_up(&format!("user-{number}")).await);
    }
    for round in 1..=ROUNDS {
        let time = Duration::from_millis(dice.within(200..1_500));
        running
            .kill_under_load(&accounts, &mut clients, &mut dice, time)
            .await;
        let (answered, put_off) = totals(&clients);
        println!("round {round}: killed after {time:?}, {answered} answers, {put_off} put off");
        running = Running::start(folder.path(), round % 2 == 1, AMPLE).await;
        let every_byte = round % EVERY_BYTE == 0;
        let (site, bucket) = (&running.site, &running.bucket);
        check(site, bucket, &admin, &accounts, &mut clients, every_byte).await;
    }
    let (answered, put_off) = totals(&clients);
    assert!(answered > u64::from(ROUNDS), "there was no load");
    assert!(put_off < answered / 10, "{put_off} of {answered} put off");

    // The quota of the first user, to the byte.
    let used = running.site.status(&accounts[0]).await.used_storage as u64;
    running.kill().await;
    let limit = used + LAST as u64;
    let running = Running::start(folder.path(), false, limit).await;
    let site = &running.site;
    for (size, expected) in [(LAST + 1, 403), (LAST, 200)] {
        let form = Form::of_file("last.mp4", &vec![b'x'; size]);
        let request = site
            .request(http::Method::POST, "/upload", &accounts[0])
            .header("content-type", form.content_type())
            .body(form.into_body());
        let reply = Reply::to(request).await;
        assert_eq!(reply.status, expected, "{}", reply.text());
    }

    // And everything can go.
    for client in &mut clients {
        let account = &accounts[client.account];
        let waited = client::delete_all(site, account, client).await;
        if !waited.is_zero() {
            println!("waited {waited:?} for what a killed process had locked");
        }
        assert!(client.names.values().all(|known| *known == Known::Absent));
    }
    let request = site.request(http::Method::DELETE, "/delete-file", &accounts[0]);
    let last = Reply::to(request.json(&serde_json::json!({ "filename": "last.mp4" }))).await;
    assert_eq!(last.status, 200, "{}", last.text());
    check(
        site,
        &running.bucket,
        &admin,
        &accounts,
        &mut clients,
        false,
    )
    .await;
    assert!(running.bucket.names().await.is_empty());
    running.kill().await;
}
