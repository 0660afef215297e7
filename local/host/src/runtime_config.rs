//! `runtime-config.toml`: what the operator, not the application, decides. The part of Spin's runtime
//! configuration that is supported; everything else is refused with its line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::error::StartError;
use crate::source::{LineError, SourceFile};

/// The name of the file that is looked for beside the manifest.
const FILE_NAME: &str = "runtime-config.toml";

/// The database of the `default` store, as Spin names it.
const DEFAULT_DATABASE: &str = "sqlite_key_value.db";

/// A checked runtime configuration.
#[derive(Debug)]
pub(crate) struct RuntimeConfig {
    /// The file, whether it exists or not, for messages.
    pub(crate) path: PathBuf,
    stores: BTreeMap<String, StorePlace>,
    /// How outbound connections are used.
    pub(crate) outbound: Outbound,
}

/// Where a key-value store keeps its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StorePlace {
    /// In memory, until the host stops.
    Memory,
    /// In a database file of this name in the state folder.
    File(String),
}

/// `[outbound_http]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outbound {
    /// Whether connections are kept for further requests.
    pub(crate) pooling: bool,
    /// How many requests may be under way at a time; `None` is any number.
    pub(crate) max_concurrent: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    #[serde(default)]
    key_value_store: BTreeMap<String, RawStore>,
    outbound_http: Option<RawOutbound>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStore {
    #[serde(rename = "type")]
    kind: Spanned<String>,
    path: Option<Spanned<PathBuf>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOutbound {
    #[serde(default)]
    connection_pooling: bool,
    #[serde(default)]
    max_concurrent_requests: Option<usize>,
}

impl RuntimeConfig {
    /// Reads the file that was named, or the one beside the manifest. A file that was named must exist.
    pub(crate) fn load(named: Option<&Path>, manifest: &Path) -> Result<RuntimeConfig, StartError> {
        let path = match named {
            Some(path) => path.to_owned(),
            None => manifest.with_file_name(FILE_NAME),
        };
        let source = match SourceFile::read(&path) {
            Ok(source) => source,
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                SourceFile::from_text(&path, String::new())
            }
            Err(error) => return Err(StartError::file(&path, error)),
        };
        RuntimeConfig::from_source(&source).map_err(|error| StartError::RuntimeConfig {
            path,
            line: error.line,
            message: error.message,
        })
    }

    /// Where the store of a label is, or `None` if it is not configured. The label `default` always is.
    pub(crate) fn store(&self, label: &str) -> Option<StorePlace> {
        match self.stores.get(label) {
            Some(place) => Some(place.clone()),
            None => (label == "default").then(|| StorePlace::File(DEFAULT_DATABASE.to_owned())),
        }
    }

    fn from_source(source: &SourceFile) -> Result<RuntimeConfig, LineError> {
        let raw = source.parse::<RawConfig>()?;
        let mut stores = BTreeMap::new();
        for (label, store) in raw.key_value_store {
            if store.kind.as_ref() != "spin" {
                return Err(source.error(
                    store.kind.span(),
                    format!(
                        "key-value stores of type `{}` are not supported, only `spin`",
                        store.kind.as_ref()
                    ),
                ));
            }
            stores.insert(label, place(source, store.path)?);
        }
        // Without the table connections are pooled; a table that does not say so turns pooling off, as in Spin.
        let outbound = raw.outbound_http.unwrap_or(RawOutbound {
            connection_pooling: true,
            max_concurrent_requests: None,
        });
        Ok(RuntimeConfig {
            path: source.path.clone(),
            stores,
            outbound: Outbound {
                pooling: outbound.connection_pooling,
                max_concurrent: outbound.max_concurrent_requests,
            },
        })
    }
}

/// The file of a store is put into the state folder under its own name, whatever folder the path has.
fn place(source: &SourceFile, path: Option<Spanned<PathBuf>>) -> Result<StorePlace, LineError> {
    let Some(path) = path else {
        return Ok(StorePlace::Memory);
    };
    match path.as_ref().file_name().and_then(|name| name.to_str()) {
        Some(name) if name != crate::state::VERSION_FILE => Ok(StorePlace::File(name.to_owned())),
        _ => Err(source.error(path.span(), "the path of a store ends in a file name")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(text: &str) -> Result<RuntimeConfig, LineError> {
        RuntimeConfig::from_source(&SourceFile::from_text(
            Path::new("rc.toml"),
            text.to_owned(),
        ))
    }

    #[test]
    fn stores_are_files_in_the_state_folder_or_memory() {
        let config = parse(
            "[key_value_store.users]\ntype = \"spin\"\npath = \".spin/users.db\"\n\
             [key_value_store.scratch]\ntype = \"spin\"\n",
        )
        .unwrap();
        assert_eq!(
            config.store("users"),
            Some(StorePlace::File("users.db".to_owned()))
        );
        assert_eq!(config.store("scratch"), Some(StorePlace::Memory));
        assert_eq!(
            config.store("default"),
            Some(StorePlace::File("sqlite_key_value.db".to_owned()))
        );
        assert_eq!(config.store("other"), None);
    }

    #[test]
    fn an_outbound_table_without_pooling_turns_it_off() {
        assert!(parse("").unwrap().outbound.pooling);
        assert!(
            parse("[outbound_http]\nconnection_pooling = true")
                .unwrap()
                .outbound
                .pooling
        );
        let config = parse("[outbound_http]\nmax_concurrent_requests = 4").unwrap();
        assert_eq!(
            config.outbound,
            Outbound {
                pooling: false,
                max_concurrent: Some(4)
            }
        );
    }

    #[test]
    fn what_is_not_supported_is_an_error_with_its_line() {
        for (text, line, word) in [
            (
                "[key_value_store.a]\ntype = \"redis\"\nurl = \"redis://x\"",
                3,
                "url",
            ),
            ("[key_value_store.a]\ntype = \"azure\"", 2, "azure"),
            ("\n[llm_compute]\ntype = \"x\"", 2, "llm_compute"),
            (
                "[key_value_store.a]\ntype = \"spin\"\npath = \"..\"",
                3,
                "file name",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text}: {}", error.message);
            assert!(error.message.contains(word), "{text}: {}", error.message);
        }
    }

    #[test]
    fn only_a_file_that_was_named_must_exist() {
        let manifest = Path::new("/nowhere/spin.toml");
        assert!(RuntimeConfig::load(None, manifest).is_ok());
        assert!(matches!(
            RuntimeConfig::load(Some(Path::new("/nowhere/rc.toml")), manifest),
            Err(StartError::File { .. })
        ));
    }
}
