#![allow(clippy::unwrap_used)]
use super::*;

const GOOD: &str = r#"spin_manifest_version = 2

[application]
name = "app"
version = "1.0.0"
description = "words"
authors = ["me"]

[variables]
secret_word = { required = true, secret = true }
bucket = { default = "spinreel" }

[[trigger.http]]
route = "/users/..."
component = "users"
id = "one"
executor = { type = "http" }

[[trigger.http]]
route = { private = true }
component = "logs"

[component.users]
source = "target/users.wasm"
key_value_stores = ["users", "default"]
allowed_outbound_hosts = ["https://{{ bucket }}.example.com", "http://logs.spin.internal"]
variables = { bucket = "{{ bucket }}", fixed = "x" }
environment = { RUST_LOG = "info" }
[component.users.build]
command = "cargo build"
workdir = "users"
watch = ["src"]

[component.logs]
source = "/abs/logs.wasm"
build = { command = ["one", "two"] }
"#;

fn parse(text: &str) -> Result<Manifest, LineError> {
    Manifest::from_source(&SourceFile::from_text(
        Path::new("/app/spin.toml"),
        text.to_owned(),
    ))
}

/// The error of the good manifest with one piece of it replaced.
fn error_after(from: &str, to: &str) -> (usize, String) {
    assert!(GOOD.contains(from), "{from}");
    let error = parse(&GOOD.replacen(from, to, 1)).unwrap_err();
    (error.line, error.message)
}

#[test]
fn a_manifest_is_read_as_it_is_meant() {
    let manifest = parse(GOOD).unwrap();
    assert_eq!(
        (manifest.name.as_str(), manifest.version.as_deref()),
        ("app", Some("1.0.0"))
    );
    assert_eq!(manifest.variables["secret_word"], None);
    assert_eq!(manifest.variables["bucket"].as_deref(), Some("spinreel"));
    assert_eq!(
        manifest.triggers[0].route.as_ref().unwrap().raw(),
        "/users/..."
    );
    assert!(manifest.triggers[1].route.is_none());
    assert_eq!(manifest.triggers[1].component, "logs");

    let users = &manifest.components["users"];
    assert_eq!(users.source, Path::new("/app/target/users.wasm"));
    assert_eq!(users.key_value_stores, ["users", "default"]);
    assert_eq!(users.environment["RUST_LOG"], "info");
    let values = [("bucket".to_owned(), "b".to_owned())].into();
    let host = &users.allowed_outbound_hosts[0];
    assert_eq!(
        (host.line, host.value.render(&values).as_str()),
        (26, "https://b.example.com")
    );
    assert_eq!(users.variables["bucket"].render(&values), "b");
    assert_eq!(
        manifest.components["logs"].source,
        Path::new("/abs/logs.wasm")
    );
}

#[test]
fn every_mistake_is_an_error_with_its_line() {
    let table = [
        (
            "spin_manifest_version = 2",
            "spin_manifest_version = 1",
            1,
            "version 1",
        ),
        (
            "spin_manifest_version = 2",
            "spin_manifest_version = \"2\"",
            1,
            "not supported",
        ),
        (
            "spin_manifest_version = 2",
            "name = 2",
            1,
            "spin_manifest_version",
        ),
        ("authors = [\"me\"]", "autors = [\"me\"]", 7, "autors"),
        ("name = \"app\"", "", 3, "name"),
        (
            "bucket = { default = \"spinreel\" }",
            "bucket = { }",
            11,
            "default",
        ),
        (
            "bucket = { default = \"spinreel\" }",
            "bucket = { default = \"x\", required = true }",
            11,
            "cannot be required",
        ),
        (
            "bucket = { default = \"spinreel\" }",
            "Bucket = { default = \"x\" }",
            11,
            "Bucket",
        ),
        ("route = \"/users/...\"", "route = \"users\"", 14, "slash"),
        ("route = \"/users/...\"", "route = 7", 14, "route"),
        (
            "route = \"/users/...\"",
            "route = \"/users\"\nbase = \"/\"",
            15,
            "base",
        ),
        ("{ private = true }", "{ private = false }", 20, "private"),
        ("{ private = true }", "{ public = true }", 20, "public"),
        ("{ private = true }", "\"/a/*\"", 20, "wildcard"),
        (
            "component = \"logs\"",
            "component = \"log\"",
            21,
            "[component.log]",
        ),
        ("{ type = \"http\" }", "{ type = \"wagi\" }", 17, "wagi"),
        ("[component.logs]", "[component.lo_gs]", 34, "lo_gs"),
        (
            "source = \"target/users.wasm\"",
            "source = { url = \"x\" }",
            24,
            "string",
        ),
        ("source = \"target/users.wasm\"", "", 23, "source"),
        (
            "[\"users\", \"default\"]",
            "[\"users\", \"a b\"]",
            25,
            "a b",
        ),
        (
            "{{ bucket }}.example.com",
            "{{ buckets }}.example.com",
            26,
            "buckets",
        ),
        (
            "bucket = \"{{ bucket }}\"",
            "bucket = \"{{ bucket\"",
            27,
            "not closed",
        ),
        ("fixed = \"x\"", "Fixed = \"x\"", 27, "Fixed"),
        (
            "environment = {",
            "files = [\"a\"]\nenvironment = {",
            28,
            "files",
        ),
        ("command = \"cargo build\"", "command = 3", 30, "command"),
        ("watch = [\"src\"]", "watch = [\"src\"", 34, ""),
        ("[[trigger.http]]", "[[trigger.redis]]", 13, "redis"),
    ];
    for (from, to, line, words) in table {
        let (found, message) = error_after(from, to);
        assert_eq!(found, line, "{to}: {message}");
        assert!(message.contains(words), "{to}: {message}");
    }
}

#[test]
fn of_two_triggers_with_the_same_route_the_last_counts_in_the_place_of_the_first() {
    let text = GOOD.replacen("{ private = true }", "\"/users/...\"", 1);
    let triggers = parse(&text).unwrap().triggers;
    let seen: Vec<_> = triggers
        .iter()
        .map(|trigger| {
            let route = trigger.route.as_ref().map(Pattern::raw);
            (route, trigger.component.as_str())
        })
        .collect();
    assert_eq!(seen, [(Some("/users/..."), "logs"), (None, "users")]);
}

#[test]
fn a_manifest_without_triggers_has_nothing_to_serve() {
    let text = "spin_manifest_version = 2\n[application]\nname = \"a\"\n[trigger]\n";
    assert!(
        parse(text)
            .unwrap_err()
            .message
            .contains("nothing to serve")
    );
}

#[test]
fn the_error_of_a_file_names_the_file_and_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spin.toml");
    std::fs::write(&path, "spin_manifest_version = 2\n\n[aplication]\n").unwrap();
    let message = Manifest::load(&path).unwrap_err().to_string();
    assert!(
        message.starts_with(&format!("{}:3: ", path.display())),
        "{message}"
    );
}
