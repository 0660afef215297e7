//! The services' secret of an installation that was given none.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use uuid::Uuid;

/// The file that keeps it, in the state folder.
const FILE: &str = "service-secret";
/// The fewest characters that the services take.
const SHORTEST: usize = 32;

/// The secret of this state folder: made at the first start and kept, since what it sealed in the stores must be opened
/// after the next one. Only the folder's owner may read it.
pub(crate) fn kept(state_dir: &Path) -> Result<String> {
    let file = state_dir.join(FILE);
    make(state_dir, &file).with_context(|| format!("{} cannot be written", file.display()))?;
    let secret =
        fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    let secret = secret.trim();
    ensure!(
        secret.len() >= SHORTEST,
        "{} holds no secret: delete it for a new one",
        file.display()
    );
    Ok(secret.to_owned())
}

/// Makes the file, where there is none.
fn make(state_dir: &Path, file: &Path) -> std::io::Result<()> {
    fs::create_dir_all(state_dir)?;
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    match created {
        Ok(mut created) => {
            let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
            created.write_all(secret.as_bytes())?;
            created.sync_all()
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_folder_keeps_its_secret_and_shows_it_to_its_owner_alone() {
        let folder = TempDir::new().unwrap();
        let state = folder.path().join("state");
        let secret = kept(&state).unwrap();
        assert_eq!(secret.len(), 64);
        assert_eq!(kept(&state).unwrap(), secret);
        let mode = fs::metadata(state.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_ne!(kept(&folder.path().join("other")).unwrap(), secret);
    }

    #[test]
    fn a_file_that_holds_none_is_an_error_and_stays() {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(FILE), "short\n").unwrap();
        assert!(kept(folder.path()).is_err());
        let left = fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert_eq!(left, "short\n");
    }
}
