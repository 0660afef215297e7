//! The bytes of one request on their way: whole chunks to the bucket while the next ones come, and the rest into the store.

use std::pin::pin;

use futures::future::{Either, join, select};
use spinreel_api::internal::Reservation;
use spinreel_gcs::{CHUNK_QUANTUM, ResumableSession, TokenCache};
use spinreel_ledger::{LEASE_MS, LedgerError};
use spinreel_platform::{Clock, HttpClient, Random, Store};
use spinreel_tus::Digest;

use super::super::arriving::{Arriving, Failure};
use super::super::finish::{Finished, Last};
use super::super::received::Received;
use super::super::writer::Writer;
use super::super::{LARGEST, ResumableError, UploadId};
use super::{Appended, Bytes, CHECKED_LIMIT};
use crate::domain::chunks::{Chunk, Chunks};
use crate::domain::inspection::inspect_passing;
use crate::domain::peers::{PeerFailure, Peers};
use crate::domain::record::{Owner, Resumable, UserFiles};
use crate::domain::storage::Storage;
use crate::domain::upload::{FileSource, SourceError};

/// How often a request that waits looks whether a newer one has come, and how often one that gets on writes down how far it
/// is, in milliseconds.
const HEARTBEAT_MS: u64 = LEASE_MS / 4;
/// How long a request waits for one chunk, or for the bucket, in milliseconds.
const LONGEST_WAIT_MS: u64 = 1_800_000;

/// A request that brings bytes, and has the right to.
pub(super) struct Transfer<'a, S, H, C, R, P, T> {
    pub(super) storage: &'a Storage<S, H, C, R, P, T>,
    pub(super) files: &'a UserFiles,
    pub(super) id: &'a UploadId,
    pub(super) upload: &'a mut Resumable,
    pub(super) session: ResumableSession,
    pub(super) writer: Writer,
    /// Where the request's bytes begin.
    pub(super) begins: u64,
    /// The bandwidth that was paid for what was received before.
    pub(super) paid_before: Vec<Reservation>,
    /// The bandwidth that was taken for this request.
    pub(super) reservations: &'a mut Vec<Reservation>,
    /// How many bytes that is.
    pub(super) bandwidth: u64,
    /// How many bytes of this request are kept.
    pub(super) kept: &'a mut u64,
    /// When it was last written down how far the upload is.
    pub(super) saved_ms: u64,
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Transfer<'_, S, H, C, R, P, T>
{
    /// Takes the bytes. `least`: how many the upload will have at least.
    pub(super) async fn run<F: FileSource>(
        &mut self,
        owner: &Owner,
        bytes: &Bytes,
        least: u64,
        source: &mut F,
        may_store: impl AsyncFn() -> Result<bool, PeerFailure>,
    ) -> Result<Appended, ResumableError> {
        let offset = self.writer.received.offset();
        if offset != self.begins {
            return Err(ResumableError::OffsetMismatch { offset });
        }
        if let Some(announced) = bytes.end.and_then(|end| end.length)
            && self.upload.length.or(self.upload.announced).is_none()
        {
            let (files, number) = (self.files, self.id.number);
            let announced = self.storage.announce_length(files, number, announced);
            *self.upload = announced.await?;
        }
        if self.upload.length.is_none() {
            self.grow(bytes.length, least).await?;
        }
        let most = self.upload.length.or(self.upload.announced);
        let room = most.unwrap_or(LARGEST).saturating_sub(offset);
        let digests = bytes.claims.iter();
        let digests = digests.map(|claim| Digest::new(claim.algorithm)).collect();
        let mut arriving = Arriving::new(source, Some(room), digests);
        let received = &self.writer.received;
        let first = match bytes.claims.is_empty() {
            false => received.rest.len() as u64 + CHECKED_LIMIT + 1,
            true => self.storage.chunk,
        };
        let mut chunks = Chunks::resume(&mut arriving, received.rest.clone(), received.stored);
        let mut chunk = self.alive(chunks.next(first)).await??;
        let mut covered = chunks.checksum();
        self.bring(chunks.source().came).await?;
        while !chunk.last {
            if self.is_whole(&chunk) {
                // More than there is room for would come now.
                self.alive(chunks.next(1)).await??;
                break;
            }
            if !bytes.claims.is_empty() {
                return Err(ResumableError::CheckedTooLarge {
                    limit: CHECKED_LIMIT,
                });
            }
            let at = self.writer.received.stored.length();
            self.inspect(&chunk.pieces, false).await;
            let put = self
                .storage
                .put_more(&self.session, &self.upload.head, at, &chunk.pieces);
            let both = join(put, chunks.next(self.storage.chunk));
            let (put, next) = self.alive(both).await?;
            put?;
            self.writer.received.stored = covered;
            self.writer.received.rest = bytes::Bytes::new();
            chunk = next?;
            covered = chunks.checksum();
            self.bring(chunks.source().came).await?;
            self.save_now_and_then().await?;
        }
        let came = arriving.came;
        let (failure, digests) = (arriving.failure, arriving.digests);
        match failure {
            Some(Failure::TooLong) => return Err(ResumableError::TooLong),
            // Nobody knows whether these are the right ones.
            Some(Failure::Cut(error)) if !bytes.claims.is_empty() => return Err(error.into()),
            Some(Failure::Cut(error)) => {
                self.keep_rest(chunk).await?;
                return Err(error.into());
            }
            None => {}
        }
        let mut claimed = digests.iter().zip(&bytes.claims);
        if claimed.any(|(digest, claim)| !digest.is(claim)) {
            return Err(ResumableError::DigestMismatch);
        }
        if bytes.end.is_some_and(|end| end.is_here) && !self.is_whole(&chunk) {
            let end = self.writer.received.stored.length() + chunk.length;
            if self
                .upload
                .length
                .or(self.upload.announced)
                .is_some_and(|said| said != end)
            {
                self.keep_rest(chunk).await?;
                return Err(ResumableError::InconsistentLength);
            }
            self.grow(Some(end), end).await?;
        }
        if !self.is_whole(&chunk) {
            self.keep_rest(chunk).await?;
            return Ok(Appended::Open {
                offset: self.writer.received.offset(),
                expires_ms: self.writer.received.expires_ms,
            });
        }
        self.inspect(&chunk.pieces, true).await;
        let mut paid = Received::nothing(0);
        paid.paid.clone_from(&self.paid_before);
        paid.pay(self.reservations, came);
        let last = Last {
            paid: paid.paid,
            generation: self.writer.generation,
            offset: self.writer.received.stored.length(),
            pieces: &chunk.pieces,
            covered,
            received: &self.writer.received,
        };
        let finish =
            self.storage
                .finish_upload(owner, self.files, self.id, &self.session, last, may_store);
        match finish.await? {
            Finished::File(mut uploaded) => {
                uploaded.reservations.clone_from(self.reservations);
                Ok(Appended::Finished {
                    uploaded: Box::new(uploaded),
                    moved: came,
                })
            }
            Finished::Part { expires_ms } => {
                *self.kept = came;
                Ok(Appended::Whole {
                    offset: self.begins + came,
                    expires_ms,
                })
            }
        }
    }

    /// After a failure: leaves the upload to the next request, as far as it came. What the failure is: where the upload is
    /// over, that.
    pub(super) async fn leave(&mut self, error: ResumableError) -> ResumableError {
        let is_over = matches!(
            error,
            ResumableError::Displaced
                | ResumableError::Gone
                | ResumableError::NameTaken
                | ResumableError::Changed
                | ResumableError::NotAllowed
                | ResumableError::Corrupt
        );
        let is_idle = !self.writer.received.busy && self.is_kept();
        // One that is not left idle is displaced by the next request.
        if !is_over && !is_idle && self.keep(false).await.is_err() {
            return error;
        }
        match self.refuse_if_over().await {
            Err(over @ (ResumableError::Gone | ResumableError::Displaced)) if !is_over => over,
            Ok(()) | Err(_) => error,
        }
    }

    fn is_kept(&self) -> bool {
        self.writer.received.generation == self.writer.generation
    }

    /// Whether the file ends with this chunk.
    fn is_whole(&self, chunk: &Chunk) -> bool {
        let end = self.writer.received.stored.length() + chunk.length;
        self.upload.length == Some(end)
    }

    /// Takes bandwidth and quota for what came, where the request did not tell how much that would be.
    async fn bring(&mut self, came: u64) -> Result<(), ResumableError> {
        if came > self.bandwidth {
            let missing = came - self.bandwidth;
            let user_id = self.files.user_id();
            let reservation = self.storage.reserve_for(user_id, missing).await?;
            self.reservations.push(reservation);
            self.bandwidth = came;
        }
        match self.upload.length {
            None => self.grow(None, self.begins + came).await,
            Some(_) => Ok(()),
        }
    }

    /// Takes quota for so many bytes, and tells the upload its length where there is one.
    async fn grow(&mut self, length: Option<u64>, bytes: u64) -> Result<(), ResumableError> {
        if length.is_none() && bytes <= self.upload.reserved {
            return Ok(());
        }
        let grown = self
            .storage
            .grow_upload(self.files, self.id.number, length, bytes);
        *self.upload = grown.await?;
        Ok(())
    }

    /// Waits for `work`, and looks now and then whether a newer request has come.
    async fn alive<D>(&self, work: impl Future<Output = D>) -> Result<D, ResumableError> {
        let mut work = pin!(work);
        let began_ms = self.storage.clock.now_ms();
        loop {
            let pause = pin!(self.storage.clock.sleep_ms(HEARTBEAT_MS));
            match select(work.as_mut(), pause).await {
                Either::Left((done, _)) => return Ok(done),
                Either::Right(_) => {
                    let now_ms = self.storage.clock.now_ms();
                    if now_ms.saturating_sub(began_ms) > LONGEST_WAIT_MS {
                        return Err(SourceError("nothing came for too long".to_owned()).into());
                    }
                    self.refuse_displaced().await?;
                }
            }
        }
    }

    /// Writes down how far a request is that goes on for long.
    async fn save_now_and_then(&mut self) -> Result<(), ResumableError> {
        if self.storage.clock.now_ms() < self.saved_ms + HEARTBEAT_MS {
            return Ok(());
        }
        self.refuse_displaced().await?;
        self.renew();
        self.keep(true).await?;
        self.saved_ms = self.storage.clock.now_ms();
        self.refuse_if_over().await
    }

    /// Keeps what came and is not the end: as much as the bucket takes there, and the rest in the store.
    async fn keep_rest(&mut self, mut chunk: Chunk) -> Result<(), ResumableError> {
        if self.is_whole(&chunk) {
            // The offset reaches the length with the file: without its last byte no client takes the upload for whole.
            drop_last_byte(&mut chunk);
        }
        let whole = chunk.length - chunk.length % CHUNK_QUANTUM;
        let (pieces, rest) = split(chunk.pieces, whole);
        if whole > 0 {
            self.refuse_displaced().await?;
            let at = self.writer.received.stored.length();
            self.inspect(&pieces, false).await;
            let put = self
                .storage
                .put_more(&self.session, &self.upload.head, at, &pieces);
            self.alive(put).await??;
            for piece in &pieces {
                self.writer.received.stored.update(piece);
            }
        }
        self.writer.received.rest = rest;
        self.renew();
        self.keep(false).await?;
        self.refuse_if_over().await
    }

    /// Looks at the pieces that are to go to the bucket, where these are the file's first. `is_last`: nothing comes after them.
    async fn inspect(&mut self, pieces: &[bytes::Bytes], is_last: bool) {
        let received = &mut self.writer.received;
        if received.stored.length() == 0 {
            received.inspection = inspect_passing(pieces, is_last).await;
        }
    }

    fn renew(&mut self) {
        let now_ms = self.storage.clock.now_ms();
        self.writer.received.expires_ms = self.storage.expires_ms(&self.upload.head, now_ms);
    }

    async fn keep(&mut self, busy: bool) -> Result<(), LedgerError> {
        let kept = self.writer.received.offset().saturating_sub(self.begins);
        self.writer.received.paid.clone_from(&self.paid_before);
        self.writer.received.pay(self.reservations, kept);
        *self.kept = kept;
        self.storage
            .keep(self.files, self.id.number, &mut self.writer, busy)
            .await
    }

    async fn refuse_displaced(&self) -> Result<(), ResumableError> {
        let (number, generation) = (self.id.number, self.writer.generation);
        self.storage
            .refuse_displaced(self.files, number, generation)
            .await
    }

    /// After something was written: it counts if nobody has come since, and the upload goes on.
    async fn refuse_if_over(&self) -> Result<(), ResumableError> {
        let (number, generation) = (self.id.number, self.writer.generation);
        self.storage
            .refuse_ended(self.files, number, generation)
            .await?;
        self.refuse_displaced().await
    }
}

fn drop_last_byte(chunk: &mut Chunk) {
    if let Some(last) = chunk.pieces.last_mut() {
        last.truncate(last.len().saturating_sub(1));
        chunk.length -= 1;
    }
}

/// The first `length` bytes as they are, and the others in one piece.
fn split(pieces: Vec<bytes::Bytes>, length: u64) -> (Vec<bytes::Bytes>, bytes::Bytes) {
    let mut left = usize::try_from(length).unwrap_or(usize::MAX);
    let (mut first, mut rest) = (Vec::new(), Vec::new());
    for mut piece in pieces {
        let take = piece.len().min(left);
        left -= take;
        let head = piece.split_to(take);
        if !head.is_empty() {
            first.push(head);
        }
        if !piece.is_empty() {
            rest.push(piece);
        }
    }
    let rest = match rest.len() {
        1 => rest.remove(0),
        _ => rest.concat().into(),
    };
    (first, rest)
}
