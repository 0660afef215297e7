//! A log that goes away, in every way, and comes back: nobody has to wait for it, and what it missed is counted.

use std::time::{Duration, Instant};

use futures::future::join_all;
use http::{Method, StatusCode};
use spinreel_api::Page;
use spinreel_api::logs::LogEntry;
use spinreel_tests::{App, Behind, CLIP, Door, Form, Reply, User};

/// Much longer than an answer takes.
const AT_ONCE: Duration = Duration::from_secs(3);
/// Much longer than a service lets a log alone that was away.
const PATIENCE: Duration = Duration::from_secs(60);

/// The lines of storage-service: how many arrived, and how many are said to be lost.
async fn lines(admin: &User<'_>) -> (usize, usize) {
    let page: Page<LogEntry> = admin
        .read("/v1/logs?service=storage-service&limit=200")
        .await;
    let (told, arrived): (Vec<_>, Vec<_>) = page
        .items
        .iter()
        .partition(|line| line.action == "logs.lost");
    assert!(told.iter().all(|line| line.user_id.is_none()), "{told:?}");
    let counts = told
        .iter()
        .map(|line| line.fields["logs.lost_count"].as_u64().unwrap() as usize);
    (arrived.len(), counts.sum())
}

/// Asks for the status, which is one line in the log.
async fn ask(user: &User<'_>) {
    let began = Instant::now();
    let request = user.request(Method::GET, "/storage-status");
    Reply::to(request).await.expect(StatusCode::OK);
    let took = began.elapsed();
    assert!(took < AT_ONCE, "an answer took {took:?}");
}

async fn nobody_waits_and_what_is_lost_is_told(behind: Behind) {
    let mut door = Door::new().await;
    let app = App::builder()
        .variable("logging_service_url", &door.origin())
        .variable("log_wait_ms", "250")
        .start()
        .await;
    door.put(Behind::Server(app.address())).await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    ask(&user).await;

    door.put(behind).await;
    for _ in 0..5 {
        ask(&user).await;
    }
    join_all((0..10).map(|_| ask(&user))).await;
    // Lines are handed over after the answers.
    app.idle().await;
    // One for each status.
    let mut logged = 1 + 5 + 10;

    door.put(Behind::Server(app.address())).await;
    let began = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (arrived, told) = lines(&admin).await;
        assert!(
            arrived <= logged && told <= logged,
            "{arrived} and {told} of {logged} lines"
        );
        // A line that the log took after nobody waited for it any more is told as lost, too.
        if told > 0 && arrived + told >= logged {
            break;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{arrived} and {told} of {logged} lines"
        );
        ask(&user).await;
        logged += 1;
    }
    // And all is as before.
    let (arrived, told) = lines(&admin).await;
    ask(&user).await;
    let line = spinreel_tests::eventually("lines arrive again", || async {
        let lines = lines(&admin).await;
        (lines.0 > arrived).then_some(lines)
    })
    .await;
    assert_eq!(line, (arrived + 1, told));

    // An upload, which hands over the lines of three services, does not wait either.
    door.put(behind).await;
    let began = Instant::now();
    let form = Form::of_file("clip.mp4", CLIP);
    user.upload_form(form).await.expect(StatusCode::OK);
    let took = began.elapsed();
    assert!(took < AT_ONCE, "an upload took {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_nobody_runs_is_in_nobodys_way() {
    nobody_waits_and_what_is_lost_is_told(Behind::Nobody).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_answers_with_errors_is_in_nobodys_way() {
    nobody_waits_and_what_is_lost_is_told(Behind::Broken).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_never_answers_is_in_nobodys_way() {
    nobody_waits_and_what_is_lost_is_told(Behind::Silent).await;
}
