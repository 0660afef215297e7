//! TOML files whose errors name the line.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// A configuration file: its path for messages, its text for line numbers.
pub(crate) struct SourceFile {
    /// The path as the caller gave it.
    pub(crate) path: PathBuf,
    text: String,
}

/// A message and the line that it is about, counted from 1.
#[derive(Debug)]
pub(crate) struct LineError {
    pub(crate) line: usize,
    pub(crate) message: String,
}

/// A value and the line it was written on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Located<T> {
    pub(crate) line: usize,
    pub(crate) value: T,
}

impl SourceFile {
    /// Reads the file.
    pub(crate) fn read(path: &Path) -> std::io::Result<SourceFile> {
        Ok(SourceFile::from_text(path, std::fs::read_to_string(path)?))
    }

    /// Takes text that is already there.
    pub(crate) fn from_text(path: &Path, text: String) -> SourceFile {
        SourceFile {
            path: path.to_owned(),
            text,
        }
    }

    /// The line of a byte offset, counted from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        let end = offset.min(self.text.len());
        1 + self.text.as_bytes()[..end]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
    }

    /// The value of a span together with its line.
    pub(crate) fn locate<T>(&self, value: toml::Spanned<T>) -> Located<T> {
        Located {
            line: self.line(value.span().start),
            value: value.into_inner(),
        }
    }

    /// An error about a span of the text.
    pub(crate) fn error(&self, span: Range<usize>, message: impl Into<String>) -> LineError {
        LineError {
            line: self.line(span.start),
            message: message.into(),
        }
    }

    /// Parses the whole file.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, LineError> {
        toml::from_str(&self.text)
            .map_err(|error| self.error(error.span().unwrap_or(0..0), error.message()))
    }
}
