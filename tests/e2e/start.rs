//! What stops the application from starting, in words that a person can act on.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use spinreel_host::{Host, Options, StartError};
use spinreel_tests::App;
use tempfile::TempDir;

/// Options that would work.
fn options(folder: &TempDir) -> Options {
    App::builder()
        .variable("service_secret", "0123456789abcdef0123456789abcdef")
        .host_options(folder.path())
}

async fn refused(options: Options) -> StartError {
    match Host::start(options).await {
        Ok(_) => panic!("it started"),
        Err(error) => error,
    }
}

fn assert_says(error: &StartError, words: &[&str]) {
    let message = error.to_string();
    for word in words {
        assert!(message.contains(word), "{word} is not in: {message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_port_is_named() {
    let folder = TempDir::new().unwrap();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut options = options(&folder);
    options.listen = taken.local_addr().unwrap();
    let error = refused(options.clone()).await;
    assert!(matches!(error, StartError::Listen { .. }), "{error}");
    assert_says(&error, &[&options.listen.to_string(), "taken"]);
    drop(taken);
    Host::start(options).await.unwrap().shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_folder_of_another_version_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::write(state.join("VERSION"), "999\n").unwrap();
    let error = refused(options(&folder)).await;
    assert!(matches!(error, StartError::StateVersion { .. }), "{error}");
    assert_says(&error, &["999", &state.display().to_string()]);
    let names: Vec<_> = std::fs::read_dir(&state)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["VERSION"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_component_is_named_with_the_command_that_makes_it() {
    let folder = TempDir::new().unwrap();
    let mut options = options(&folder);
    let manifest = folder.path().join("spin.toml");
    std::fs::copy(&options.manifest, &manifest).unwrap();
    let config = options.manifest.with_file_name("runtime-config.toml");
    options.runtime_config = Some(config);
    options.manifest = manifest;
    let error = refused(options).await;
    assert!(
        matches!(error, StartError::ComponentMissing { .. }),
        "{error}"
    );
    assert_says(&error, &[".wasm", "cargo xtask build"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_required_variable_without_a_value_is_named() {
    let folder = TempDir::new().unwrap();
    let mut options = options(&folder);
    options.variables.remove("service_secret");
    let error = refused(options).await;
    assert!(
        matches!(error, StartError::VariableMissing { .. }),
        "{error}"
    );
    assert_says(
        &error,
        &[
            "service_secret",
            "--variable",
            "SPIN_VARIABLE_SERVICE_SECRET",
        ],
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_variable_that_the_manifest_does_not_have_is_named() {
    let folder = TempDir::new().unwrap();
    let mut options = options(&folder);
    options
        .variables
        .insert("storage_limit".to_owned(), "1".to_owned());
    let error = refused(options).await;
    assert!(
        matches!(error, StartError::VariableUnknown { .. }),
        "{error}"
    );
    assert_says(&error, &["storage_limit", "storage_limit_bytes"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_in_the_manifest_is_named_with_its_line() {
    let folder = TempDir::new().unwrap();
    let mut options = options(&folder);
    let manifest = folder.path().join("spin.toml");
    let text = std::fs::read_to_string(&options.manifest).unwrap();
    std::fs::write(
        &manifest,
        format!("{text}\n[component.user-service.colour]\nis = 1\n"),
    )
    .unwrap();
    options.manifest = manifest.clone();
    let error = refused(options).await;
    let StartError::Manifest { line, .. } = error else {
        panic!("{error}");
    };
    let lines = text.lines().count();
    assert!((lines + 1..=lines + 3).contains(&line), "{line} of {lines}");
    assert_says(
        &error,
        &[&format!("{}:{line}", manifest.display()), "colour"],
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_on_a_taken_port_or_in_a_folder_of_another_version_does_not_start() {
    let folder = TempDir::new().unwrap();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let start = |listen: SocketAddr, name: &str| {
        let dir = folder.path().join(name);
        let buckets: [&str; 0] = [];
        spinreel_bucket::Bucket::start(spinreel_bucket::Options::new(dir, listen, buckets))
    };
    let Err(error) = start(taken.local_addr().unwrap(), "a").await else {
        panic!("it started");
    };
    assert!(
        matches!(error, spinreel_bucket::StartError::Listen { .. }),
        "{error}"
    );

    let other = folder.path().join("b");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("VERSION"), "another bucket\n").unwrap();
    let Err(error) = start(SocketAddr::from(([127, 0, 0, 1], 0)), "b").await else {
        panic!("it started");
    };
    assert!(
        matches!(error, spinreel_bucket::StartError::Version { .. }),
        "{error}"
    );
}

/// With one function of WASI preview 1, a component is linked with an adapter: one more module to instantiate for each request.
#[test]
fn no_component_needs_preview_1() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap();
    for name in ["user", "video", "storage", "usage", "logging"] {
        let file = format!("target/wasm32-wasip2/release/{name}_service.wasm");
        let component = std::fs::read(root.join(file)).unwrap();
        let has = |word: &str| {
            component
                .windows(word.len())
                .any(|part| part == word.as_bytes())
        };
        assert!(has("wasi:http/types@0.2"), "{name}: not a component");
        assert!(!has("wasi_snapshot_preview1"), "{name}");
    }
}
