//! Tokens: how one comes by them, what they allow, and that nothing is done without.

use serde_json::json;
use spinreel_bucket::{Access, Bucket, StartError};

use crate::signer::{account, assertion, now};
use crate::support::{Answer, TestBucket, key, options};

const OBJECT: &str = "/storage/v1/b/films/o/a";
const UPLOAD: &str = "/upload/storage/v1/b/films/o?uploadType=media&name=a";
const GRANT: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
const MACHINE: &str = "/computeMetadata/v1/instance/service-accounts/default/token";

async fn exchange(bucket: &TestBucket, form: &str) -> Answer {
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    bucket.send("POST", "/token", &kind, form.to_owned()).await
}

async fn token(bucket: &TestBucket, scope: &str) -> String {
    let scope = format!("https://www.googleapis.com/auth/{scope}");
    let jwt = assertion(bucket, json!({"scope": scope}));
    let answer = exchange(bucket, &format!("grant_type={GRANT}&assertion={jwt}"))
        .await
        .expect(200)
        .json();
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 3599);
    answer["access_token"].as_str().unwrap().to_owned()
}

async fn with(bucket: &TestBucket, authorization: &str, method: &str, target: &str) -> Answer {
    let headers = [("authorization", authorization)];
    bucket.send(method, target, &headers, "").await
}

#[tokio::test]
async fn without_a_credential_nothing_is_done_and_nothing_is_told() {
    let bucket = TestBucket::strict().await;
    let right = format!("Bearer {}", bucket.bucket().access_token().unwrap());
    with(&bucket, &right, "POST", UPLOAD).await.expect(200);
    for (method, target) in [
        ("GET", "/storage/v1/b"),
        ("POST", "/storage/v1/b"),
        ("GET", "/storage/v1/b/films"),
        ("GET", "/storage/v1/b/films/o"),
        ("GET", "/storage/v1/b/nowhere/o"),
        ("GET", OBJECT),
        ("GET", "/storage/v1/b/films/o/a?alt=media"),
        ("GET", "/download/storage/v1/b/films/o/a?alt=media"),
        ("GET", "/storage/v1/b/films/o/nothing"),
        ("PATCH", OBJECT),
        ("DELETE", OBJECT),
        ("POST", UPLOAD),
        (
            "POST",
            "/upload/storage/v1/b/films/o?uploadType=resumable&name=b",
        ),
        ("PUT", "/upload/storage/v1/b/films/o"),
    ] {
        let none = bucket.send(method, target, &[], "").await.expect(401);
        assert_eq!(none.json()["error"]["errors"][0]["reason"], "required");
        assert_eq!(
            none.header("www-authenticate"),
            "Bearer realm=\"spinreel-bucket\""
        );
        for bad in [
            "Bearer x",
            "Bearer ",
            "Basic eDp5",
            "",
            &right[..right.len() - 1],
        ] {
            let answer = with(&bucket, bad, method, target).await.expect(401);
            let reason = &answer.json()["error"]["errors"][0]["reason"];
            assert_eq!(reason, "authError", "{bad}");
            assert!(answer.header("www-authenticate").contains("invalid_token"));
        }
    }
    with(&bucket, &right, "GET", OBJECT).await.expect(200);
}

#[tokio::test]
async fn a_token_of_the_account_opens_the_bucket_and_outlives_a_restart() {
    let bucket = TestBucket::strict().await;
    let bearer = format!("Bearer {}", token(&bucket, "devstorage.read_write").await);
    with(&bucket, &bearer, "POST", UPLOAD).await.expect(200);
    let hmac = bucket.bucket().hmac_key().unwrap().secret.clone();

    // Another address: the folder's key is used again, with another token URI.
    let bucket = bucket
        .restart_but(|options| options.access = Access::ServiceAccount { key: None })
        .await;
    with(&bucket, &bearer, "GET", OBJECT).await.expect(200);
    assert_eq!(bucket.bucket().hmac_key().unwrap().secret, hmac);
    let own = format!("http://{}/token", bucket.address());
    assert_eq!(account(&bucket)["token_uri"], own);
    let given: serde_json::Value = serde_json::from_str(key()).unwrap();
    assert_eq!(account(&bucket)["private_key"], given["private_key"]);
}

#[tokio::test]
async fn a_token_for_reading_does_not_write() {
    let bucket = TestBucket::strict().await;
    let write = format!("Bearer {}", token(&bucket, "cloud-platform").await);
    with(&bucket, &write, "POST", UPLOAD).await.expect(200);
    let read = format!("Bearer {}", token(&bucket, "devstorage.read_only").await);
    with(&bucket, &read, "GET", OBJECT).await.expect(200);
    with(&bucket, &read, "HEAD", "/films/a").await.expect(200);
    for (method, target) in [
        ("POST", UPLOAD),
        (
            "POST",
            "/upload/storage/v1/b/films/o?uploadType=resumable&name=b",
        ),
        ("PATCH", OBJECT),
        ("DELETE", OBJECT),
        ("POST", "/storage/v1/b"),
    ] {
        with(&bucket, &read, method, target).await.expect(403);
    }
    with(&bucket, &read, "DELETE", "/films/a")
        .await
        .expect_xml(403, "AccessDenied");
    with(&bucket, &read, "GET", OBJECT).await.expect(200);
}

#[tokio::test]
async fn an_uploads_url_is_its_own_credential_and_no_other() {
    let bucket = TestBucket::strict().await;
    let bearer = format!("Bearer {}", bucket.bucket().access_token().unwrap());
    let headers = [("authorization", bearer.as_str())];
    let session = bucket.begin("b", "", &headers).await;
    bucket.part(&session, "bytes */*", b"").await.expect(308);
    bucket.send("PUT", &session, &[], "hello").await.expect(200);
    let other = bucket.begin("c", "", &headers).await;
    bucket.send("DELETE", &other, &[], "").await.expect(499);
    let guess = "/upload/storage/v1/b/films/o?uploadType=resumable&upload_id=guess";
    bucket.part(guess, "bytes */*", b"").await.expect(404);
    // It opens neither another call nor the object.
    let id = &session[session.find("upload_id=").unwrap()..];
    bucket
        .get(&format!("/storage/v1/b/films/o/b?{id}"))
        .await
        .expect(401);
    bucket
        .send("DELETE", &format!("/storage/v1/b/films/o/b?{id}"), &[], "")
        .await
        .expect(401);
    let started = format!("/upload/storage/v1/b/films/o?uploadType=media&name=d&{id}");
    bucket.send("POST", &started, &[], "").await.expect(401);
    // By the XML API such a request means the upload, and never the object.
    bucket
        .send("DELETE", &format!("/films/b?{id}"), &[], "")
        .await
        .expect_xml(404, "NoSuchKey");
    with(&bucket, &bearer, "GET", "/storage/v1/b/films/o/b")
        .await
        .expect(200);
}

#[tokio::test]
async fn a_wrong_token_request_is_refused_in_the_form_of_oauth() {
    let bucket = TestBucket::strict().await;
    let good = assertion(&bucket, json!({}));
    let cases = [
        (String::new(), "invalid_request"),
        (format!("assertion={good}"), "invalid_request"),
        (format!("grant_type={GRANT}"), "invalid_request"),
        (
            format!("grant_type=password&assertion={good}"),
            "unsupported_grant_type",
        ),
        (
            format!("grant_type={GRANT}&assertion=a.b.c"),
            "invalid_grant",
        ),
        (
            format!(
                "grant_type={GRANT}&assertion={}",
                assertion(&bucket, json!({"iat": now() - 7200, "exp": now() - 3600}))
            ),
            "invalid_grant",
        ),
        (
            format!(
                "grant_type={GRANT}&assertion={}",
                assertion(&bucket, json!({"aud": "https://oauth2.example/token"}))
            ),
            "invalid_grant",
        ),
        (
            format!(
                "grant_type={GRANT}&assertion={}",
                assertion(&bucket, json!({"scope": ""}))
            ),
            "invalid_scope",
        ),
    ];
    for (form, error) in cases {
        let answer = exchange(&bucket, &form).await;
        assert_eq!(answer.status, 400, "{form}");
        assert_eq!(answer.json()["error"], error, "{form}");
        assert!(answer.json()["error_description"].is_string());
    }
    exchange(&bucket, "assertion=%FF").await.expect(400);
    bucket.get("/token").await.expect(405);
    // Google's clients name Google whatever is in the key.
    for aud in [
        "https://oauth2.googleapis.com/token",
        "https://www.googleapis.com/oauth2/v4/token",
    ] {
        let jwt = assertion(&bucket, json!({"aud": aud}));
        exchange(&bucket, &format!("grant_type={GRANT}&assertion={jwt}"))
            .await
            .expect(200);
    }
    // However the client calls this server, that is its name.
    let aud = "http://bucket.example:81/token";
    let jwt = assertion(&bucket, json!({"aud": aud}));
    let form = format!("grant_type={GRANT}&assertion={jwt}");
    assert_eq!(exchange(&bucket, &form).await.status, 400);
    let host = [("host", "bucket.example:81")];
    bucket.send("POST", "/token", &host, form).await.expect(200);
}

#[tokio::test]
async fn a_machine_gets_its_token_directly() {
    let bucket = TestBucket::strict().await;
    let flavor = ("metadata-flavor", "Google");
    let answer = bucket.send("GET", MACHINE, &[flavor], "").await.expect(200);
    assert_eq!(answer.header("metadata-flavor"), "Google");
    let bearer = format!("Bearer {}", answer.json()["access_token"].as_str().unwrap());
    with(&bucket, &bearer, "POST", UPLOAD).await.expect(200);

    bucket.get(MACHINE).await.expect(403);
    let other = [("metadata-flavor", "google")];
    bucket.send("GET", MACHINE, &other, "").await.expect(403);
    let proxied = [flavor, ("x-forwarded-for", "10.0.0.1")];
    bucket.send("GET", MACHINE, &proxied, "").await.expect(403);
    bucket
        .send("POST", MACHINE, &[flavor], "")
        .await
        .expect(405);
}

#[tokio::test]
async fn an_open_bucket_has_no_account() {
    let bucket = TestBucket::start().await;
    assert!(bucket.bucket().service_account_key().is_none());
    assert!(bucket.bucket().hmac_key().is_none());
    assert!(bucket.bucket().access_token().is_none());
    exchange(&bucket, "grant_type=x").await.expect(404);
    let flavor = [("metadata-flavor", "Google")];
    bucket.send("GET", MACHINE, &flavor, "").await.expect(404);
    with(&bucket, "Bearer anything", "POST", UPLOAD)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_key_that_cannot_be_used_stops_the_start() {
    let dir = tempfile::tempdir().unwrap();
    for bad in ["", "{", "{}", r#"{"type": "authorized_user"}"#] {
        let mut options = options(dir.path());
        options.access = Access::ServiceAccount {
            key: Some(bad.to_owned()),
        };
        let started = Bucket::start(options).await.map(drop);
        assert!(matches!(started, Err(StartError::Key(_))), "{started:?}");
    }
}
