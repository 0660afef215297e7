//! Packs the files of `files/`, and those of the page where `CONSOLE_PAGE` names the folder that it was bundled into: each as it
//! is and compressed, with what its entity tags begin with.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("files");
    println!("cargo::rerun-if-changed={}", folder.display());
    println!("cargo::rerun-if-env-changed=CONSOLE_PAGE");
    let mut files = listed(&folder, "")?;
    if let Some(page) = std::env::var_os("CONSOLE_PAGE").map(PathBuf::from) {
        println!("cargo::rerun-if-changed={}", page.display());
        files.push(("index.html".to_owned(), page.join("index.html")));
        files.extend(listed(&page.join("assets"), "assets/")?);
    }
    let out = std::env::var("OUT_DIR")?;
    let mut table = String::from("&[\n");
    for (number, (name, path)) in files.iter().enumerate() {
        let bytes = fs::read(path)?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&bytes)?;
        let compressed = Path::new(&out).join(format!("{number}.gz"));
        fs::write(&compressed, encoder.finish()?)?;
        let digest = Sha256::digest(&bytes);
        let tag: String = digest[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        writeln!(
            table,
            "    File {{ name: {name:?}, tag: {tag:?}, bytes: include_bytes!({path:?}), gzip: include_bytes!({compressed:?}) }},",
        )?;
    }
    table.push(']');
    fs::write(Path::new(&out).join("files.rs"), table)?;
    Ok(())
}

/// The files of a folder in the order of their names, which get a prefix.
fn listed(folder: &Path, prefix: &str) -> Result<Vec<(String, PathBuf)>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.push((format!("{prefix}{name}"), entry.path()));
    }
    files.sort();
    Ok(files)
}
