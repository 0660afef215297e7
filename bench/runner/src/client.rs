//! One client, whose bodies are streamed: 256 MiB cost it no memory.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use bytes::Bytes;
use http::Request;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// The most bytes of an answer that are kept.
const MAX_KEPT: usize = 16 * 1024 * 1024;

/// How long an answer may take, with its whole body.
const PATIENCE: Duration = Duration::from_secs(60);

/// A body whose pieces are there; it is sent with its length. Cloning copies no bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Body(VecDeque<Bytes>);

impl FromIterator<Bytes> for Body {
    fn from_iter<I: IntoIterator<Item = Bytes>>(pieces: I) -> Self {
        Self(pieces.into_iter().collect())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
    }
}

/// A client that keeps its connections open. Any answer but a 2xx, whole within a minute, is an error.
#[derive(Clone)]
pub(crate) struct Client(legacy::Client<HttpConnector, Body>);

impl Client {
    /// Without connections yet.
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self(legacy::Client::builder(TokioExecutor::new()).build(connector))
    }

    /// Sends a request and gives the body of the answer, at most 16 MiB.
    pub(crate) async fn ask(&self, request: Request<Body>) -> Result<Vec<u8>> {
        let mut kept = Vec::new();
        self.read(request, |piece| {
            ensure!(
                kept.len() + piece.len() <= MAX_KEPT,
                "the answer is too long"
            );
            kept.extend_from_slice(piece);
            Ok(())
        })
        .await?;
        Ok(kept)
    }

    /// Sends a request and counts the bytes of the answer.
    pub(crate) async fn count(&self, request: Request<Body>) -> Result<u64> {
        let mut size = 0;
        self.read(request, |piece| {
            size += piece.len() as u64;
            Ok(())
        })
        .await?;
        Ok(size)
    }

    /// Sends a request and gives the CRC-32C of the answer's bytes.
    pub(crate) async fn crc32c(&self, request: Request<Body>) -> Result<u32> {
        let mut crc32c = 0;
        self.read(request, |piece| {
            crc32c = crc32c::crc32c_append(crc32c, piece);
            Ok(())
        })
        .await?;
        Ok(crc32c)
    }

    /// Sends a request and hands on the answer's bytes as they come.
    async fn read(
        &self,
        request: Request<Body>,
        piece: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let what = format!("{} {}", request.method(), request.uri());
        tokio::time::timeout(PATIENCE, self.exchange(request, piece))
            .await
            .map_err(|_| anyhow!("no whole answer within {PATIENCE:?}"))
            .flatten()
            .context(what)
    }

    async fn exchange(
        &self,
        request: Request<Body>,
        mut piece: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let response = self.0.request(request).await?;
        let status = response.status();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            if let Ok(bytes) = frame?.into_data() {
                if !status.is_success() {
                    bail!("{status}: {}", String::from_utf8_lossy(&bytes));
                }
                piece(&bytes)?;
            }
        }
        ensure!(status.is_success(), "{status}");
        Ok(())
    }
}

/// The body of the answer to a GET request by a client of its own.
pub(crate) async fn get(url: &str) -> Result<Vec<u8>> {
    let request = Request::get(url).body(Body::default())?;
    Client::new().ask(request).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Body as _;

    #[test]
    fn a_body_tells_the_length_of_all_its_pieces() {
        let body: Body = ["one", "", "three"].map(Bytes::from).into_iter().collect();
        assert_eq!(body.size_hint().exact(), Some(8));
        assert!(!body.is_end_stream());
        assert_eq!(Body::default().size_hint().exact(), Some(0));
        assert!(Body::default().is_end_stream());
    }
}
