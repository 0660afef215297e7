//! Secrets in the folder: small files that nobody else on this machine may read.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::Storage;
use super::folder::{in_folder, sync_dir, write_private};
use crate::options::StartError;

impl Storage {
    /// What is in a file of the folder, and where it is; nothing if there is none.
    pub(crate) fn secret(&self, file: &str) -> Result<Option<(PathBuf, String)>, StartError> {
        let path = self.folder.root().join(file);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some((path, text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(in_folder(&path)(error)),
        }
    }

    /// Writes such a file, or replaces it.
    pub(crate) fn keep_secret(&self, file: &str, text: &str) -> Result<(), StartError> {
        let path = self.folder.root().join(file);
        write_private(&path, text.as_bytes())
            .and_then(|()| sync_dir(self.folder.root()))
            .map_err(in_folder(&path))
    }
}
