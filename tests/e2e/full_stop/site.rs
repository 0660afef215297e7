//! The application in its process, as its clients see it.

use std::time::Duration;

use http::{Method, StatusCode};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use spinreel_api::Page;
use spinreel_api::storage::StorageStatus;
use spinreel_api::videos::Video;
use spinreel_tests::{ADMIN_EMAIL, ADMIN_PASSWORD, Program, Reply, User};

/// Longer than anything takes: a test that fails waits as long.
const PATIENCE: Duration = Duration::from_secs(120);

/// The application at its address of this round.
#[derive(Debug, Clone)]
pub(super) struct Site {
    origin: String,
    http: Client,
}

/// Somebody who signed in; the tokens outlive the process.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) username: String,
    pub(super) token: String,
}

impl Site {
    pub(super) fn new(program: &Program) -> Self {
        Self {
            origin: format!("http://{}", program.address()),
            http: Client::builder()
                .no_proxy()
                .timeout(PATIENCE)
                .build()
                .unwrap(),
        }
    }

    pub(super) fn request(&self, method: Method, path: &str, account: &Account) -> RequestBuilder {
        let url = format!("{}{path}", self.origin);
        self.http.request(method, url).bearer_auth(&account.token)
    }

    pub(super) async fn sign_up(&self, username: &str) -> Account {
        let email = format!("{username}@example.com");
        let password = User::PASSWORD;
        let account = json!({"email": email, "password": password, "username": username});
        let url = format!("{}/v1/users", self.origin);
        let created = Reply::to(self.http.post(url).json(&account)).await;
        created.expect(StatusCode::CREATED);
        self.sign_in(username, &email, password).await
    }

    pub(super) async fn admin(&self) -> Account {
        self.sign_in("admin", ADMIN_EMAIL, ADMIN_PASSWORD).await
    }

    async fn sign_in(&self, username: &str, email: &str, password: &str) -> Account {
        let url = format!("{}/v1/sessions", self.origin);
        let credentials = json!({"email": email, "password": password});
        let signed_in = Reply::to(self.http.post(url).json(&credentials)).await;
        let tokens: Value = signed_in.expect(StatusCode::OK).json();
        Account {
            username: username.to_owned(),
            token: tokens["access_token"].as_str().unwrap().to_owned(),
        }
    }

    pub(super) async fn get(&self, path: &str, account: &Account) -> Reply {
        let request = self.request(Method::GET, path, account);
        Reply::to(request).await.expect(StatusCode::OK)
    }

    pub(super) async fn status(&self, account: &Account) -> StorageStatus {
        self.get("/storage-status", account).await.json()
    }

    /// All videos of an account.
    pub(super) async fn videos(&self, account: &Account) -> Vec<Video> {
        let mut videos = Vec::new();
        let mut path = "/v1/videos?limit=200".to_owned();
        loop {
            let page: Page<Video> = self.get(&path, account).await.json();
            videos.extend(page.items);
            match page.next_cursor {
                Some(cursor) => path = format!("/v1/videos?limit=200&cursor={cursor}"),
                None => return videos,
            }
        }
    }
}
