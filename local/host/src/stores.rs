//! Opening the key-value stores that the manifest and the runtime configuration name.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::StartError;
use crate::key_value::{Database, Granted, Store};
use crate::options::Profile;
use crate::runtime_config::{RuntimeConfig, StorePlace};
use crate::state::StateDir;

/// The databases by place, and the stores by label: components that use the same label share the store.
pub(crate) struct Stores {
    profile: Profile,
    databases: BTreeMap<String, Arc<Database>>,
    stores: BTreeMap<String, Store>,
}

impl Stores {
    /// None yet; those to come work as the profile says.
    pub(crate) fn new(profile: Profile) -> Stores {
        Stores {
            profile,
            databases: BTreeMap::new(),
            stores: BTreeMap::new(),
        }
    }

    /// The stores of these labels, which the runtime configuration was checked to have. Opens those that no
    /// component has used before.
    pub(crate) fn grant(
        &mut self,
        config: &RuntimeConfig,
        state: &StateDir,
        labels: &[String],
    ) -> Result<Granted, StartError> {
        let mut granted = BTreeMap::new();
        for label in labels {
            let store = match (self.stores.get(label), config.store(label)) {
                (Some(store), _) => store.clone(),
                (None, place) => self.open(label, place.unwrap_or(StorePlace::Memory), state)?,
            };
            granted.insert(label.clone(), store);
        }
        Ok(Arc::new(granted))
    }

    fn open(
        &mut self,
        label: &str,
        place: StorePlace,
        state: &StateDir,
    ) -> Result<Store, StartError> {
        // A label in memory has a database of its own; its key cannot be the name of a file.
        let (key, path) = match place {
            StorePlace::Memory => (format!("memory/{label}"), None),
            StorePlace::File(name) => {
                let path = state.file(&name);
                (name, Some(path))
            }
        };
        let database = match self.databases.get(&key) {
            Some(database) => database.clone(),
            None => {
                let opened = match (&path, self.profile) {
                    (Some(path), Profile::Ordinary) => Database::open(path),
                    (Some(path), Profile::AsSpin) => Database::open_as_spin(path),
                    (None, _) => Database::in_memory(),
                };
                let database = Arc::new(opened.map_err(|error| StartError::Store {
                    path: path.unwrap_or_else(|| PathBuf::from(&key)),
                    message: error.to_string(),
                })?);
                self.databases.insert(key, database.clone());
                database
            }
        };
        let store = Store::new(label, database);
        self.stores.insert(label.to_owned(), store.clone());
        Ok(store)
    }

    /// All stores that were granted, and all databases that were opened.
    pub(crate) fn into_parts(self) -> (Vec<Store>, Vec<Arc<Database>>) {
        let stores = self.stores.into_values().collect();
        (stores, self.databases.into_values().collect())
    }
}
