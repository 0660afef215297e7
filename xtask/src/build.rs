//! What cargo is asked to do.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::run::{is_quiet, replace, run, step};
use crate::{clients, console, films, wasm_target};

const COMPONENTS: [&str; 6] = [
    "user-service",
    "video-service",
    "storage-service",
    "usage-service",
    "logging-service",
    "console",
];

/// What every native build selects. Cargo unites the features of what is selected, so a smaller selection would compile
/// wasmtime once more with other ones.
const NATIVE: [&str; 1] = ["--workspace"];

/// Builds the components of `spin.toml`, and the target that they need where it is missing. A machine that cannot bundle the
/// console's page gets a console without one.
pub(crate) fn components() -> Result<()> {
    wasm_target::ensure_installed(&target_dir().join("wasm32-wasip2"))?;
    let page = console::bundle(&root(), &target_dir())?;
    step("Building the components");
    let mut build = cargo("build");
    if let Some(page) = page {
        build.env("CONSOLE_PAGE", page);
    }
    run(build
        .args(["--release", "--target", "wasm32-wasip2"])
        .args(COMPONENTS.iter().flat_map(|name| ["--package", name])))
}

/// Builds the embedded host and bucket and becomes that program.
pub(crate) fn local(command: &str, arguments: &[String]) -> Result<()> {
    local_program()?;
    replace(
        Command::new(target_dir().join("debug/spinreel-local"))
            .arg(command)
            .args(arguments),
    )
}

/// Builds the embedded host and bucket. Some tests start and kill that program.
pub(crate) fn local_program() -> Result<()> {
    step("Building the embedded host (several minutes the first time)");
    run(cargo("build")
        .args(NATIVE)
        .args(["--bin", "spinreel-local"]))
}

/// Installs the clients that others wrote and tests run, and makes the films that tests read, where they are missing.
pub(crate) fn foreign_clients() -> Result<()> {
    films::prepare(&target_dir().join("films"))?;
    clients::prepare(&root(), &target_dir())
}

/// Runs every test of the workspace. Some need [`foreign_clients`] and [`local_program`].
pub(crate) fn tests(arguments: &[String]) -> Result<()> {
    step("Building and running the tests (several minutes the first time)");
    run(cargo("test").args(NATIVE).args(arguments))
}

/// Builds the unit tests of these packages, and of no others: what [`fuzz`](crate::fuzz) runs does not need wasmtime.
pub(crate) fn build_tests(packages: &[&str]) -> Result<()> {
    run(library_tests(packages).arg("--no-run"))
}

/// Runs some tests of these packages, of their libraries and of the films, by their whole names.
pub(crate) fn named_tests(packages: &[&str], names: &[&str]) -> Command {
    let mut command = library_tests(packages);
    command
        .args(["--no-fail-fast", "--", "--exact"])
        .args(names);
    command
}

fn library_tests(packages: &[&str]) -> Command {
    let mut command = cargo("test");
    command.args(["--lib", "--test", "films"]);
    for package in packages {
        command.args(["--package", package]);
    }
    command
}

/// Runs the benchmarks.
pub(crate) fn bench(arguments: &[String]) -> Result<()> {
    step("Building the benchmarks");
    run(cargo("build").args([
        "--release",
        "--target",
        "wasm32-wasip2",
        "--package",
        "bench-hello",
    ]))?;
    run(cargo("build")
        .args(NATIVE)
        .args(["--bin", "spinreel-bench"]))?;
    replace(Command::new(target_dir().join("debug/spinreel-bench")).args(arguments))
}

/// Formatting and lints.
pub(crate) fn lint() -> Result<()> {
    step("Checking the formatting");
    run(cargo_plain("fmt").args(["--all", "--check"]))?;
    step("Checking the lints");
    run(cargo("clippy").args(["--workspace", "--all-targets", "--", "-D", "warnings"]))
}

/// Cargo with the target folder that `spin.toml` names, whatever the environment says.
fn cargo(subcommand: &str) -> Command {
    let mut command = cargo_plain(subcommand);
    command.arg("--target-dir").arg(target_dir());
    if is_quiet() {
        command.arg("--quiet");
    }
    command
}

fn cargo_plain(subcommand: &str) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.arg(subcommand).current_dir(root());
    command
}

fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}

pub(crate) fn target_dir() -> PathBuf {
    root().join("target")
}
