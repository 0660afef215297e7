//! `Content-Encoding`: nothing here decodes a body (RFC 9110, section 15.5.16).

use http::{Method, StatusCode};
use serde_json::json;
use spinreel_tests::{App, Form, Reply};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coded_bodies_are_refused_everywhere_and_the_answer_says_what_is_taken() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let wish =
        json!({"email": "ada@example.com", "password": "correct horse battery", "username": "ada"});
    for coding in ["gzip", "identity, br", "something"] {
        for (method, path) in [
            (Method::POST, "/v1/users"),
            (Method::POST, "/v1/sessions"),
            (Method::PATCH, "/v1/users/me"),
            (Method::POST, "/internal/sweep"),
            (Method::POST, "/internal/usage/sweep"),
            (Method::POST, "/internal/storage/sweep"),
        ] {
            let request = admin.request(method, path).json(&wish);
            let reply = Reply::to(request.header("content-encoding", coding)).await;
            let problem = (415, "unsupported_content_coding".to_owned());
            assert_eq!(reply.problem(), problem, "{path} {coding}");
            assert_eq!(reply.header("accept-encoding"), "identity");
        }
        let form = Form::of_file("clip.mp4", b"bytes");
        let upload = user
            .request(Method::POST, "/upload")
            .header("content-type", form.content_type())
            .body(form.into_body());
        let deletion = user.request(Method::DELETE, "/delete-file").json(&wish);
        for request in [upload, deletion] {
            let reply = Reply::to(request.header("content-encoding", coding)).await;
            let error = "{\"error\":\"The body must not have a Content-Encoding.\"}";
            assert_eq!(reply.seen(), (415, error), "{coding}");
            assert_eq!(reply.header("accept-encoding"), "identity");
        }
    }
    assert!(user.status().await.files.is_empty());

    let request = app.request(Method::POST, "/v1/users").json(&wish);
    let reply = Reply::to(request.header("content-encoding", "identity")).await;
    reply.expect(StatusCode::CREATED);
    // Who may not ask at all hears that first.
    let request = app.request(Method::PATCH, "/v1/users/me").json(&wish);
    let reply = Reply::to(request.header("content-encoding", "gzip")).await;
    assert_eq!(reply.status, 401);
}
