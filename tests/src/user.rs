use http::{Method, StatusCode};
use reqwest::RequestBuilder;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use spinreel_api::Page;
use spinreel_api::storage::StorageStatus;
use spinreel_api::usage::{Action, DayUsage};
use spinreel_api::videos::Video;

use crate::app::App;
use crate::eventually::eventually;
use crate::form::Form;
use crate::reply::Reply;
use crate::upkeep::{self, Finding};

/// Somebody who signed in.
pub struct User<'a> {
    app: &'a App,
    /// The account's id.
    pub id: String,
    /// The account's name, the prefix of its files.
    pub username: String,
    /// The address that signs in.
    pub email: String,
    /// The access token.
    pub token: String,
    /// The refresh token.
    pub refresh_token: String,
}

impl<'a> User<'a> {
    /// The password of everybody that [`sign_up`](Self::sign_up) signed up.
    pub const PASSWORD: &'static str = "correct horse battery";

    /// Makes an account and signs in.
    pub async fn sign_up(app: &'a App, username: &str) -> Self {
        let email = format!("{username}@example.com");
        let account = json!({"email": email, "password": Self::PASSWORD, "username": username});
        app.post("/v1/users", &account)
            .await
            .expect(StatusCode::CREATED);
        Self::sign_in(app, &email, Self::PASSWORD).await
    }

    /// Signs in.
    pub async fn sign_in(app: &'a App, email: &str, password: &str) -> Self {
        let credentials = json!({"email": email, "password": password});
        let tokens: Value = app
            .post("/v1/sessions", &credentials)
            .await
            .expect(StatusCode::OK)
            .json();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let mut user = Self {
            app,
            id: String::new(),
            username: String::new(),
            email: email.to_owned(),
            token: text(&tokens["access_token"]),
            refresh_token: text(&tokens["refresh_token"]),
        };
        let me: Value = user.read("/v1/users/me").await;
        user.id = text(&me["id"]);
        user.username = text(&me["username"]);
        user
    }

    /// A request with the user's token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.app.request(method, path).bearer_auth(&self.token)
    }

    /// Asks for `path`.
    pub async fn get(&self, path: &str) -> Reply {
        Reply::to(self.request(Method::GET, path)).await
    }

    /// What is at `path`, which must be there.
    pub async fn read<T: DeserializeOwned>(&self, path: &str) -> T {
        self.get(path).await.expect(StatusCode::OK).json()
    }

    /// Uploads a file by the seed's call.
    pub async fn upload(&self, filename: &str, bytes: &[u8]) -> Reply {
        self.upload_form(Form::of_file(filename, bytes)).await
    }

    /// Uploads a form by the seed's call.
    pub async fn upload_form(&self, form: Form) -> Reply {
        let request = self
            .request(Method::POST, "/upload")
            .header("x-request-id", self.app.noted_id())
            .header("content-type", form.content_type())
            .body(form.into_body());
        Reply::to(request).await
    }

    /// Uploads a file and gives the video that came of it, when it is known what the file is.
    pub async fn upload_video(&self, filename: &str, bytes: &[u8]) -> Video {
        self.upload(filename, bytes).await.expect(StatusCode::OK);
        self.inspected(filename).await
    }

    /// The video of an uploaded file.
    pub async fn video_of(&self, filename: &str) -> Video {
        let videos = self.videos().await;
        match videos.into_iter().find(|video| video.filename == filename) {
            Some(video) => video,
            None => panic!("{filename} is not in the catalogue"),
        }
    }

    /// Makes links of a video (`POST …/playback`).
    pub async fn links(&self, video: &Video) -> Value {
        let path = format!("{}/playback", video.links.this);
        let request = self.request(Method::POST, &path).json(&json!({}));
        let reply = Reply::to(request).await;
        reply.expect(StatusCode::CREATED).json()
    }

    /// Makes a video public.
    pub async fn publish(&self, id: &str) {
        let path = format!("/v1/videos/{id}");
        let etag = self.get(&path).await.header("etag").to_owned();
        let request = self.request(Method::PATCH, &path).header("if-match", etag);
        let request = request.json(&json!({ "visibility": "public" }));
        Reply::to(request).await.expect(StatusCode::OK);
    }

    /// The video of an uploaded file, when it is known what the file is.
    pub async fn inspected(&self, filename: &str) -> Video {
        let video = self.video_of(filename).await;
        let path = format!("/v1/videos/{}", video.id);
        eventually("a file is inspected", || async {
            let video: Video = self.read(&path).await;
            (video.media.is_some() || video.unplayable_reason.is_some()).then_some(video)
        })
        .await
    }

    /// The user's videos, newest first: those of the first page.
    pub async fn videos(&self) -> Vec<Video> {
        self.read::<Page<Video>>("/v1/videos?limit=200").await.items
    }

    /// Deletes a file by the seed's call.
    pub async fn delete_file(&self, filename: &str) -> Reply {
        self.delete_json(&json!({"filename": filename})).await
    }

    /// The seed's call for deletions, with any JSON.
    pub async fn delete_json(&self, body: &Value) -> Reply {
        let request = self
            .request(Method::DELETE, "/delete-file")
            .header("x-request-id", self.app.noted_id());
        Reply::to(request.json(body)).await
    }

    /// Quota and files.
    pub async fn status(&self) -> StorageStatus {
        let request = self
            .request(Method::GET, "/storage-status")
            .header("x-request-id", self.app.noted_id());
        Reply::to(request).await.expect(StatusCode::OK).json()
    }

    /// The day's usage.
    pub async fn today(&self) -> DayUsage {
        self.read("/v1/usage/today").await
    }

    /// The newest actions.
    pub async fn actions(&self) -> Vec<Action> {
        self.read::<Page<Action>>("/v1/usage/actions").await.items
    }

    /// Sweeps, as an admin and when nothing else runs, until nothing is half-done.
    pub async fn sweep_clean(&self) {
        self.app.quiet(self).await;
        upkeep::sweep_clean(|path| self.request(Method::POST, path)).await;
    }

    /// Compares files, counters and the bucket, as an admin and when nothing else runs.
    pub async fn reconcile(&self, repair: bool) -> Vec<Finding> {
        self.app.quiet(self).await;
        upkeep::reconcile(|path| self.request(Method::POST, path), repair).await
    }

    /// Waits until the day's usage is as it should be: transfers are settled after the answer, number by number, and
    /// the list of actions comes last.
    pub async fn settled(&self, what: &str, test: impl Fn(&DayUsage) -> bool) -> DayUsage {
        eventually(what, || async {
            let listed = self.actions().await.len() as u64;
            let today = self.today().await;
            let complete = listed == today.uploads + today.downloads + today.deletions;
            (complete && test(&today)).then_some(today)
        })
        .await
    }
}
