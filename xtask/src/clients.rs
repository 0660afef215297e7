//! Clients that others wrote, for the tests that run them against ours: Google's of Cloud Storage, against the embedded
//! bucket, with the source of the Python one, whose test data other tests read; PyJWT, against the tokens; the
//! reference library of Standard Webhooks, against the webhooks; Schemathesis and Spectral, against the published contract;
//! players, in a browser; parsers of playlists and manifests, curl, and nginx as a CDN, against playback; Prometheus' library,
//! against the metrics; and tuspy and tus-js-client, against uploads that resume.
//!
//! Everything is installed below one folder, at the versions that the files in [`GOOGLE_PINS`] and [`INTEROP_PINS`] name,
//! and by the machine's own pip, npm and apt as they are configured. A part whose versions have not changed is not
//! touched again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::run::{capture, run, step};

/// The folder with `python/requirements.txt` and `javascript/package-lock.json`, below the repository's root.
const GOOGLE_PINS: &str = "local/bucket/tests/google";
/// The folder with a folder for each of [`INTEROP`], below the repository's root.
const INTEROP_PINS: &str = "tests/interop";
/// Python libraries: a folder with `requirements.txt`, and what is in it, for a person.
const INTEROP: [(&str, &str); 6] = [
    ("contract", "Schemathesis"),
    ("jwt", "PyJWT"),
    ("metrics", "Prometheus' library"),
    ("playback", "m3u8 and mpegdash"),
    ("tus", "tuspy"),
    ("webhook", "Standard Webhooks"),
];
/// The folder of tus-js-client below [`INTEROP_PINS`].
const TUS_CLIENT: &str = "tus-js";
/// The folder of the linter of OpenAPI documents below [`INTEROP_PINS`].
const SPECTRAL: &str = "spectral";
/// The folder of the players and of what drives a browser, below [`INTEROP_PINS`].
const BROWSER: &str = "browser";
/// Google's Python client's name in `requirements.txt`.
const PYTHON_CLIENT: &str = "google-cloud-storage";
/// The oldest major version of Node.js that the pinned JavaScript client runs on (its `engines`); Debian 12 has it.
const OLDEST_NODE: u32 = 18;
/// Programs of Debian packages that are called as they are, and what each is asked to see whether it is there.
const PROGRAMS: [(&str, &str); 3] = [
    ("chromium", "--version"),
    ("curl", "--version"),
    ("nginx", "-v"),
];
/// Written into a part's folder when the part is complete; it holds what the part was made from.
const STAMP: &str = ".complete";

/// Makes `google/venv/`, `google/sdist/`, `google/node/`, `interop/*/venv/` and `interop/tus-js/node/` in `target`; returns
/// at once where they are already there.
pub(crate) fn prepare(root: &Path, target: &Path) -> Result<()> {
    let (pins, folder) = (root.join(GOOGLE_PINS), target.join("google"));
    google_python(&pins.join("python"), &folder)
        .context("Google's Python client, which the tests use, cannot be installed")?;
    javascript(
        &pins.join("javascript"),
        &folder.join("node"),
        "Google's JavaScript client of Cloud Storage",
    )?;
    let (pins, folder) = (root.join(INTEROP_PINS), target.join("interop"));
    javascript(
        &pins.join(TUS_CLIENT),
        &folder.join(TUS_CLIENT).join("node"),
        "tus-js-client",
    )?;
    javascript(
        &pins.join(SPECTRAL),
        &folder.join(SPECTRAL).join("node"),
        "Spectral",
    )?;
    javascript(
        &pins.join(BROWSER),
        &folder.join(BROWSER).join("node"),
        "hls.js, Shaka, dash.js, axe-core and Playwright",
    )?;
    for (program, question) in PROGRAMS {
        if !works(Command::new(program).arg(question)) {
            apt_install(&[program])
                .with_context(|| format!("{program}, which the tests use, cannot be installed"))?;
        }
    }
    for (name, what) in INTEROP {
        let requirements = root.join(INTEROP_PINS).join(name).join("requirements.txt");
        let environment = target.join("interop").join(name).join("venv");
        python(&requirements, &environment, what)
            .with_context(|| format!("{what}, which the tests use, cannot be installed"))?;
    }
    Ok(())
}

/// `venv/`, with the client and all that it needs, and `sdist/`, the client's unpacked source.
fn google_python(pins: &Path, folder: &Path) -> Result<()> {
    let requirements = pins.join("requirements.txt");
    let environment = folder.join("venv");
    let interpreter = python(
        &requirements,
        &environment,
        "Google's Python client of Cloud Storage",
    )?;

    let wanted = read(&requirements)?;
    let requirement = wanted
        .lines()
        .find(|line| line.starts_with(&format!("{PYTHON_CLIENT}==")))
        .with_context(|| format!("{} does not pin {PYTHON_CLIENT}", requirements.display()))?;
    let source = folder.join("sdist");
    if !is_complete(&source, requirement) {
        step("Downloading the source of Google's Python client");
        download_source(&interpreter, requirement, &source)?;
        complete(&source, requirement)?;
    }
    Ok(())
}

/// A virtual environment with what the file `requirements` names; `what` tells a person. Gives its interpreter.
fn python(requirements: &Path, environment: &Path, what: &str) -> Result<PathBuf> {
    let wanted = read(requirements)?;
    let interpreter = environment.join("bin/python");
    // An environment points to the interpreter it was made with, which may be gone since.
    if !is_complete(environment, &wanted) || !works(Command::new(&interpreter).args(["-c", ""])) {
        step(&format!("Installing {what}"));
        fs::create_dir_all(environment)?;
        make_environment(environment)?;
        run(Command::new(&interpreter)
            .args(["-m", "pip", "install", "--quiet", "--requirement"])
            .arg(requirements))?;
        complete(environment, &wanted)?;
    }
    Ok(interpreter)
}

/// An empty virtual environment, with apt's help where the machine's Python cannot make one.
fn make_environment(environment: &Path) -> Result<()> {
    let by = |interpreter: &str| {
        let mut command = Command::new(interpreter);
        command.args(["-m", "venv", "--clear"]).arg(environment);
        command
    };
    if works(&mut by("python3")) {
        return Ok(());
    }
    // Debian's python3 comes without what `venv` needs.
    apt_install(&["python3", "python3-venv"])?;
    run(&mut by("/usr/bin/python3"))
}

fn download_source(interpreter: &Path, requirement: &str, source: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(source);
    let download = source.join("download");
    fs::create_dir_all(&download)?;
    run(Command::new(interpreter)
        .args(["-m", "pip", "download", "--quiet", "--no-deps"])
        .args(["--no-binary", PYTHON_CLIENT, "--dest"])
        .arg(&download)
        .arg(requirement))?;
    let archive = fs::read_dir(&download)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().ends_with(".tar.gz"))
        .context("pip downloaded no source archive")?;
    run(Command::new("tar")
        .args(["--extract", "--gzip", "--strip-components=1", "--file"])
        .arg(archive)
        .arg("--directory")
        .arg(source))?;
    fs::remove_dir_all(&download)?;
    Ok(())
}

/// `node_modules/` as the lock file says; `what` tells a person.
fn javascript(pins: &Path, folder: &Path, what: &str) -> Result<()> {
    install_javascript(pins, folder, what)
        .with_context(|| format!("{what}, which the tests use, cannot be installed"))
}

/// As [`javascript`], for whatever uses it.
pub(crate) fn install_javascript(pins: &Path, folder: &Path, what: &str) -> Result<()> {
    let files = ["package.json", "package-lock.json"];
    let wanted = files
        .iter()
        .map(|name| read(&pins.join(name)))
        .collect::<Result<String>>()?;
    let installed = is_complete(folder, &wanted);
    let npm_works = || works(Command::new("npm").arg("--version"));
    if node_version().is_none() || !(installed || npm_works()) {
        apt_install(&["nodejs", "npm"])?;
    }
    match node_version() {
        Some(version) if version >= OLDEST_NODE => {}
        Some(version) => bail!(
            "`node` is Node.js {version}, but version {OLDEST_NODE} or a newer one is needed: install that and run this again"
        ),
        None => bail!("`node` does not work: install Node.js {OLDEST_NODE} or a newer one"),
    }
    if installed {
        return Ok(());
    }
    step(&format!("Installing {what}"));
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder)?;
    for name in files {
        fs::copy(pins.join(name), folder.join(name))?;
    }
    run(Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .arg("--loglevel=error")
        .current_dir(folder)
        .stdout(Stdio::null()))?;
    complete(folder, &wanted)
}

/// The major version of the machine's Node.js.
fn node_version() -> Option<u32> {
    let output = Command::new("node").arg("--version").output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    version
        .trim()
        .strip_prefix('v')?
        .split('.')
        .next()?
        .parse()
        .ok()
}

/// Installs Debian packages, on a machine where that needs nobody's password.
pub(crate) fn apt_install(packages: &[&str]) -> Result<()> {
    let line = format!("apt-get install {}", packages.join(" "));
    let is_root = capture(Command::new("id").arg("-u")).is_ok_and(|id| id == "0");
    ensure!(
        is_root && works(Command::new("apt-get").arg("--version")),
        "{} is needed: install it (on Debian and Ubuntu: `{line}`) and run this again",
        packages.join(" with ")
    );
    step(&format!("Installing {}", packages.join(" and ")));
    let apt = || {
        let mut command = Command::new("apt-get");
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(Stdio::null());
        command
    };
    run(apt().args(["update", "-qq"]))?;
    run(apt()
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(packages))
}

/// Whether the program is there and succeeds; what it prints is not shown.
pub(crate) fn works(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

pub(crate) fn is_complete(part: &Path, made_from: &str) -> bool {
    fs::read_to_string(part.join(STAMP)).is_ok_and(|stamp| stamp == made_from)
}

pub(crate) fn complete(part: &Path, made_from: &str) -> Result<()> {
    fs::write(part.join(STAMP), made_from)?;
    Ok(())
}
