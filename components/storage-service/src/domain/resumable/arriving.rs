//! The body of a request as it arrives: counted, bounded, summed, and never lost where the client goes away.

use bytes::Bytes;
use spinreel_tus::Digest;

use crate::domain::upload::{FileSource, SourceError};

/// Why a body did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The client went away.
    Cut(SourceError),
    /// It has more bytes than there is room for.
    TooLong,
}

/// A body that ends where it fails, and says so afterwards: what came before that is good.
#[derive(Debug)]
pub(super) struct Arriving<'a, F> {
    source: &'a mut F,
    /// How many bytes may come; `None` where nobody knows.
    room: Option<u64>,
    /// How many came.
    pub(super) came: u64,
    pub(super) digests: Vec<Digest>,
    pub(super) failure: Option<Failure>,
}

impl<'a, F: FileSource> Arriving<'a, F> {
    pub(super) fn new(source: &'a mut F, room: Option<u64>, digests: Vec<Digest>) -> Self {
        Self {
            source,
            room,
            came: 0,
            digests,
            failure: None,
        }
    }
}

impl<F: FileSource> FileSource for Arriving<'_, F> {
    async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        if self.failure.is_some() {
            return Ok(None);
        }
        match self.source.next().await {
            Ok(Some(piece)) => {
                self.came += piece.len() as u64;
                if self.room.is_some_and(|room| self.came > room) {
                    self.failure = Some(Failure::TooLong);
                    return Ok(None);
                }
                for digest in &mut self.digests {
                    digest.update(&piece);
                }
                Ok(Some(piece))
            }
            Ok(None) => Ok(None),
            Err(error) => {
                self.failure = Some(Failure::Cut(error));
                Ok(None)
            }
        }
    }
}
