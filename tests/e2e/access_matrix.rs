//! Every route and every kind of credential: who gets in.
//!
//! The routes come from the manifest and from the components themselves, so that a new one cannot be forgotten here.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::Method;
use serde_json::json;
use spinreel_api::operations::RouteEntry;
use spinreel_identity::SigningKey;
use spinreel_tests::{App, Forgery, METRICS_TOKEN, Reply, eventually};

/// A route of a component.
pub(crate) struct Entry {
    component: String,
    pub(crate) method: Method,
    pub(crate) pattern: String,
    pub(crate) access: String,
}

/// What a request shows, where nobody should be let in whatever the route.
const BAD: [&str; 11] = [
    "garbage",
    "expired",
    "not valid yet",
    "wrong key",
    "wrong key under the right id",
    "alg none",
    "HS256 with the public key",
    "wrong audience",
    "wrong issuer",
    "wrong type",
    "critical header",
];

/// The manifest's routes, by component; without the console's, which has no rights to judge.
fn manifest() -> BTreeMap<String, Vec<String>> {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../spin.toml")).unwrap();
    let manifest: toml::Value = toml::from_str(&text).unwrap();
    let mut routes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for trigger in manifest["trigger"]["http"].as_array().unwrap() {
        let text = |name: &str| trigger[name].as_str().unwrap().to_owned();
        if text("component") == "console" {
            continue;
        }
        routes
            .entry(text("component"))
            .or_default()
            .push(text("route"));
    }
    routes
}

/// Whether a route of the manifest leads to this path.
fn leads_to(route: &str, path: &str) -> bool {
    match route.strip_suffix("/...") {
        Some(prefix) => path == prefix || path.starts_with(&format!("{prefix}/")),
        None => path == route,
    }
}

/// All routes, as the components list them.
pub(crate) async fn entries(app: &App) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (component, routes) in manifest() {
        let internal = routes
            .iter()
            .find_map(|route| route.strip_prefix("/internal/")?.strip_suffix("/..."))
            .unwrap_or_else(|| panic!("{component} has no internal routes"));
        let path = format!("/internal/{internal}/routes");
        let services = ("logging-service", component.as_str());
        let reply = Reply::to(app.as_service(services, Method::GET, &path, None)).await;
        let listed: Vec<RouteEntry> = reply.expect(http::StatusCode::OK).json();
        for route in listed {
            entries.push(Entry {
                component: component.clone(),
                method: route.method.parse().unwrap(),
                pattern: route.path,
                access: route.access,
            });
        }
    }
    entries
}

impl Entry {
    /// A path of the route: the user's own id, or an object that is not there.
    fn path(&self, id: &str) -> String {
        let segments = self.pattern.split('/').map(|segment| match segment {
            _ if segment.starts_with(':') => id,
            segment => segment,
        });
        segments.collect::<Vec<_>>().join("/")
    }

    /// A request with a body that is right for no route, so that nothing is done.
    async fn ask(&self, app: &App, token: Option<&str>) -> Reply {
        let mut request = app.request(self.method.clone(), &self.path("nothing"));
        if self.method != Method::GET {
            request = request.json(&json!({}));
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        let is_endless = response
            .headers()
            .get("content-type")
            .is_some_and(|value| value == "text/event-stream");
        if is_endless {
            return Reply {
                status: response.status().as_u16(),
                headers: response.headers().clone(),
                body: Bytes::new(),
            };
        }
        Reply::read(response).await.unwrap()
    }

    fn name(&self) -> String {
        format!("{} {} ({})", self.method, self.pattern, self.access)
    }
}

fn bad_token(kind: &str, real: &Forgery, key: &SigningKey) -> String {
    let now = real.claims["iat"].as_u64().unwrap();
    let forged = real.clone();
    let stranger = SigningKey::generate();
    match kind {
        "garbage" => "garbage".to_owned(),
        "expired" => forged
            .claim("iat", json!(now - 1_000))
            .claim("exp", json!(now - 100))
            .sign(key),
        "not valid yet" => forged
            .claim("iat", json!(now + 1_000))
            .claim("nbf", json!(now + 1_000))
            .claim("exp", json!(now + 2_000))
            .sign(key),
        "wrong key" => forged.header("kid", json!(stranger.id())).sign(&stranger),
        "wrong key under the right id" => forged.sign(&stranger),
        "alg none" => forged.unsigned(),
        "HS256 with the public key" => forged.sign_with_public_key(key),
        "wrong audience" => forged.claim("aud", json!("video-service")).sign(key),
        "wrong issuer" => forged.claim("iss", json!("somebody")).sign(key),
        "wrong type" => forged.header("typ", json!("JWT")).sign(key),
        "critical header" => forged.header("crit", json!(["exp"])).sign(key),
        kind => panic!("no such kind: {kind}"),
    }
}

/// Whether a request was let in: what the handler says of it is another matter.
fn is_let_in(reply: &Reply) -> bool {
    !matches!(reply.status, 401 | 403)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_manifest_and_the_components_have_the_same_routes() {
    let app = App::start().await;
    let manifest = manifest();
    let entries = entries(&app).await;
    for entry in &entries {
        // The longest route that fits is the one that is taken.
        let path = entry.path("x");
        let taken = manifest
            .iter()
            .flat_map(|(component, routes)| routes.iter().map(move |route| (route, component)))
            .filter(|(route, _)| leads_to(route, &path))
            .max_by_key(|(route, _)| route.len());
        let component = taken.map(|(_, component)| component.as_str());
        assert_eq!(
            component,
            Some(entry.component.as_str()),
            "{}",
            entry.name()
        );
    }
    for (component, routes) in &manifest {
        for route in routes {
            let used = entries
                .iter()
                .any(|entry| entry.component == *component && leads_to(route, &entry.path("x")));
            assert!(used, "{route} leads to nothing of {component}");
        }
    }
    // Nothing is open that is not meant to be.
    let open: BTreeSet<String> = entries
        .iter()
        .filter(|entry| matches!(entry.access.as_str(), "open" | "optional"))
        .map(|entry| format!("{} {}", entry.method, entry.pattern))
        .collect();
    let meant = [
        "GET /.well-known/jwks.json",
        "GET /v1/feed",
        "GET /v1/health",
        "GET /v1/logs/health",
        "GET /v1/playback/:grant/captions/:lang",
        "GET /v1/playback/:grant/content",
        "GET /v1/playback/:grant/manifest.mpd",
        "GET /v1/playback/:grant/master.m3u8",
        "GET /v1/playback/:grant/poster",
        "GET /v1/playback/:grant/tracks/:version/:track/:part",
        "GET /v1/storage/health",
        "GET /v1/usage/health",
        "GET /v1/users/:id/videos",
        "GET /v1/users/health",
        "GET /v1/videos/:id",
        "GET /v1/videos/:id/captions",
        "GET /v1/videos/:id/captions/:lang",
        "GET /v1/videos/:id/content",
        "GET /v1/videos/:id/manifest.mpd",
        "GET /v1/videos/:id/master.m3u8",
        "GET /v1/videos/:id/poster",
        "GET /v1/videos/:id/tracks/:version/:track/:part",
        "GET /v1/videos/health",
        "OPTIONS /v1/uploads",
        "OPTIONS /v1/uploads/:id",
        "POST /v1/password-resets",
        "POST /v1/password-resets/complete",
        "POST /v1/sessions",
        "POST /v1/sessions/refresh",
        "POST /v1/users",
        "POST /v1/videos/:id/views",
    ];
    assert_eq!(open.into_iter().collect::<Vec<_>>(), meant);
    // What is internal is open to no user but operators.
    for entry in entries
        .iter()
        .filter(|entry| entry.pattern.starts_with("/internal/"))
    {
        let access = entry.access.as_str();
        assert!(
            matches!(access, "service" | "operator" | "timer"),
            "{}",
            entry.name()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_bad_token_opens_a_route_and_open_ones_do_not_look_at_it() {
    let app = App::start().await;
    let user = app.with_user().await;
    let (real, key) = (Forgery::of(&user), app.signing_key());
    // The forgery itself is no reason for a refusal.
    let good = app
        .request(Method::GET, "/v1/users/me")
        .bearer_auth(real.sign(&key));
    assert_eq!(Reply::to(good).await.status, 200);
    let tokens = BAD.map(|kind| (kind, bad_token(kind, &real, &key)));
    for entry in entries(&app).await {
        let without = entry.ask(&app, None).await.status;
        match entry.access.as_str() {
            "open" | "optional" => assert!(!matches!(without, 401 | 403), "{}", entry.name()),
            _ => assert_eq!(without, 401, "{}", entry.name()),
        }
        for (kind, token) in &tokens {
            let reply = entry.ask(&app, Some(token)).await;
            let expected = match entry.access.as_str() {
                // What is asked for may be refused for another reason, always the same.
                "open" => without,
                _ => 401,
            };
            assert_eq!(reply.status, expected, "{} {kind}", entry.name());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_admins_services_and_scrapers_get_in_where_they_belong() {
    let app = App::builder()
        .variable("metrics_token", METRICS_TOKEN)
        .start()
        .await;
    let admin = app.with_admin().await;
    let mut user = app.with_user().await;
    let mut entries = entries(&app).await;
    // What changes nothing comes first.
    entries.sort_by_key(|entry| entry.method != Method::GET);
    for entry in entries {
        if entry.method != Method::GET {
            // Somebody new each time: some routes end sessions, or accounts.
            user = app.with_user().await;
        }
        let by_user = entry.ask(&app, Some(&user.token)).await;
        let name = entry.name();
        match entry.access.as_str() {
            "open" | "optional" | "user" => assert!(is_let_in(&by_user), "{name}"),
            "admin" | "operator" | "timer" | "scraper" => assert_eq!(by_user.status, 403, "{name}"),
            "service" => assert_eq!(by_user.status, 401, "{name}"),
            access => panic!("no such access: {access}"),
        }
        let path = entry.path("nothing");
        let service = |to: &str, method: &Method, path: &str| {
            let services = ("usage-service", to);
            let request = app.as_service(services, method.clone(), path, Some("nothing"));
            // The token is for that call; the request is the entry's.
            let built = request.build().unwrap();
            built.headers()["authorization"].to_str().unwrap()["Bearer ".len()..].to_owned()
        };
        let right = service(&entry.component, &entry.method, &path);
        let by_service = entry.ask(&app, Some(&right)).await;
        match entry.access.as_str() {
            "open" => assert!(is_let_in(&by_service), "{name}"),
            "service" | "operator" | "timer" => assert!(is_let_in(&by_service), "{name}"),
            _ => assert_eq!(by_service.status, 401, "{name}"),
        }
        if matches!(entry.access.as_str(), "service" | "operator" | "timer") {
            let elsewhere = match entry.component.as_str() {
                "usage-service" => "video-service",
                _ => "usage-service",
            };
            for (what, token) in [
                ("another audience", service(elsewhere, &entry.method, &path)),
                (
                    "another path",
                    service(&entry.component, &entry.method, "/internal/x"),
                ),
                (
                    "another method",
                    service(&entry.component, &Method::OPTIONS, &path),
                ),
            ] {
                let reply = entry.ask(&app, Some(&token)).await;
                assert_eq!(reply.status, 401, "{name} {what}");
            }
        }
        if matches!(
            entry.access.as_str(),
            "admin" | "operator" | "timer" | "scraper"
        ) {
            let by_admin = entry.ask(&app, Some(&admin.token)).await;
            assert!(is_let_in(&by_admin), "{name}");
        }
        // What programs show that read the metrics opens nothing else.
        let by_scraper = entry.ask(&app, Some(METRICS_TOKEN)).await;
        match entry.access.as_str() {
            "open" | "scraper" => assert!(is_let_in(&by_scraper), "{name}"),
            _ => assert_eq!(by_scraper.status, 401, "{name}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_user_gets_in_nowhere() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let entries = entries(&app).await;
    let path = format!("/v1/users/{}", user.id);
    let request = admin
        .request(Method::PATCH, &path)
        .json(&json!({"disabled": true}));
    assert_eq!(Reply::to(request).await.status, 200);
    let mut refused = 0;
    for entry in entries.iter().filter(|entry| {
        matches!(
            entry.access.as_str(),
            "optional" | "user" | "admin" | "operator" | "timer" | "scraper"
        )
    }) {
        // What changes something is refused at once, the rest within seconds.
        if entry.method != Method::GET {
            let reply = entry.ask(&app, Some(&user.token)).await;
            assert_eq!(reply.status, 401, "{}", entry.name());
        } else {
            let name = entry.name();
            eventually(&name, || async {
                let reply = entry.ask(&app, Some(&user.token)).await;
                (reply.status == 401).then_some(())
            })
            .await;
        }
        refused += 1;
    }
    assert!(refused > 20, "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_one_user_is_there_for_another() {
    let app = App::start().await;
    let (ada, eve) = (app.with_user().await, app.with_user().await);
    ada.upload_video("clip.mp4", b"bytes").await;
    let video = ada.inspected("clip.mp4").await;
    // Whose public part everybody may see.
    const PUBLIC: [&str; 1] = ["GET /v1/users/:id"];
    // Where a request must speak a protocol before anything is looked for: see `uploads::protocol`.
    const UPLOADS: &str = "/v1/uploads/:id";
    for entry in entries(&app).await {
        let name = format!("{} {}", entry.method, entry.pattern);
        let is_users = matches!(entry.access.as_str(), "optional" | "user" | "admin");
        if !is_users || !entry.pattern.contains(':') || PUBLIC.contains(&name.as_str()) {
            continue;
        }
        if entry.pattern == UPLOADS {
            continue;
        }
        let id = match entry.pattern.contains("/users/") {
            true => &ada.id,
            false => &video.id,
        };
        let request = eve.request(entry.method.clone(), &entry.path(id));
        let reply = Reply::to(request.json(&json!({}))).await;
        let expected = match entry.access.as_str() {
            "admin" => 403,
            _ => 404,
        };
        assert_eq!(reply.status, expected, "{name}");
    }
    for name in ["clip.mp4", &format!("{}/clip.mp4", ada.username)] {
        assert_eq!(eve.delete_file(name).await.status, 404, "{name}");
    }
    assert_eq!(ada.videos().await, [video]);
}
