//! The `wasm32-wasip2` target: by rustup where it can download, else built from the standard library's source.
//!
//! The second way needs two things that a machine without rustup's server may still have a source for: the
//! standard library's source of exactly this rustc (rustup's own `rust-src`, else Debian's package of the
//! same version) and wasi-libc (Debian's). Both packages come from suites that the machine need not
//! have: apt is pointed at a private list, and nothing is installed on the system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::run::{capture, run, step};

const TARGET: &str = "wasm32-wasip2";
/// Suites that may carry the packages, the most conservative first.
const SUITES: [&str; 3] = ["trixie-backports", "forky", "sid"];

/// Makes `cargo build --target wasm32-wasip2` work; returns at once where it already does. `built` is the folder with
/// what was built for the target so far.
pub(crate) fn ensure_installed(built: &Path) -> Result<()> {
    let sysroot = PathBuf::from(capture(Command::new("rustc").args(["--print", "sysroot"]))?);
    let target_dir = sysroot.join("lib/rustlib").join(TARGET);
    if has_std(&target_dir) {
        return Ok(());
    }
    step("Adding the wasm32-wasip2 target");
    // Cargo does not notice that the standard library changes below what it has built.
    let _ = fs::remove_dir_all(built);
    let by_rustup = Command::new("rustup")
        .args(["target", "add", TARGET])
        .output();
    if by_rustup.is_ok_and(|output| output.status.success()) && has_std(&target_dir) {
        return Ok(());
    }
    step("rustup cannot download it here: building it from source (about a minute)");
    build_from_source(&sysroot, &target_dir)
        .context("the wasm32-wasip2 target could neither be downloaded nor built")
}

/// Whether the target's standard library is there, with what link-time optimisation needs of it.
fn has_std(target_dir: &Path) -> bool {
    let lib = target_dir.join("lib");
    let core = file_in(&lib, "libcore-", ".rlib");
    core.is_some_and(|core| has_bitcode(&core))
        && file_in(&lib, "libstd-", ".rlib").is_some()
        && file_in(&lib.join("self-contained"), "crt1-command", ".o").is_some()
}

fn file_in(folder: &Path, prefix: &str, suffix: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    entries.map(|entry| entry.path()).find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(prefix) && name.ends_with(suffix)
    })
}

/// Looks for the section that LLVM's bitcode is kept in.
fn has_bitcode(rlib: &Path) -> bool {
    const SECTION: &[u8] = b".llvmbc";
    fs::read(rlib).is_ok_and(|bytes| bytes.windows(SECTION.len()).any(|window| window == SECTION))
}

fn build_from_source(sysroot: &Path, target_dir: &Path) -> Result<()> {
    let version = rustc_release()?;
    let work = std::env::temp_dir().join(format!("spinreel-wasm-target-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    let result = (|| {
        let debian = DebianPackages::new(&work.join("apt"));
        let source = match rustup_source(sysroot) {
            Some(source) => source,
            None => debian
                .as_ref()
                .map_err(clone_error)?
                .standard_library(&version)?,
        };
        let libc = debian.as_ref().map_err(clone_error)?.wasi_libc()?;
        let rlibs = build_std(&work, &source, &libc, sysroot)?;
        install(&rlibs, &libc, target_dir)
    })();
    let _ = fs::remove_dir_all(&work);
    result
}

fn clone_error(error: &anyhow::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}

fn rustc_release() -> Result<String> {
    let verbose = capture(Command::new("rustc").arg("-vV"))?;
    verbose
        .lines()
        .find_map(|line| line.strip_prefix("release: "))
        .map(str::to_owned)
        .context("`rustc -vV` names no release")
}

fn rustup_source(sysroot: &Path) -> Option<PathBuf> {
    let source = sysroot.join("lib/rustlib/src/rust");
    (source.join("library/std").is_dir() && source.join("library/vendor").is_dir())
        .then_some(source)
}

/// A private view on Debian's archive: the machine's own mirror, suites that it does not have.
struct DebianPackages {
    folder: PathBuf,
    options: Vec<String>,
}

impl DebianPackages {
    fn new(folder: &Path) -> Result<Self> {
        let mirror = machine_mirror()?;
        fs::create_dir_all(folder.join("lists/partial"))?;
        fs::create_dir_all(folder.join("cache/partial"))?;
        let list = folder.join("sources.list");
        let lines: Vec<String> = SUITES
            .iter()
            .map(|suite| format!("deb {mirror} {suite} main\n"))
            .collect();
        fs::write(&list, lines.concat())?;
        let option = |key: &str, value: &str| ["-o".to_owned(), format!("{key}={value}")];
        let at = |name: &str| folder.join(name).display().to_string();
        let options = [
            option("Dir::Etc::sourcelist", &at("sources.list")),
            option("Dir::Etc::sourceparts", "-"),
            option("Dir::State::lists", &at("lists")),
            option("Dir::Cache", &at("cache")),
            option("Dir::Cache::archives", &at("cache")),
            // The sandbox user of apt cannot enter a private folder.
            option("APT::Sandbox::User", "root"),
        ]
        .concat();
        let debian = Self {
            folder: folder.to_owned(),
            options,
        };
        run(debian.apt("apt-get").args(["update", "-qq"]))?;
        Ok(debian)
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(&self.options).current_dir(&self.folder);
        command
    }

    /// The folder that holds `library/`, of exactly the compiler's version.
    fn standard_library(&self, version: &str) -> Result<PathBuf> {
        let found = self.unpack("rust-src", |candidate| {
            candidate.split(['+', '-', '~']).next() == Some(version)
        })?;
        let source = found.join("usr/src");
        let inner = fs::read_dir(&source)?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.join("library/std").is_dir());
        inner.with_context(|| format!("rust-src {version} has no library/std"))
    }

    /// The folder that holds `libc.a` and `crt1-*.o`.
    fn wasi_libc(&self) -> Result<PathBuf> {
        let found = self.unpack("wasi-libc", |_| true)?;
        let folder = find_file(&found, Path::new("wasm32-wasip2/libc.a"))
            .context("Debian's wasi-libc has no wasm32-wasip2")?;
        Ok(folder)
    }

    fn unpack(&self, package: &str, wanted: impl Fn(&str) -> bool) -> Result<PathBuf> {
        let listing = capture(self.apt("apt-cache").args(["madison", package]))?;
        let version = listing
            .lines()
            .filter_map(|line| line.split('|').nth(1))
            .map(str::trim)
            .find(|version| wanted(version))
            .with_context(|| format!("no suite of {SUITES:?} has the {package} that is needed"))?;
        run(self
            .apt("apt-get")
            .args(["download", "-qq", &format!("{package}={version}")]))?;
        let archive = fs::read_dir(&self.folder)?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| {
                path.extension().is_some_and(|extension| extension == "deb")
                    && path.file_name().is_some_and(|name| {
                        name.to_string_lossy().starts_with(&format!("{package}_"))
                    })
            })
            .with_context(|| format!("apt downloaded no {package}"))?;
        let unpacked = self.folder.join(package);
        run(Command::new("dpkg").arg("-x").arg(archive).arg(&unpacked))?;
        Ok(unpacked)
    }
}

/// The mirror that the machine itself uses for Debian's main archive.
fn machine_mirror() -> Result<String> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    let words = files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok())
        .flat_map(|text| {
            text.lines()
                .filter(|line| !line.trim_start().starts_with('#'))
                .flat_map(|line| {
                    line.split_whitespace()
                        .map(str::to_owned)
                        .collect::<Vec<_>>()
                })
                .collect::<Vec<_>>()
        });
    words
        .filter(|word| word.contains("://"))
        .find(|word| word.trim_end_matches('/').ends_with("/debian"))
        .context("this machine's apt sources name no Debian mirror (needed to build the wasm target without rustup)")
}

fn find_file(root: &Path, suffix: &Path) -> Option<PathBuf> {
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder)
            .ok()?
            .flatten()
            .map(|entry| entry.path())
        {
            if path.is_dir() {
                folders.push(path);
            } else if path.ends_with(suffix) {
                return path.parent().map(Path::to_owned);
            }
        }
    }
    None
}

/// Builds std for the target and returns the folder with its rlibs.
fn build_std(work: &Path, source: &Path, libc: &Path, sysroot: &Path) -> Result<PathBuf> {
    let linked = sysroot.join("lib/rustlib/src/rust");
    if linked != source {
        fs::create_dir_all(sysroot.join("lib/rustlib/src"))?;
        let _ = fs::remove_file(&linked);
        std::os::unix::fs::symlink(source, &linked)
            .with_context(|| format!("{} cannot be written", linked.display()))?;
    }
    let package = work.join("empty");
    fs::create_dir_all(package.join("src"))?;
    fs::write(package.join("src/lib.rs"), "")?;
    fs::write(
        package.join("Cargo.toml"),
        // One codegen unit: with more, std's `wasi` crate carries its component-type section twice,
        // and later links end in "expected section, got wasm magic number".
        "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n\
         [profile.release]\ncodegen-units = 1\n[workspace]\n",
    )?;
    let built = run(Command::new("cargo")
        .args([
            "build",
            "--quiet",
            "--release",
            "-Zbuild-std=std,panic_abort",
            "--target",
            TARGET,
        ])
        .current_dir(&package)
        .env("RUSTC_BOOTSTRAP", "1")
        // The bitcode is for link-time optimisation of the components.
        .env(
            "RUSTFLAGS",
            format!("-L {} -C embed-bitcode=yes", libc.display()),
        )
        .env("CARGO_TARGET_DIR", work.join("target"))
        .env_remove("CARGO_ENCODED_RUSTFLAGS"));
    if linked != source {
        let _ = fs::remove_file(&linked);
    }
    built?;
    Ok(work.join("target").join(TARGET).join("release/deps"))
}

fn install(rlibs: &Path, libc: &Path, target_dir: &Path) -> Result<()> {
    let lib = target_dir.join("lib");
    let self_contained = lib.join("self-contained");
    // What is there is incomplete or of another build, and two builds of one crate do not go together.
    let _ = fs::remove_dir_all(target_dir);
    fs::create_dir_all(&self_contained)
        .with_context(|| format!("{} cannot be written", target_dir.display()))?;
    // The C side first: `has_std` looks for both, so a run that was cut off is repeated.
    let mut copied = 0;
    for (from, into, extensions) in [
        (libc, &self_contained, &["a", "o"][..]),
        (rlibs, &lib, &["rlib"][..]),
    ] {
        for path in fs::read_dir(from)?.flatten().map(|entry| entry.path()) {
            let extension = path.extension().and_then(|extension| extension.to_str());
            if let (Some(extension), Some(name)) = (extension, path.file_name())
                && extensions.contains(&extension)
            {
                fs::copy(&path, into.join(name))?;
                copied += 1;
            }
        }
    }
    ensure!(copied > 0, "nothing was built");
    if !has_std(target_dir) {
        bail!("{} is incomplete", target_dir.display());
    }
    Ok(())
}
