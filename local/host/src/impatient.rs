//! Connections of clients that must not stand still.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A stream that fails once its peer has taken nothing for too long.
pub(crate) struct ImpatientStream<S> {
    stream: S,
    /// How long that is; `None`: for ever.
    patience: Option<Duration>,
    /// Set while bytes wait to be taken.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> ImpatientStream<S> {
    /// A stream whose peer takes something within `patience` where there is something.
    pub(crate) fn new(stream: S, patience: Option<Duration>) -> ImpatientStream<S> {
        ImpatientStream {
            stream,
            patience,
            stalled: None,
        }
    }

    /// Looks at what came of a write.
    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match (outcome, self.patience) {
            (Poll::Pending, Some(patience)) => {
                let stalled = self
                    .stalled
                    .get_or_insert_with(|| Box::pin(sleep(patience)));
                ready!(stalled.as_mut().poll(context));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            (Poll::Pending, None) => Poll::Pending,
            (Poll::Ready(outcome), _) => {
                self.stalled = None;
                Poll::Ready(outcome)
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ImpatientStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ImpatientStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.watch(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const SOON: Option<Duration> = Some(Duration::from_millis(20));

    #[tokio::test]
    async fn a_peer_that_takes_nothing_is_not_waited_for() {
        let (near, _far) = duplex(8);
        let mut stream = ImpatientStream::new(near, SOON);
        stream.write_all(&[0; 8]).await.unwrap();
        let outcome = stream.write_all(&[0; 1]).await;
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_peer_that_takes_something_has_its_time_again() {
        let (near, mut far) = duplex(8);
        let mut stream = ImpatientStream::new(near, Some(Duration::from_secs(3_600)));
        stream.write_all(&[0; 8]).await.unwrap();
        let blocked = futures::poll!(std::pin::pin!(stream.write(&[0; 1])));
        assert!(blocked.is_pending() && stream.stalled.is_some());
        far.read_exact(&mut [0; 1]).await.unwrap();
        stream.write_all(&[0; 1]).await.unwrap();
        assert!(stream.stalled.is_none());
    }

    #[tokio::test]
    async fn reading_is_waited_for_by_whoever_reads() {
        let (near, mut far) = duplex(8);
        let mut stream = ImpatientStream::new(near, SOON);
        let answer = tokio::spawn(async move {
            let mut byte = [0; 1];
            stream.read_exact(&mut byte).await.map(|_| byte)
        });
        tokio::time::sleep(Duration::from_millis(60)).await;
        far.write_all(b"x").await.unwrap();
        assert_eq!(answer.await.unwrap().unwrap(), *b"x");
    }
}
