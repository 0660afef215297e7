//! Packs the files of `files/`: each as it is and compressed, with its entity tag.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("files");
    let out = std::env::var("OUT_DIR")?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut names: Vec<_> = fs::read_dir(&folder)?.collect::<Result<_, _>>()?;
    names.sort_by_key(fs::DirEntry::file_name);
    let mut table = String::from("&[\n");
    for entry in names {
        let bytes = fs::read(entry.path())?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&bytes)?;
        let compressed = Path::new(&out).join(format!("{name}.gz"));
        fs::write(&compressed, encoder.finish()?)?;
        let digest = Sha256::digest(&bytes);
        let tag: String = digest[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        writeln!(
            table,
            "    File {{ name: {name:?}, tag: {tag:?}, bytes: include_bytes!({:?}), gzip: include_bytes!({compressed:?}) }},",
            entry.path(),
        )?;
    }
    table.push(']');
    fs::write(Path::new(&out).join("files.rs"), table)?;
    Ok(())
}
