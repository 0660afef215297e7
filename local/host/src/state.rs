//! The state folder: `VERSION`, the databases of the key-value stores, `logs/`, and by default `cache/`.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::error::StartError;

/// The file that says which format the folder has.
pub(crate) const VERSION_FILE: &str = "VERSION";

/// The format that this host writes. A host refuses folders of any other.
pub(crate) const FORMAT: u32 = 1;

/// A state folder that this host may use.
#[derive(Debug)]
pub(crate) struct StateDir {
    path: PathBuf,
}

impl StateDir {
    /// Opens the folder, or makes it if it is absent. A folder of another format is refused untouched.
    pub(crate) fn open(path: &Path) -> Result<StateDir, StartError> {
        let version = path.join(VERSION_FILE);
        match fs::read_to_string(&version) {
            Ok(found) if found.trim() == FORMAT.to_string() => {}
            Ok(found) => {
                return Err(StartError::StateVersion {
                    path: path.to_owned(),
                    found: found.trim().to_owned(),
                    expected: FORMAT,
                });
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let failed = |error| StartError::file(path, error);
                fs::create_dir_all(path).map_err(failed)?;
                write_durably(&version, &format!("{FORMAT}\n")).map_err(failed)?;
            }
            Err(error) => return Err(StartError::file(&version, error)),
        }
        Ok(StateDir {
            path: path.to_owned(),
        })
    }

    /// The path of a file in the folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A folder in the folder; it is made if it is absent.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, StartError> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).map_err(|error| StartError::file(&path, error))?;
        Ok(path)
    }
}

/// Writes a small file so that after a crash it is there in full or not at all.
fn write_durably(path: &Path, text: &str) -> std::io::Result<()> {
    let unfinished = path.with_extension("tmp");
    let mut file = File::create(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_new_folder_is_marked_and_opens_again() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("new/state");
        StateDir::open(&path).unwrap();
        assert_eq!(fs::read_to_string(path.join("VERSION")).unwrap(), "1\n");
        StateDir::open(&path).unwrap();
    }

    #[test]
    fn a_folder_of_another_version_is_refused_and_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("VERSION"), "2\n").unwrap();
        let error = StateDir::open(folder.path()).unwrap_err();
        assert!(
            matches!(&error, StartError::StateVersion { found, expected: 1, .. } if found == "2")
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(
            fs::read_to_string(folder.path().join("VERSION")).unwrap(),
            "2\n"
        );
    }

    #[test]
    fn a_path_that_cannot_be_a_folder_is_named_in_the_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = StateDir::open(&file.path().join("state"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("state"), "{error}");
    }
}
