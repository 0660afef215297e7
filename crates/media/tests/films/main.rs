//! Files made by ffmpeg: what is found out of them is what ffprobe says of them. `cargo xtask clients` makes them.

#![allow(clippy::unwrap_used)]

mod broken;
mod counting;
mod ffprobe;
mod hostile;
mod samples;
mod shown;

use std::path::PathBuf;

/// Where the films are.
fn folder() -> PathBuf {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/films"));
    let is_complete = folder.join(".complete").is_file();
    assert!(is_complete, "run `cargo xtask clients` first");
    folder
}

/// The names of all films that are videos, in order.
fn videos() -> Vec<String> {
    let files = std::fs::read_dir(folder()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let is_video = |name: &String| !name.starts_with(['.', 's']);
    let mut names: Vec<_> = names.filter(is_video).collect();
    names.sort();
    names
}

/// The bytes of a film.
fn film(name: &str) -> bytes::Bytes {
    std::fs::read(folder().join(name)).unwrap().into()
}
