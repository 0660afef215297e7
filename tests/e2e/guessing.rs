//! Guesses at passwords.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_tests::{App, Reply, User};

async fn sign_in(app: &App, email: &str, password: &str) -> Reply {
    let credentials = json!({"email": email, "password": password});
    app.post("/v1/sessions", &credentials).await
}

/// Guesses until it is told to wait; gives the number of guesses that were looked at.
async fn guess_on(app: &App, email: &str) -> usize {
    for number in 0..20 {
        let reply = sign_in(app, email, &format!("wrong guess {number}")).await;
        match reply.problem() {
            (401, code) => assert_eq!(code, "invalid_credentials"),
            (429, code) => {
                assert_eq!(code, "too_many_attempts");
                return number;
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("guessing is not stopped");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_has_to_pause_whether_or_not_there_is_an_account() {
    let app = App::start().await;
    let user = app.with_user().await;
    let known = guess_on(&app, &user.email).await;
    let unknown = guess_on(&app, "nobody@example.com").await;
    assert_eq!(known, unknown);
    assert!((3..=10).contains(&known), "{known}");
    // Other accounts are nobody's guess.
    let other = app.with_user().await;
    sign_in(&app, &other.email, User::PASSWORD)
        .await
        .expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_who_guesses_does_not_lock_the_owner_out() {
    let app = App::start().await;
    let user = app.with_user().await;
    guess_on(&app, &user.email).await;
    user.upload("clip.mp4", b"bytes")
        .await
        .expect(StatusCode::OK);
    let refresh = json!({"refresh_token": user.refresh_token});
    let tokens: Value = app
        .post("/v1/sessions/refresh", &refresh)
        .await
        .expect(StatusCode::OK)
        .json();
    let request = app
        .request(Method::GET, "/v1/users/me")
        .bearer_auth(tokens["access_token"].as_str().unwrap());
    Reply::to(request).await.expect(StatusCode::OK);
    // And the pause ends.
    let reply = spinreel_tests::eventually("the pause ends", || async {
        let reply = sign_in(&app, &user.email, User::PASSWORD).await;
        (reply.status != 429).then_some(reply)
    })
    .await;
    reply.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_at_once_are_not_all_looked_at() {
    let app = App::start().await;
    let user = app.with_user().await;
    let guesses = (0..40).map(|number| {
        let (app, email) = (&app, &user.email);
        async move {
            sign_in(app, email, &format!("wrong guess {number}"))
                .await
                .status
        }
    });
    let statuses = futures::future::join_all(guesses).await;
    let looked_at = statuses.iter().filter(|status| **status == 401).count();
    assert!((1..=10).contains(&looked_at), "{looked_at}");
    assert!(statuses.iter().all(|status| matches!(status, 401 | 429)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_client_that_tries_many_accounts_has_to_pause_too() {
    let app = App::start().await;
    let mut stopped = None;
    for number in 0..150 {
        let email = format!("user-{number}@example.com");
        let reply = sign_in(&app, &email, "a common guess").await;
        if reply.status == 429 {
            stopped = Some(number);
            break;
        }
        assert_eq!(reply.status, 401);
    }
    let stopped = stopped.expect("guessing goes on for ever");
    assert!(stopped > 10, "{stopped}");
    // What a client says of itself does not help it.
    let credentials = json!({"email": "another@example.com", "password": "a common guess"});
    let request = app
        .request(Method::POST, "/v1/sessions")
        .header("x-forwarded-for", "198.51.100.7")
        .header("spin-client-addr", "198.51.100.7:80")
        .json(&credentials);
    assert_eq!(Reply::to(request).await.status, 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_password_of_ones_own_account_cannot_be_guessed_either() {
    let app = App::start().await;
    let user = app.with_user().await;
    let mut codes = Vec::new();
    for number in 0..12 {
        let body = json!({
            "current_password": format!("wrong guess {number}"),
            "password": "a horse of another colour",
        });
        let request = user.request(Method::PATCH, "/v1/users/me").json(&body);
        codes.push(Reply::to(request).await.problem());
    }
    assert_eq!(codes[0], (403, "wrong_password".to_owned()));
    assert_eq!(codes[11], (429, "too_many_attempts".to_owned()));
}
