use std::fs;
use std::path::{Path, PathBuf};

/// The component that the host's own tests call: its handler waits for 30 years.
const SLEEPER: &str = include_str!("../../local/host/src/host/sleeper.wat");

/// Writes a manifest into `folder` that is the application's, of the repository at `root`, but for one component, which
/// never answers.
pub(crate) fn manifest(root: &Path, folder: &Path, component: &str) -> PathBuf {
    let sleeper = folder.join("sleeper.wasm");
    fs::write(&sleeper, wat::parse_str(SLEEPER).unwrap()).unwrap();
    let text = fs::read_to_string(root.join("spin.toml")).unwrap();
    let mut manifest: toml::Table = text.parse().unwrap();
    let components = manifest["component"].as_table_mut().unwrap();
    for (id, entry) in components {
        let source = match id == component {
            true => sleeper.clone(),
            false => root.join(entry["source"].as_str().unwrap()),
        };
        entry["source"] = toml::Value::from(source.to_str().unwrap());
    }
    let path = folder.join("spin.toml");
    fs::write(&path, manifest.to_string()).unwrap();
    path
}
