use bytes::Bytes;
use http::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, ORIGIN, RANGE};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use spinreel_platform::{Clock, HttpClient, Random};

use crate::checksum;
use crate::client::Client;
use crate::encode::Query;
use crate::error::Error;
use crate::insert::Doubt;
use crate::object::{NewObject, Object};
use crate::request;
use crate::retry::Retries;
use crate::session::ResumableSession;
use crate::token::TokenCache;

/// 256 KiB: a chunk that is not the last has a multiple of this many bytes
/// (<https://cloud.google.com/storage/docs/performing-resumable-uploads#chunked-upload>).
pub const CHUNK_QUANTUM: u64 = 256 * 1024;

const HASH: HeaderName = HeaderName::from_static("x-goog-hash");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("x-upload-content-length");
const UPLOAD_TYPE: HeaderName = HeaderName::from_static("x-upload-content-type");

/// Which part of an upload a chunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// More bytes follow.
    More,
    /// The object ends with this chunk.
    Last {
        /// The checksum of the whole object.
        crc32c: u32,
    },
}

/// How far an upload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// It goes on.
    Incomplete {
        /// How many bytes the bucket holds.
        stored: u64,
    },
    /// The object is there.
    Complete(Object),
}

impl<H: HttpClient, C: Clock, R: Random, T: TokenCache> Client<H, C, R, T> {
    /// Starts a resumable upload. `total`, if it is known, is the object's size in bytes, and binding.
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`] if the bucket checks [`NewObject::if_generation_match`] already now; it does so
    /// at the end in any case.
    pub async fn start_upload(
        &self,
        object: &NewObject,
        total: Option<u64>,
    ) -> Result<ResumableSession, Error> {
        self.start_upload_for(object, total, None).await
    }

    /// The same for a browser, where there is an `origin`: the bucket lets scripts of that origin send the bytes, and no
    /// others (<https://cloud.google.com/storage/docs/performing-resumable-uploads>, on the header `Origin`).
    ///
    /// # Errors
    /// Those of [`start_upload`](Self::start_upload).
    pub async fn start_upload_for(
        &self,
        object: &NewObject,
        total: Option<u64>,
        origin: Option<&str>,
    ) -> Result<ResumableSession, Error> {
        let object = object.prepared(&self.random)?;
        let query = Query::default()
            .with("uploadType", "resumable")
            .with_some("ifGenerationMatch", object.if_generation_match);
        let uri = self.endpoint.uploads(&query);
        let json = Bytes::from(object.to_json(None)?);
        let announced = total.map(|total| total.to_string());
        let mut headers = vec![
            (CONTENT_TYPE, "application/json; charset=UTF-8"),
            (UPLOAD_TYPE, object.content_type.as_str()),
        ];
        if let Some(announced) = &announced {
            headers.push((UPLOAD_LENGTH, announced));
        }
        headers.extend(origin.map(|origin| (ORIGIN, origin)));
        // Idempotent whatever the precondition: a session that nobody uses is no object, and ends by itself.
        self.with_retries(async || {
            let start = request::build(Method::POST, &uri, &headers, vec![json.clone()])?;
            let response = self.send(start).await?;
            if !matches!(response.status(), StatusCode::OK | StatusCode::CREATED) {
                return Err(request::refusal(response).await);
            }
            let location = request::text(response.headers(), LOCATION)
                .ok_or(Error::Malformed("an upload session has no Location"))?;
            ResumableSession::new(location, object.clone(), total)
        })
        .await
    }

    /// Sends the bytes from `offset` on, until the bucket holds them all.
    ///
    /// What the bucket did not store of them is sent again; after a failure it is first asked what it holds. The
    /// answer is [`Progress::Complete`] for the last chunk, else [`Progress::Incomplete`] at the chunk's end; a chunk
    /// that is not the last gets `Complete` only if the session was completed by somebody else.
    ///
    /// # Errors
    /// - [`Error::InvalidArgument`]: the chunk is not the last and no positive multiple of [`CHUNK_QUANTUM`] long, or
    ///   it does not fit the announced total. Nothing was sent.
    /// - [`Error::OffsetMismatch`]: go on from there.
    /// - [`Error::SessionLost`]: start again.
    /// - [`Error::PreconditionFailed`]: at the end the object was not in the state demanded; the upload is void.
    /// - [`Error::Refused`] with status 400 if the checksum does not belong to the bytes that arrived;
    ///   [`Error::Corrupt`] if what was stored differs all the same.
    /// - [`Error::InDoubt`], for the last chunk only: one of these, after an attempt that was not answered. Unless an
    ///   error [is certain](Error::is_certain), the object may exist, or appear later.
    pub async fn put_chunk(
        &self,
        session: &ResumableSession,
        offset: u64,
        chunk: &[Bytes],
        part: Part,
    ) -> Result<Progress, Error> {
        let mut doubt = Doubt::default();
        let put = self.put_all(session, offset, chunk, part, &mut doubt);
        match put.await {
            // Before the last chunk there is no object to be in doubt about.
            Err(error) if part != Part::More => Err(doubt.applied_to(error)),
            progress => progress,
        }
    }

    /// [`put_chunk`](Self::put_chunk), which leaves in `doubt` what is open if it fails.
    async fn put_all(
        &self,
        session: &ResumableSession,
        offset: u64,
        chunk: &[Bytes],
        part: Part,
        doubt: &mut Doubt,
    ) -> Result<Progress, Error> {
        let end = checked_end(session, offset, chunk, part)?;
        let total = match part {
            Part::Last { .. } => Some(end),
            Part::More => session.total(),
        };
        let hash = match part {
            Part::Last { crc32c } => Some(crc32c),
            Part::More => None,
        };
        let mut stored = offset;
        let mut retries = self.retries();
        loop {
            let rest = after(chunk, stored - offset);
            let range = content_range(stored, end, total);
            let mut paused = false;
            let mut answer = self.put(session, &range, hash, rest).await;
            if let Err(error) = &answer
                && error.is_retriable()
            {
                doubt.note(error);
                paused = true;
                retries.pause(error.clone()).await?;
                answer = self.status_within(session, &mut retries).await;
            }
            match (answer, part) {
                (Ok(Progress::Complete(object)), Part::More) => {
                    return Ok(Progress::Complete(object));
                }
                (Ok(Progress::Complete(object)), Part::Last { crc32c }) => {
                    let name = &session.object().name;
                    return self
                        .verified(name, object, end, crc32c)
                        .await
                        .map(Progress::Complete);
                }
                (Ok(Progress::Incomplete { stored: now }), _) => {
                    if now < offset || now > end {
                        return Err(Error::OffsetMismatch { stored: now });
                    }
                    if now == end && part == Part::More {
                        return Ok(Progress::Incomplete { stored: now });
                    }
                    // A bucket stores whole quanta. One that takes less is not allowed to go on like that for ever.
                    if now >= stored.saturating_add(CHUNK_QUANTUM) || (now == end && now > stored) {
                        retries.progress();
                    } else if !paused {
                        retries.pause(Error::Stalled { stored: now }).await?;
                    }
                    stored = now;
                }
                (
                    Err(refused @ (Error::SessionLost | Error::PreconditionFailed)),
                    Part::Last { crc32c },
                ) if doubt.failed => {
                    let adopted = self.adopt(session.object(), end, crc32c, refused).await;
                    // It has been asked, so what was answered is over.
                    doubt.failed = doubt.unanswered;
                    return adopted.map(Progress::Complete);
                }
                (Err(error), _) => return Err(error),
            }
        }
    }

    /// Asks how far an upload is. A complete object has not been compared with what was sent: see
    /// [`Object::matches`].
    ///
    /// # Errors
    /// [`Error::SessionLost`] if the bucket knows nothing of it.
    pub async fn upload_status(&self, session: &ResumableSession) -> Result<Progress, Error> {
        self.status_within(session, &mut self.retries()).await
    }

    /// Ends an upload and drops the bytes that it stored. It is no error if the session is gone already; an object
    /// that it completed stays.
    ///
    /// # Errors
    /// Those of the transport, and refusals.
    pub async fn cancel_upload(&self, session: &ResumableSession) -> Result<(), Error> {
        self.with_retries(async || {
            match self.to_session(session, Method::DELETE, &[], vec![]).await {
                // The documented answer to a cancellation is 499, which reads as a lost session.
                Ok(_) | Err(Error::SessionLost) => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// The session's whole URI, for a client that sends its bytes to the bucket itself. It is a credential.
    pub fn upload_url(&self, session: &ResumableSession) -> String {
        session.path.at(&self.endpoint)
    }

    /// Asks how far an upload is, within a budget that others use, too.
    async fn status_within(
        &self,
        session: &ResumableSession,
        retries: &mut Retries<'_, C, R>,
    ) -> Result<Progress, Error> {
        loop {
            match self.put(session, "bytes */*", None, vec![]).await {
                Err(error) => retries.pause(error).await?,
                progress => return progress,
            }
        }
    }

    /// One `PUT` to the session, once.
    async fn put(
        &self,
        session: &ResumableSession,
        range: &str,
        crc32c: Option<u32>,
        body: Vec<Bytes>,
    ) -> Result<Progress, Error> {
        let hash = crc32c.map(|crc32c| format!("crc32c={}", checksum::to_base64(crc32c)));
        let mut headers = vec![(CONTENT_RANGE, range)];
        if let Some(hash) = &hash {
            headers.push((HASH, hash));
        }
        let response = self
            .to_session(session, Method::PUT, &headers, body)
            .await?;
        if response.status() == StatusCode::PERMANENT_REDIRECT {
            return Ok(Progress::Incomplete {
                stored: stored(response.headers())?,
            });
        }
        let object = request::object(response)
            .await
            .map_err(|error| session.path.scrub(error))?;
        Ok(Progress::Complete(object))
    }

    /// One request to the session, once; an answer is 2xx or 308.
    ///
    /// No other credential goes with it: the URI is one.
    async fn to_session(
        &self,
        session: &ResumableSession,
        method: Method,
        headers: &[(HeaderName, &str)],
        body: Vec<Bytes>,
    ) -> Result<http::Response<H::Body>, Error> {
        let request = request::build(method, &session.path.at(&self.endpoint), headers, body)?;
        let sent = self.send_unauthorized(request).await;
        let response = sent.map_err(|error| session.path.scrub(error))?;
        match response.status().as_u16() {
            200..=299 | 308 => Ok(response),
            404 | 410 | 499 => Err(Error::SessionLost),
            _ => Err(session.path.scrub(request::refusal(response).await)),
        }
    }
}

/// Where the chunk ends, if it is one that may be sent.
fn checked_end(
    session: &ResumableSession,
    offset: u64,
    chunk: &[Bytes],
    part: Part,
) -> Result<u64, Error> {
    let length = request::length(chunk);
    let end = offset.checked_add(length).ok_or(Error::InvalidArgument(
        "the chunk ends behind the largest possible size",
    ))?;
    match part {
        Part::More if length == 0 || !length.is_multiple_of(CHUNK_QUANTUM) => Err(
            Error::InvalidArgument("a chunk that is not the last must have a multiple of 256 KiB"),
        ),
        Part::More if session.total().is_some_and(|total| end >= total) => Err(
            Error::InvalidArgument("the chunk that reaches the announced size must be the last"),
        ),
        Part::Last { .. } if session.total().is_some_and(|total| end != total) => Err(
            Error::InvalidArgument("the upload does not end at the announced size"),
        ),
        _ => Ok(end),
    }
}

/// RFC 9110 section 14.4, with the bucket's own `bytes */N` for an upload of which nothing is left to send.
fn content_range(first: u64, end: u64, total: Option<u64>) -> String {
    let total = total.map_or_else(|| "*".to_owned(), |total| total.to_string());
    if first == end {
        format!("bytes */{total}")
    } else {
        format!("bytes {first}-{}/{total}", end - 1)
    }
}

/// How many bytes a 308 says are stored: `Range: bytes=0-N`, absent while there are none.
fn stored(headers: &HeaderMap) -> Result<u64, Error> {
    const NO_RANGE: Error = Error::Malformed("the Range of an upload is none");
    let Some(range) = headers.get(RANGE) else {
        return Ok(0);
    };
    let last = range
        .to_str()
        .ok()
        .and_then(|range| range.strip_prefix("bytes=0-"));
    let last: u64 = last.and_then(|last| last.parse().ok()).ok_or(NO_RANGE)?;
    last.checked_add(1).ok_or(NO_RANGE)
}

/// The pieces without their first `skipped` bytes; nothing is copied.
fn after(pieces: &[Bytes], skipped: u64) -> Vec<Bytes> {
    let mut skipped = skipped;
    let mut rest = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let length = piece.len() as u64;
        if skipped >= length {
            skipped -= length;
        } else {
            // Less than the piece's length, which is a usize.
            rest.push(piece.slice(skipped as usize..));
            skipped = 0;
        }
    }
    rest
}

#[cfg(test)]
mod tests;
