//! `GET /v1/logs/tail`.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_tests::{App, Reply, User};

/// An event: its id and its data.
type Event = (String, String);

/// A reader of events.
struct Events {
    response: reqwest::Response,
    buffer: String,
}

impl Events {
    async fn of(admin: &User<'_>, query: &str, last_event_id: Option<&str>) -> Self {
        let mut request = admin.request(Method::GET, &format!("/v1/logs/tail?{query}"));
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let headers = response.headers();
        assert_eq!(headers["content-type"], "text/event-stream");
        assert_eq!(headers["cache-control"], "no-store");
        // Proxies that hold answers back until they are large must not.
        assert_eq!(headers["x-accel-buffering"], "no");
        let mut events = Self {
            response,
            buffer: String::new(),
        };
        // Where to go on, before anything has happened.
        let (_, data) = events.next_raw().await.expect("the first event");
        assert_eq!(data, "");
        events
    }

    /// The next event that shows something; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let event = self.next_raw().await?;
            if !event.1.is_empty() {
                return Some(event);
            }
        }
    }

    async fn next_raw(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.buffer.split_once("\n\n") {
                let member = |name: &str| -> String {
                    let lines = event.lines().filter_map(|line| line.strip_prefix(name));
                    lines.collect()
                };
                let event = (member("id: "), member("data: "));
                self.buffer = rest.to_owned();
                return Some(event);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(60), self.response.chunk());
            let chunk = chunk.await.expect("an event in a minute").ok()??;
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn next_message(&mut self) -> (String, String) {
        let (id, data) = self.next().await.expect("an event");
        let entry: Value = serde_json::from_str(&data).unwrap();
        (id, entry["message"].as_str().unwrap().to_owned())
    }
}

async fn say(app: &App, message: &str) {
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    let line = json!({
        "at": spinreel_api::Timestamp::from_ms(now.as_millis() as u64),
        "level": "info",
        "service": "usage-service",
        "action": "test.line",
        "message": message,
    });
    let services = ("usage-service", "logging-service");
    let request = app.as_service(services, Method::POST, "/v1/logs", None);
    assert_eq!(Reply::to(request.json(&json!([line]))).await.status, 202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_come_as_they_arrive_and_a_reader_that_comes_again_misses_none() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    say(&app, "before").await;
    let mut events = Events::of(&admin, "action=test.line", None).await;
    say(&app, "one").await;
    let (_, message) = events.next_message().await;
    assert_eq!(message, "one");
    say(&app, "two").await;
    let (id, message) = events.next_message().await;
    assert_eq!(message, "two");
    drop(events);
    for message in ["three", "four"] {
        say(&app, message).await;
    }
    let mut events = Events::of(&admin, "action=test.line", Some(&id)).await;
    say(&app, "five").await;
    for expected in ["three", "four", "five"] {
        assert_eq!(events.next_message().await.1, expected);
    }
    let mut from_the_beginning = Events::of(&admin, "action=test.line", Some("0-0")).await;
    for expected in ["before", "one", "two"] {
        assert_eq!(from_the_beginning.next_message().await.1, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tail_is_for_admins_and_ends_with_the_right_to_it() {
    let app = App::start().await;
    let (root, user) = (app.with_admin().await, app.with_user().await);
    let reply = user.get("/v1/logs/tail").await;
    assert_eq!(reply.problem(), (403, "forbidden".to_owned()));
    assert_eq!(app.get("/v1/logs/tail").await.status, 401);
    let request = root.request(Method::GET, "/v1/logs/tail");
    let reply = Reply::to(request.header("last-event-id", "last")).await;
    assert_eq!(reply.wrong_fields(), ["Last-Event-ID"]);

    let path = format!("/v1/users/{}", user.id);
    let change = root
        .request(Method::PATCH, &path)
        .json(&json!({ "role": "admin" }));
    Reply::to(change).await.expect(StatusCode::OK);
    let second = User::sign_in(&app, &user.email, User::PASSWORD).await;
    let mut events = Events::of(&second, "action=test.line", None).await;
    say(&app, "seen").await;
    assert_eq!(events.next_message().await.1, "seen");
    let change = root
        .request(Method::PATCH, &path)
        .json(&json!({ "role": "user" }));
    Reply::to(change).await.expect(StatusCode::OK);
    assert_eq!(events.next().await, None);
}
