#![allow(clippy::unwrap_used)]
//! What the host does with components that never answer, in both profiles.

use std::fs;
use std::pin::Pin;

use futures::FutureExt as _;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wasmtime_wasi_http::{RequestOptions, WasiBody};

use super::*;
use crate::engine::MAX_INSTANCES;
use crate::instance::{InvokeError, invoke};
use crate::{chain, outbound};

const MANIFEST: &str = r#"spin_manifest_version = 2
[application]
name = "sleepers"

[[trigger.http]]
route = "/one/..."
component = "one"

[[trigger.http]]
route = { private = true }
component = "two"

[component.one]
source = "sleeper.wasm"
allowed_outbound_hosts = ["http://two.spin.internal"]

[component.two]
source = "sleeper.wasm"
"#;

const PROFILES: [Profile; 2] = [Profile::Ordinary, Profile::AsSpin];

async fn start(profile: Profile) -> (Host, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let component = wat::parse_str(include_str!("sleeper.wat")).unwrap();
    fs::write(folder.path().join("sleeper.wasm"), component).unwrap();
    let manifest = folder.path().join("spin.toml");
    fs::write(&manifest, MANIFEST).unwrap();
    let options = Options {
        profile,
        read_environment: false,
        ..Options::new(manifest, folder.path().join("state"))
    };
    (Host::start(options).await.unwrap(), folder)
}

fn to(uri: &str) -> Request<WasiBody> {
    let body = Empty::new().map_err(|never: std::convert::Infallible| match never {});
    Request::get(uri).body(body.boxed_unsync()).unwrap()
}

/// Sends a request on a connection of its own, in two parts.
async fn exchange(host: &Host, parts: [&str; 2]) -> String {
    let mut stream = TcpStream::connect(host.address()).await.unwrap();
    let mut answer = String::new();
    for part in parts {
        stream.write_all(part.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Waits until the pool of an engine has so many instances.
async fn until_there_are(instances: u64, engine: &Engine) {
    while engine
        .pooling_allocator_metrics()
        .unwrap()
        .component_instances()
        != instances
    {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// None of them must be done.
fn assert_pending<T>(all: &mut [Pin<Box<impl Future<Output = Result<T, InvokeError>>>>]) {
    for (number, one) in all.iter_mut().enumerate() {
        if let Some(outcome) = one.as_mut().now_or_never() {
            panic!("{number} has ended: {:?}", outcome.err());
        }
    }
}

#[tokio::test]
async fn all_components_together_have_a_thousand_instances_and_the_next_request_may_come_again_but_on_spin_is_a_500()
 {
    for (profile, expected) in [
        (Profile::Ordinary, StatusCode::SERVICE_UNAVAILABLE),
        (Profile::AsSpin, StatusCode::INTERNAL_SERVER_ERROR),
    ] {
        let (host, _folder) = start(profile).await;
        let app = host.app.clone();
        let (one, two) = (&app.components["one"], &app.components["two"]);
        let engine = one.pre.engine().clone();
        let mut sleeping: Vec<_> = (0..MAX_INSTANCES)
            .map(|number| if number % 3 == 0 { two } else { one })
            .map(|component| Box::pin(invoke(&app, component, to("http://a.org/one"))))
            .collect();
        assert_pending(&mut sleeping);
        until_there_are(MAX_INSTANCES.into(), &engine).await;

        let refused = exchange(
            &host,
            [
                "GET /one HTTP/1.1\r\nConnection: close\r\n",
                "Host: a\r\n\r\n",
            ],
        );
        let refused = refused.await;
        let status = format!("HTTP/1.1 {} ", expected.as_u16());
        assert!(refused.starts_with(&status), "{profile:?} {refused}");
        let says_when = refused.to_lowercase().contains("\r\nretry-after: 1\r\n");
        assert_eq!(says_when, profile == Profile::Ordinary, "{refused}");
        let chained = chain::call(&app, one, "two", to("http://two.spin.internal/x"));
        let chained = chained.await.unwrap().status();
        assert_eq!(chained, expected, "{profile:?}");

        assert_pending(&mut sleeping);
        // Nobody waits for them any more, and they go on, until the host ends.
        drop(sleeping);
        tokio::task::yield_now().await;
        until_there_are(MAX_INSTANCES.into(), &engine).await;
        drop(host);
        until_there_are(0, &engine).await;
    }
}

#[tokio::test]
async fn a_chained_call_has_no_time_limit_whatever_the_caller_asks_for() {
    for profile in PROFILES {
        let (host, _folder) = start(profile).await;
        let soon = Some(Duration::from_millis(1));
        let options = RequestOptions {
            connect_timeout: soon,
            first_byte_timeout: soon,
            between_bytes_timeout: soon,
        };
        let one = &host.app.components["one"];
        let request = to("http://two.spin.internal/x");
        let call = outbound::route(&host.app, one, request, options);
        let outcome = tokio::time::timeout(Duration::from_millis(100), call).await;
        assert!(outcome.is_err(), "{profile:?}");
    }
}

#[tokio::test]
async fn headers_have_a_time_limit_but_not_on_spin() {
    for (profile, limited) in [(Profile::Ordinary, true), (Profile::AsSpin, false)] {
        let (host, _folder) = start(profile).await;
        assert_eq!(host.app.header_timeout.is_some(), limited, "{profile:?}");
        let slow = [
            "GET /nothing HTTP/1.1\r\nConnection: close\r\nHo",
            "st: a\r\n\r\n",
        ];
        let answer = exchange(&host, slow).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{profile:?} {answer}");
    }
}
