//! Guesses at passwords.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_tests::{App, Reply, User};

async fn sign_in(app: &App, email: &str, password: &str) -> Reply {
    let credentials = json!({"email": email, "password": password});
    app.post("/v1/sessions", &credentials).await
}

/// A sign-in of a client behind a proxy, at this address; with a cookie where it has one.
async fn sign_in_from(
    app: &App,
    client: &str,
    cookie: Option<&str>,
    (email, password): (&str, &str),
) -> Reply {
    let mut request = app
        .request(Method::POST, "/v1/sessions")
        .header("x-forwarded-for", client)
        .json(&json!({"email": email, "password": password}));
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    Reply::to(request).await
}

/// The cookie of an answer, as a client sends it.
fn cookie_of(reply: &Reply) -> String {
    let (cookie, attributes) = reply.header("set-cookie").split_once(';').unwrap();
    for attribute in ["Path=/v1/sessions", "HttpOnly", "Secure", "SameSite=Strict"] {
        assert!(attributes.contains(attribute), "{attributes}");
    }
    cookie.to_owned()
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
async fn a_stranger_who_guesses_stops_only_the_own_client_and_a_known_device_is_stopped_by_nobody()
{
    let app = App::builder()
        .variable("trusted_proxies", "1")
        .start()
        .await;
    let user = app.with_user().await;
    let (right, wrong) = (
        (user.email.as_str(), User::PASSWORD),
        (user.email.as_str(), "a wrong guess"),
    );
    let first = sign_in_from(&app, "192.0.2.1", None, right).await;
    let cookie = cookie_of(&first.expect(StatusCode::OK));
    for number in 0..10 {
        let reply = sign_in_from(&app, "198.51.100.1", None, wrong).await;
        assert_eq!(reply.status, 401, "{number}");
    }
    let paused = sign_in_from(&app, "198.51.100.1", None, right).await;
    assert_eq!(paused.problem(), (429, "too_many_attempts".to_owned()));
    let other = sign_in_from(&app, "192.0.2.1", None, right).await;
    other.expect(StatusCode::OK);
    let known = sign_in_from(&app, "198.51.100.1", Some(&cookie), right).await;
    let renewed = cookie_of(&known.expect(StatusCode::OK));
    assert_ne!(renewed, cookie);

    // Many clients together come no further, and then fail at every opening, until the pause is a long one.
    let mut told = 10;
    for number in 0..300 {
        let client = format!("2001:db8:0:{number:x}::1");
        let reply = sign_in_from(&app, &client, None, wrong).await;
        if reply.status == 401 {
            told += 1;
            continue;
        }
        assert_eq!(reply.problem(), (429, "too_many_attempts".to_owned()));
        let pause: u64 = reply.header("retry-after").parse().unwrap();
        if pause > 60 {
            break;
        }
        app.advance_clock(std::time::Duration::from_secs(pause));
    }
    assert!((100..=107).contains(&told), "{told}");
    // The owner goes on where they signed in before, with a forged cookie or another's nobody does.
    let known = sign_in_from(&app, "203.0.113.1", Some(&renewed), right).await;
    known.expect(StatusCode::OK);
    let stranger = app.with_user().await;
    let of_stranger = (stranger.email.as_str(), User::PASSWORD);
    let others = sign_in_from(&app, "203.0.113.1", None, of_stranger).await;
    let others = cookie_of(&others.expect(StatusCode::OK));
    let forged = renewed.replace('.', "0.");
    for cookie in [others.as_str(), forged.as_str(), "device=", "device"] {
        let refused = sign_in_from(&app, "203.0.113.1", Some(cookie), right).await;
        assert_eq!(refused.status, 429, "{cookie}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_passwords_are_hashed_at_once_than_may_be_and_a_known_device_has_its_own() {
    let app = App::builder()
        .variable("password_hashes_per_second", "2")
        .variable("trusted_proxies", "1")
        .start()
        .await;
    let user = app.with_user().await;
    let right = (user.email.as_str(), User::PASSWORD);
    let known = sign_in_from(&app, "192.0.2.1", None, right).await;
    let cookie = cookie_of(&known.expect(StatusCode::OK));
    let credentials = |number: usize| {
        let (app, email) = (&app, format!("user-{number}@example.com"));
        let client = format!("2001:db8:0:{number:x}::1");
        async move { sign_in_from(app, &client, None, (&email, "a guess")).await }
    };
    let replies = futures::future::join_all((0..40).map(credentials)).await;
    let refused: Vec<&Reply> = replies.iter().filter(|reply| reply.status != 401).collect();
    assert!(!refused.is_empty());
    for reply in refused {
        assert_eq!(reply.problem(), (429, "too_many_attempts".to_owned()));
        assert_eq!(reply.header("retry-after"), "1");
    }
    let known = sign_in_from(&app, "192.0.2.1", Some(&cookie), right).await;
    known.expect(StatusCode::OK);
    // And the second ends.
    let reply = spinreel_tests::eventually("somebody may register again", || async {
        let account = json!({
            "email": "new@example.com", "username": "new", "password": User::PASSWORD,
        });
        let reply = app.post("/v1/users", &account).await;
        (reply.status != 429).then_some(reply)
    })
    .await;
    reply.expect(StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_client_that_registers_or_asks_who_has_an_account_has_to_pause() {
    let app = App::builder()
        .variable("trusted_proxies", "1")
        .start()
        .await;
    let user = app.with_user().await;
    let register = |client: &'static str, email: &str| {
        let account = json!({"email": email, "username": "another", "password": User::PASSWORD});
        let request = app
            .request(Method::POST, "/v1/users")
            .header("x-forwarded-for", client)
            .json(&account);
        Reply::to(request)
    };
    // What is refused for its form is not counted.
    for _ in 0..3 {
        let reply = register("192.0.2.1", "no address").await;
        assert_eq!(reply.status, 422);
    }
    for number in 0..100 {
        let reply = register("192.0.2.1", &user.email).await;
        assert_eq!(reply.problem(), (409, "email_taken".to_owned()), "{number}");
    }
    for email in [&user.email, "free@example.com"] {
        let reply = register("192.0.2.1", email).await;
        assert_eq!(reply.problem(), (429, "too_many_attempts".to_owned()));
        assert!(!reply.header("retry-after").is_empty());
    }
    let reply = register("192.0.2.2", "free@example.com").await;
    reply.expect(StatusCode::CREATED);
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
