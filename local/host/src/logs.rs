//! The components' standard output and error: appended to files, a line at a time.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};

use crate::error::StartError;

/// A line that is longer than this, in bytes, is written in pieces, so that no guest can fill the memory.
const MAX_PENDING: usize = 8 * 1024;

/// What a guest may write at a time, in bytes.
const WRITE_BUDGET: usize = 64 * 1024;

/// The log file of one component's stream, shared by all its instances.
#[derive(Debug)]
pub(crate) struct LogFile {
    file: Mutex<File>,
    /// The component's id, if lines are also written to the host's standard error.
    echo: Option<String>,
}

impl LogFile {
    /// Opens `<folder>/<component>_<stream>.txt` for appending.
    pub(crate) fn open(
        folder: &Path,
        component: &str,
        stream: &str,
        echo: bool,
    ) -> Result<LogFile, StartError> {
        let path = folder.join(format!("{component}_{stream}.txt"));
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|error| StartError::file(&path, error))?;
        Ok(LogFile {
            file: Mutex::new(file),
            echo: echo.then(|| component.to_owned()),
        })
    }

    /// Writes whole lines in one call, so that lines of different instances do not mix. A full disk costs
    /// log lines, not requests.
    fn write(&self, lines: &[u8]) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(lines) {
            tracing::warn!(%error, "a component's log line was lost");
        }
        drop(file);
        if let Some(component) = &self.echo {
            let mut stderr = io::stderr().lock();
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                // Nothing can be done about a standard error that is closed.
                let _ = write!(stderr, "{component}: {}", String::from_utf8_lossy(line));
            }
        }
    }
}

/// The stream of one instance. Guests write lines in pieces; they are put together here.
#[derive(Clone)]
pub(crate) struct InstanceLog(Arc<Pending>);

struct Pending {
    file: Arc<LogFile>,
    line: Mutex<Vec<u8>>,
}

impl InstanceLog {
    /// A stream into this file.
    pub(crate) fn new(file: Arc<LogFile>) -> InstanceLog {
        InstanceLog(Arc::new(Pending {
            file,
            line: Mutex::new(Vec::new()),
        }))
    }

    fn append(&self, bytes: &[u8]) {
        let mut line = self.0.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.extend_from_slice(bytes);
        let end = if line.len() > MAX_PENDING {
            line.len()
        } else {
            line.iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |last| last + 1)
        };
        if end > 0 {
            self.0.file.write(&line[..end]);
            line.drain(..end);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let line = self.line.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !line.is_empty() {
            line.push(b'\n');
            self.file.write(line);
        }
    }
}

impl IsTerminal for InstanceLog {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for InstanceLog {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for InstanceLog {
    async fn ready(&mut self) {}
}

impl OutputStream for InstanceLog {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.append(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(WRITE_BUDGET)
    }
}

impl AsyncWrite for InstanceLog {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.append(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lines_of_two_instances_do_not_mix_and_the_last_piece_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = Arc::new(LogFile::open(folder.path(), "web", "stderr", false).unwrap());
        let (one, two) = (InstanceLog::new(file.clone()), InstanceLog::new(file));
        one.append(b"first ");
        two.append(b"second\nthird");
        one.append(b"line\n");
        drop(two);
        let text = std::fs::read_to_string(folder.path().join("web_stderr.txt")).unwrap();
        assert_eq!(text, "second\nfirst line\nthird\n");
    }

    #[test]
    fn a_line_without_end_does_not_grow_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let file = Arc::new(LogFile::open(folder.path(), "web", "stdout", false).unwrap());
        let log = InstanceLog::new(file);
        for _ in 0..100 {
            log.append(&[b'x'; 1000]);
            assert!(log.0.line.lock().unwrap().len() <= MAX_PENDING);
        }
        drop(log);
        let written = std::fs::metadata(folder.path().join("web_stdout.txt"))
            .unwrap()
            .len();
        assert_eq!(written, 100 * 1000 + 1);
    }
}
