//! Data files: bytes on their way into the folder.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use md5::{Digest, Md5};
use tokio::task::JoinHandle;

use super::folder::remove;
use super::lock;

/// What resumable uploads are counted in: the protocol's 256 KiB.
pub(crate) const UNIT: u64 = 256 * 1024;

/// How much is written at once. A multiple of [`UNIT`]; large, so that the calls and the hand-overs
/// between threads cost little beside the bytes.
const BUFFER: usize = 1024 * 1024;

/// How much of a data file is written, and the CRC32C of that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) len: u64,
    pub(crate) crc32c: u32,
}

/// A data file that no record names yet. Dropped, it takes the file away.
pub(crate) struct NewData {
    pub(super) id: String,
    path: PathBuf,
    kept: bool,
}

impl NewData {
    /// Makes an empty data file.
    pub(super) fn create(id: String, path: PathBuf) -> io::Result<(NewData, DataWriter)> {
        let file = File::create_new(&path)?;
        let written = Arc::new(Mutex::new(Written::default()));
        Ok((
            NewData {
                id,
                path,
                kept: false,
            },
            DataWriter::new(file, written),
        ))
    }

    /// From now on a record names the file: it stays.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for NewData {
    fn drop(&mut self) {
        if !self.kept {
            remove(&self.path);
        }
    }
}

/// Appends to a data file: one buffer fills while the other is written by another thread.
pub(crate) struct DataWriter {
    file: Arc<File>,
    /// Moves on with every finished write, never before it.
    written: Arc<Mutex<Written>>,
    filling: Vec<u8>,
    writing: Option<JoinHandle<(Vec<u8>, io::Result<()>)>>,
}

impl DataWriter {
    /// Goes on behind what is `written` of `file`.
    pub(super) fn new(file: File, written: Arc<Mutex<Written>>) -> DataWriter {
        DataWriter {
            file: Arc::new(file),
            written,
            filling: Vec::new(),
            writing: None,
        }
    }

    /// Appends. Returns as soon as the bytes are in a buffer.
    pub(crate) async fn push(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = BUFFER - self.filling.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.filling.extend_from_slice(now);
            bytes = later;
            if self.filling.len() == BUFFER {
                self.write().await?;
            }
        }
        Ok(())
    }

    /// Writes all that was pushed.
    pub(crate) async fn finish(mut self) -> io::Result<Written> {
        self.write().await?;
        self.settle().await?;
        Ok(*lock(&self.written))
    }

    /// Writes what was pushed as far as the file then is a multiple of [`UNIT`] long, and forgets the rest.
    pub(crate) async fn stop(mut self) -> io::Result<Written> {
        self.settle().await?;
        let len = lock(&self.written).len;
        let whole = (len + self.filling.len() as u64) / UNIT * UNIT;
        let keep = usize::try_from(whole.saturating_sub(len)).map_err(io::Error::other)?;
        self.filling.truncate(keep);
        self.finish().await
    }

    /// Waits for the write before, then hands the full buffer over.
    async fn write(&mut self) -> io::Result<()> {
        let empty = self.settle().await?;
        let full = mem::replace(&mut self.filling, empty);
        if full.is_empty() {
            return Ok(());
        }
        let (file, written) = (Arc::clone(&self.file), Arc::clone(&self.written));
        self.writing = Some(tokio::task::spawn_blocking(move || {
            let result = append(&file, &written, &full);
            (full, result)
        }));
        Ok(())
    }

    /// Waits for the write in progress, and gives its buffer back, emptied. Dropped while it waits, it
    /// leaves the write to be waited for again.
    async fn settle(&mut self) -> io::Result<Vec<u8>> {
        let Some(writing) = &mut self.writing else {
            return Ok(Vec::new());
        };
        let result = writing.await;
        self.writing = None;
        let (mut buffer, result) = result.map_err(io::Error::other)?;
        result?;
        buffer.clear();
        Ok(buffer)
    }
}

fn append(mut file: &File, written: &Mutex<Written>, bytes: &[u8]) -> io::Result<()> {
    let before = *lock(written);
    // By position, since an earlier write may have failed half-way.
    file.seek(SeekFrom::Start(before.len))?;
    file.write_all(bytes)?;
    let crc32c = crc32c::crc32c_append(before.crc32c, bytes);
    *lock(written) = Written {
        len: before.len + bytes.len() as u64,
        crc32c,
    };
    Ok(())
}

/// Opens a data file for writing; what it holds stays.
pub(super) fn open_for_writing(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// The CRC32C of a whole data file.
pub(super) fn crc32c_of(file: &File) -> io::Result<u32> {
    let mut crc = 0;
    each_block(file, |block| crc = crc32c::crc32c_append(crc, block))?;
    Ok(crc)
}

/// The MD5 of a whole data file.
pub(super) fn md5_of(file: &File) -> io::Result<[u8; 16]> {
    let mut md5 = Md5::new();
    each_block(file, |block| md5.update(block))?;
    Ok(md5.finalize().into())
}

fn each_block(mut file: &File, mut look: impl FnMut(&[u8])) -> io::Result<()> {
    let mut block = vec![0; BUFFER];
    file.seek(SeekFrom::Start(0))?;
    loop {
        match file.read(&mut block)? {
            0 => return Ok(()),
            read => look(&block[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 31 % 251) as u8).collect()
    }

    #[tokio::test]
    async fn what_is_pushed_in_pieces_is_written_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        let (mut new, mut writer) = NewData::create("data".to_owned(), path.clone()).unwrap();
        let content = bytes(3 * BUFFER + 12_345);
        for piece in content.chunks(777_777) {
            writer.push(piece).await.unwrap();
        }
        let written = writer.finish().await.unwrap();
        let expected = Written {
            len: content.len() as u64,
            crc32c: crc32c::crc32c(&content),
        };
        assert_eq!(written, expected);
        assert!(std::fs::read(&path).unwrap() == content);
        let file = File::open(&path).unwrap();
        assert_eq!(crc32c_of(&file).unwrap(), expected.crc32c);
        new.keep();
        drop(new);
        assert!(path.exists());
    }

    #[tokio::test]
    async fn a_stopped_writer_keeps_whole_units_and_can_be_followed_by_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        let content = bytes(BUFFER + 3 * UNIT as usize);
        let (_new, mut writer) = NewData::create("data".to_owned(), path.clone()).unwrap();
        let state = Arc::clone(&writer.written);
        writer
            .push(&content[..BUFFER + UNIT as usize + 5])
            .await
            .unwrap();
        let stopped = writer.stop().await.unwrap();
        assert_eq!(stopped.len, BUFFER as u64 + UNIT);

        let mut next = DataWriter::new(open_for_writing(&path).unwrap(), state);
        next.push(&content[stopped.len as usize..]).await.unwrap();
        let written = next.finish().await.unwrap();
        assert_eq!(written.crc32c, crc32c::crc32c(&content));
        assert!(std::fs::read(&path).unwrap() == content);
    }

    #[test]
    fn new_data_that_is_not_kept_is_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        let created = NewData::create("data".to_owned(), path.clone()).unwrap();
        assert!(path.exists());
        drop(created);
        assert!(!path.exists());
    }
}
