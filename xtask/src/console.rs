//! The console's page: type-checked and bundled from `components/console/web`, for the component's build.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::clients::{complete, install_javascript, is_complete, read};
use crate::run::{run, step};

/// The page's sources, below the repository's root.
const SOURCES: &str = "components/console/web";
/// The contract that its types are made from.
const CONTRACT: &str = "components/console/files/openapi.json";
/// What npm leaves there for who works on the page by hand.
const NOT_SOURCES: [&str; 2] = ["node_modules", "contract.d.ts"];

/// The folder with the bundled page, below `target`; at once where nothing has changed. `None` on a machine where what bundles it
/// cannot be had: a person is told.
///
/// The sources are copied there first, so that nothing is installed among them.
pub(crate) fn bundle(root: &Path, target: &Path) -> Result<Option<PathBuf>> {
    let sources = root.join(SOURCES);
    let folder = target.join("console");
    let bundled = folder.join("page");
    let mut files = Vec::new();
    list(&sources, Path::new(""), &mut files)?;
    let mut made_from = read(&root.join(CONTRACT))?;
    for file in &files {
        made_from.push_str(&file.to_string_lossy());
        made_from.push_str(&read(&sources.join(file))?);
    }
    if is_complete(&folder, &made_from) && bundled.join("index.html").exists() {
        return Ok(Some(bundled));
    }
    let web = folder.join("web");
    if let Err(error) = install_javascript(&sources, &web, "what bundles the console's page") {
        eprintln!("The console has no page: {error:#}");
        return Ok(None);
    }
    step("Bundling the console's page");
    // One that is not among the sources any more must not be there either.
    let _ = fs::remove_dir_all(web.join("src"));
    for file in &files {
        let copy = web.join(file);
        fs::create_dir_all(copy.parent().context("a file in a folder")?)?;
        fs::copy(sources.join(file), copy)?;
    }
    fs::create_dir_all(folder.join("files"))?;
    fs::copy(root.join(CONTRACT), folder.join("files/openapi.json"))?;
    run(Command::new("npm")
        .args(["run", "--silent", "check"])
        .current_dir(&web)
        .stdout(std::process::Stdio::null()))?;
    run(Command::new("node")
        .arg("build.mjs")
        .args([&bundled, &web])
        .current_dir(&web))?;
    complete(&folder, &made_from)?;
    Ok(Some(bundled))
}

/// The paths of all files below `folder`, in order.
fn list(sources: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let mut entries: Vec<_> = fs::read_dir(sources.join(folder))?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        if NOT_SOURCES.iter().any(|other| name == *other) {
            continue;
        }
        let path = folder.join(name);
        match entry.file_type()?.is_dir() {
            true => list(sources, &path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}
