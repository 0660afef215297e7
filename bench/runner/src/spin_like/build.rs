//! The components that are measured: those of this repository, or those of an older build.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use toml::{Table, Value};

use crate::repository;

/// A manifest, and what to call it.
pub(super) struct Build {
    pub(super) name: &'static str,
    pub(super) manifest: PathBuf,
}

impl Build {
    /// The components of this repository.
    pub(super) fn present() -> Self {
        Self {
            name: "present",
            manifest: repository("spin.toml"),
        }
    }

    /// The components in a folder. Their manifest is copied into a new folder in `into`, with the paths of their files, and
    /// with the present routes: Spin's router may go wrong with older ones.
    pub(super) fn old(components: &Path, into: &Path) -> Result<Self> {
        let components = components
            .canonicalize()
            .with_context(|| format!("{} is no folder", components.display()))?;
        let old = read(&components.join("spin.toml"))?;
        let present = read(&repository("spin.toml"))?;
        let folder = into.join("old-build");
        std::fs::create_dir(&folder)?;
        let manifest = folder.join("spin.toml");
        std::fs::write(&manifest, moved(old, &present, &components)?.to_string())?;
        let config = "runtime-config.toml";
        std::fs::copy(components.join(config), folder.join(config))
            .with_context(|| format!("{} has no {config}", components.display()))?;
        Ok(Self {
            name: "old",
            manifest,
        })
    }
}

fn read(manifest: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(manifest)
        .with_context(|| format!("{} cannot be read", manifest.display()))?;
    text.parse()
        .with_context(|| format!("{} is no TOML", manifest.display()))
}

/// The manifest of components that were moved to `folder`, with the routes of another manifest.
fn moved(mut manifest: Table, routes: &Table, folder: &Path) -> Result<Table> {
    let triggers = routes.get("trigger").context("there are no routes")?;
    manifest.insert("trigger".to_owned(), triggers.clone());
    let components = manifest
        .get_mut("component")
        .and_then(Value::as_table_mut)
        .context("there are no components")?;
    for (id, component) in components {
        let source = component
            .get_mut("source")
            .with_context(|| format!("component {id} has no source"))?;
        let file = source.as_str().map(Path::new).and_then(Path::file_name);
        let file = file.with_context(|| format!("the source of component {id} is no file"))?;
        let path = folder.join(file);
        *source = Value::from(path.to_str().context("the folder's name is not UTF-8")?);
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn components_that_were_moved_keep_all_but_their_files_and_routes() {
        let old: Table = "name = 'old'\n[[trigger.http]]\nroute = '/...'\n[component.a]\nsource = 'target/a.wasm'\nkey = 1"
            .parse()
            .unwrap();
        let present: Table = "[[trigger.http]]\nroute = '/a/...'".parse().unwrap();
        let expected: Table =
            "name = 'old'\n[[trigger.http]]\nroute = '/a/...'\n[component.a]\nsource = '/old/a.wasm'\nkey = 1"
                .parse()
                .unwrap();
        let moved = moved(old, &present, Path::new("/old")).unwrap();
        assert_eq!(moved, expected);
        // The text of a table is read back as the same table.
        assert_eq!(moved.to_string().parse::<Table>().unwrap(), expected);
    }
}
