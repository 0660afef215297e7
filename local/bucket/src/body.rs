//! Bodies: requests' read with limits, responses' streamed from a file.

use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use tokio::task::JoinHandle;
use tokio::time::Sleep;

use crate::error::ApiError;
use crate::gunzip::GunzipBody;

/// How long a request body may send nothing.
const STALL: Duration = Duration::from_secs(120);

/// How much of an unwanted request body is read, so that the client gets to read the answer.
const DRAIN: u64 = 16 * 1024 * 1024;

/// How long a body that is cut off waits before it breaks.
const CUT_PAUSE: Duration = Duration::from_millis(50);

/// How much of a file is read at once.
pub(crate) const BLOCK: usize = 512 * 1024;

/// A request's body.
pub(crate) struct RequestBody {
    inner: UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>,
    /// The client holds the body back until it is asked for (`Expect: 100-continue`).
    held_back: bool,
}

impl RequestBody {
    /// Takes the body of a request; `held_back` if it comes with `Expect: 100-continue`.
    pub(crate) fn new<B>(body: B, held_back: bool) -> RequestBody
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        RequestBody {
            inner: body.map_err(Into::into).boxed_unsync(),
            held_back,
        }
    }

    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// 408 if they do not come, 400 if the connection broke.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        self.held_back = false;
        loop {
            match tokio::time::timeout(STALL, self.inner.frame()).await {
                Err(_) => return Err(ApiError::stalled()),
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => return Err(ApiError::invalid("The request body broke off.")),
                Ok(Some(Ok(frame))) => {
                    // Trailers say nothing that counts here.
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// All of it.
    ///
    /// # Errors
    /// 413 over `limit` bytes, and those of [`RequestBody::chunk`].
    pub(crate) async fn whole(&mut self, limit: usize) -> Result<Vec<u8>, ApiError> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if whole.len() + chunk.len() > limit {
                return Err(ApiError::too_large(limit));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole)
    }

    /// Reads and forgets what is left, up to a limit. A body that is held back may stay where it is.
    pub(crate) async fn drain(&mut self) {
        if self.held_back {
            return;
        }
        let mut left = DRAIN;
        while left > 0 && !self.inner.is_end_stream() {
            match self.chunk().await {
                Ok(Some(chunk)) => left = left.saturating_sub(chunk.len() as u64),
                Ok(None) | Err(_) => return,
            }
        }
    }
}

/// A response's body.
pub(crate) enum ResponseBody {
    /// Bytes in memory.
    Full(Option<Bytes>),
    /// A part of a file.
    File(FileBody),
    /// What a file comes to when it is decompressed.
    Gunzip(GunzipBody),
    /// A body that ends too early.
    Cut(Box<CutBody>),
}

impl ResponseBody {
    /// The same body, but broken off behind `length` bytes, if it has more.
    pub(crate) fn cut(self, length: u64) -> ResponseBody {
        if self
            .size_hint()
            .upper()
            .is_some_and(|upper| upper <= length)
        {
            return self;
        }
        ResponseBody::Cut(Box::new(CutBody {
            inner: self,
            left: length,
            pause: None,
        }))
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            ResponseBody::Full(bytes) => {
                Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))))
            }
            ResponseBody::File(file) => file.poll(context),
            ResponseBody::Gunzip(gunzip) => gunzip.poll(context),
            ResponseBody::Cut(cut) => cut.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ResponseBody::Full(bytes) => bytes.is_none(),
            ResponseBody::File(file) => file.left == 0,
            ResponseBody::Gunzip(_) | ResponseBody::Cut(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            ResponseBody::Full(bytes) => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            ResponseBody::File(file) => file.left,
            ResponseBody::Gunzip(_) => return SizeHint::default(),
            ResponseBody::Cut(cut) => return cut.inner.size_hint(),
        })
    }
}

/// A body that breaks off, as one does whose sender dies.
pub(crate) struct CutBody {
    inner: ResponseBody,
    /// How many bytes still come.
    left: u64,
    /// The time for what came to leave this machine, before the connection ends.
    pause: Option<Pin<Box<Sleep>>>,
}

impl CutBody {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            let pause = self
                .pause
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(CUT_PAUSE)));
            ready!(pause.as_mut().poll(context));
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        Poll::Ready(frame.map(|frame| {
            Ok(frame?.map_data(|mut data| {
                data.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= data.len() as u64;
                data
            }))
        }))
    }
}

/// A file from its position on. While one block is sent, the next is read.
pub(crate) struct FileBody {
    /// How many bytes are still to be given.
    left: u64,
    reading: Reading,
}

enum Reading {
    Ready(File, Bytes),
    Pending(JoinHandle<io::Result<(File, Bytes)>>),
    Done,
}

impl FileBody {
    /// The next `length` bytes of a file; `block` is the first of them, read already.
    pub(crate) fn new(file: File, block: Bytes, length: u64) -> FileBody {
        FileBody {
            left: length,
            reading: Reading::Ready(file, block),
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        if let Reading::Pending(reading) = &mut self.reading {
            let result = ready!(Pin::new(reading).poll(context));
            self.reading = match result.map_err(io::Error::other).flatten() {
                Ok((file, block)) => Reading::Ready(file, block),
                Err(error) => {
                    tracing::error!(%error, "cannot read an object's data");
                    self.reading = Reading::Done;
                    return Poll::Ready(Some(Err(error)));
                }
            };
        }
        match std::mem::replace(&mut self.reading, Reading::Done) {
            Reading::Ready(file, block) => {
                self.left -= block.len() as u64;
                if self.left > 0 {
                    let length = self.left;
                    self.reading = Reading::Pending(tokio::task::spawn_blocking(move || {
                        let block = read_block(&file, length)?;
                        Ok((file, block))
                    }));
                }
                Poll::Ready(Some(Ok(Frame::data(block))))
            }
            Reading::Pending(_) | Reading::Done => Poll::Ready(None),
        }
    }
}

/// Reads [`BLOCK`] bytes of a file, or `length` if that is less.
///
/// # Errors
/// `UnexpectedEof` if the file has less.
pub(crate) fn read_block(file: &File, length: u64) -> io::Result<Bytes> {
    let wanted = length.min(BLOCK as u64);
    let mut block = Vec::with_capacity(wanted as usize);
    file.take(wanted).read_to_end(&mut block)?;
    if (block.len() as u64) < wanted {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(block.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{Seek, SeekFrom};

    use http_body_util::Full;

    use super::*;

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, content).unwrap();
        file
    }

    #[tokio::test]
    async fn a_part_of_a_file_is_streamed_in_blocks() {
        let content: Vec<u8> = (0..3 * BLOCK + 17).map(|i| (i % 253) as u8).collect();
        let mut source = file(&content);
        source.seek(SeekFrom::Start(5)).unwrap();
        let length = (content.len() - 10) as u64;
        let block = read_block(&source, length).unwrap();
        let body = ResponseBody::File(FileBody::new(source, block, length));
        assert_eq!(body.size_hint().exact(), Some(length));
        let received = body.collect().await.unwrap().to_bytes();
        assert!(received == content[5..content.len() - 5]);
    }

    #[tokio::test]
    async fn a_file_that_is_too_short_breaks_the_body() {
        let mut source = file(&vec![1; BLOCK + 1]);
        source.seek(SeekFrom::Start(0)).unwrap();
        let length = 2 * BLOCK as u64;
        let block = read_block(&source, length).unwrap();
        let body = ResponseBody::File(FileBody::new(source, block, length));
        let error = body.collect().await.map(drop).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_body_that_is_cut_gives_what_is_before_the_cut_and_breaks() {
        let full = || ResponseBody::Full(Some(Bytes::from_static(b"12345")));
        let mut cut = full().cut(3);
        assert_eq!(cut.size_hint().exact(), Some(5));
        let frame = cut.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "123");
        assert!(cut.frame().await.unwrap().is_err());
        assert!(full().cut(0).frame().await.unwrap().is_err());
        let whole = full().cut(5).collect().await.unwrap().to_bytes();
        assert_eq!(whole, "12345");
    }

    #[tokio::test]
    async fn a_whole_body_has_a_limit() {
        let body = || RequestBody::new(Full::new(Bytes::from_static(b"12345")), false);
        assert_eq!(body().whole(5).await.unwrap(), b"12345");
        assert!(body().whole(4).await.is_err());
    }
}
