//! Who the client is, where there are proxies in front.

use http::{HeaderValue, Method};
use serde_json::{Value, json};
use spinreel_tests::{App, Reply, eventually};

/// The address that the audit trail has of a sign-in with these lines of `X-Forwarded-For`; `null` where it has none.
async fn noted(app: &App, id: &str, lines: &[&[u8]]) -> Value {
    let mut request = app
        .request(Method::POST, "/v1/sessions")
        .header("x-request-id", id)
        .json(&json!({"email": format!("{id}@example.com"), "password": "a wrong guess"}));
    for line in lines {
        request = request.header("x-forwarded-for", HeaderValue::from_bytes(line).unwrap());
    }
    assert_eq!(Reply::to(request).await.status, 401);
    let admin = app.with_admin().await;
    let path = format!("/v1/logs?request_id={id}&action=session.failed");
    let line = eventually("the line", || async {
        let page: Value = admin.read(&path).await;
        page["items"].get(0).cloned()
    })
    .await;
    line["fields"]["client.address"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_whom_the_outermost_proxy_saw_however_that_is_written() {
    let app = App::builder()
        .variable("trusted_proxies", "2")
        .start()
        .await;
    let cases: [(&[&[u8]], Value); 8] = [
        (&[b"203.0.113.9:4711, 192.0.2.1"], json!("203.0.113.9")),
        (&[b"[2001:db8::1]:80, 192.0.2.1"], json!("2001:db8::1")),
        (&[b"fe80::1%eth0, 192.0.2.1:80"], json!("fe80::1")),
        (
            &[b"198.51.100.1", b"203.0.113.9", b"192.0.2.1"],
            json!("203.0.113.9"),
        ),
        // What is no address, and no text, is an entry all the same.
        (&[b"198.51.100.1, \xff\xfe, 192.0.2.1"], Value::Null),
        (&[b"198.51.100.1", b"unknown, 192.0.2.1"], Value::Null),
        (
            &[b"\xff\xfe", b"203.0.113.10:1, \xff"],
            json!("203.0.113.10"),
        ),
        // It came round the proxies.
        (&[b"203.0.113.9"], json!("127.0.0.1")),
    ];
    for (number, (lines, expected)) in cases.into_iter().enumerate() {
        let found = noted(&app, &format!("from-{number}"), lines).await;
        assert_eq!(found, expected, "{number}");
    }
}
