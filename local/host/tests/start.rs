#![allow(missing_docs, clippy::unwrap_used)]
//! What is said when the host cannot start. No component is needed for that.

use std::fs;
use std::path::{Path, PathBuf};

use spinreel_host::{Host, Options, StartError};

const MANIFEST: &str = r#"spin_manifest_version = 2
[application]
name = "app"
[variables]
word = { required = true }
[[trigger.http]]
route = "/..."
component = "web"
[component.web]
source = "web.wasm"
key_value_stores = ["default"]
allowed_outbound_hosts = ["{{ word }}"]
"#;

/// A component without imports and exports.
const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

struct Application {
    folder: tempfile::TempDir,
    options: Options,
}

impl Application {
    fn new(manifest: &str) -> Application {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spin.toml");
        fs::write(&path, manifest).unwrap();
        let mut options = Options::new(path, folder.path().join("state"));
        options.read_environment = false;
        options
            .variables
            .insert("word".to_owned(), "http://a.org".to_owned());
        Application { folder, options }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn error(&self) -> StartError {
        match Host::start(self.options.clone()).await {
            Ok(_) => panic!("the host started"),
            Err(error) => error,
        }
    }

    async fn message(&self) -> String {
        self.error().await.to_string()
    }
}

fn is_absent(path: &Path) -> bool {
    !path.try_exists().unwrap()
}

#[tokio::test]
async fn configuration_errors_come_before_the_state_folder_is_made() {
    let mut application = Application::new(MANIFEST);
    application.options.variables.clear();
    let message = application.message().await;
    assert!(
        message.contains("`word`") && message.contains("SPIN_VARIABLE_WORD"),
        "{message}"
    );

    let mut application = Application::new(MANIFEST);
    application
        .options
        .variables
        .insert("world".to_owned(), String::new());
    let message = application.message().await;
    assert!(
        message.contains("`--variable world=…`") && message.ends_with("word"),
        "{message}"
    );

    let mut application = Application::new(MANIFEST);
    application.options.memory_limits.insert("db".to_owned(), 1);
    assert!(
        matches!(application.error().await, StartError::LimitUnknown { component } if component == "db")
    );
    assert!(is_absent(&application.path("state")));
}

#[tokio::test]
async fn an_allowed_host_is_checked_after_its_variables_are_known() {
    let mut application = Application::new(MANIFEST);
    application
        .options
        .variables
        .insert("word".to_owned(), "a.org".to_owned());
    let message = application.message().await;
    assert!(
        message.contains("spin.toml:12: ") && message.contains("scheme"),
        "{message}"
    );
}

#[tokio::test]
async fn a_store_without_configuration_is_named_with_the_file_that_lacks_it() {
    let application = Application::new(&MANIFEST.replace("\"default\"", "\"users\""));
    let message = application.message().await;
    assert!(message.contains("[key_value_store.users]"), "{message}");
    assert!(message.contains("runtime-config.toml"), "{message}");
}

#[tokio::test]
async fn a_runtime_configuration_beside_the_manifest_is_read() {
    let application = Application::new(MANIFEST);
    fs::write(application.path("runtime-config.toml"), "[sqlite]\n").unwrap();
    let message = application.message().await;
    assert!(message.contains("runtime-config.toml:1: "), "{message}");
}

#[tokio::test]
async fn a_missing_component_is_named_with_the_command_that_builds_it() {
    let application = Application::new(MANIFEST);
    let message = application.message().await;
    assert!(
        message.contains("`web`") && message.contains("web.wasm is missing"),
        "{message}"
    );
    assert!(message.contains("cargo xtask build"), "{message}");
}

#[tokio::test]
async fn what_is_not_a_component_for_http_is_refused() {
    let application = Application::new(MANIFEST);
    fs::write(application.path("web.wasm"), "not wasm").unwrap();
    assert!(matches!(
        application.error().await,
        StartError::ComponentInvalid { .. }
    ));
    fs::write(application.path("web.wasm"), EMPTY_COMPONENT).unwrap();
    let message = application.message().await;
    assert!(message.contains("wasi:http/incoming-handler"), "{message}");
}

#[tokio::test]
async fn a_taken_port_is_said_to_be_taken() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut application = Application::new(MANIFEST);
    application.options.listen = taken.local_addr().unwrap();
    let message = application.message().await;
    assert!(
        message.contains("taken") && message.contains("--listen"),
        "{message}"
    );
}

#[tokio::test]
async fn the_state_of_another_version_is_refused_untouched() {
    let application = Application::new(MANIFEST);
    fs::create_dir(application.path("state")).unwrap();
    fs::write(application.path("state/VERSION"), "99\n").unwrap();
    let message = application.message().await;
    assert!(message.contains("99"), "{message}");
    assert_eq!(fs::read_dir(application.path("state")).unwrap().count(), 1);
}

#[tokio::test]
async fn a_missing_manifest_is_named() {
    let mut application = Application::new(MANIFEST);
    application.options.manifest = application.path("other.toml");
    let message = application.message().await;
    assert!(message.contains("other.toml"), "{message}");
}
