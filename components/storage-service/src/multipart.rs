//! `multipart/form-data` (RFC 7578), by multer, fed by hand: bodies here are not `Send`, as multer's streams must be.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use multer::{Field, Multipart};
use spinreel_platform::ReadBody;
use thiserror::Error;

use crate::domain::upload::{FileSource, SourceError};

/// The most that is read before the file begins, in bytes: the heads of parts, and parts that are not wanted.
const PREAMBLE_LIMIT: u64 = 256 * 1024;
/// The longest boundary (RFC 2046, section 5.1.1).
const MAX_BOUNDARY: usize = 70;

/// Why a form has no file for us.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FormError {
    /// The request is no form, or its form has no part `file` that is a file.
    #[error("no file part")]
    NoFilePart,
    /// The file has an empty name.
    #[error("no selected file")]
    NoSelectedFile,
    /// The form is broken.
    #[error("the form is broken: {0}")]
    Broken(String),
    /// The body ended before a file began.
    #[error("the form is cut off: {0}")]
    CutOff(String),
}

/// The head of a form's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHead {
    /// The name as the client gave it.
    pub name: String,
    /// The declared media type.
    pub content_type: String,
    /// Where in the body the file begins, in bytes.
    pub offset: u64,
}

impl FileHead {
    /// How many bytes the file has if it is the last part of a body of `content_length` bytes; 0 where that is not
    /// known. Right to the byte for the usual clients; the truth is what comes.
    pub fn expected_size(&self, content_length: Option<u64>, boundary: &str) -> u64 {
        let closing = "\r\n--".len() + boundary.len() + "--\r\n".len();
        content_length.map_or(0, |length| {
            length.saturating_sub(self.offset + closing as u64)
        })
    }
}

/// The boundary of a form's `Content-Type`.
pub fn boundary(content_type: Option<&str>) -> Result<String, FormError> {
    content_type
        .and_then(|value| multer::parse_boundary(value).ok())
        .filter(|boundary| (1..=MAX_BOUNDARY).contains(&boundary.len()))
        .ok_or(FormError::NoFilePart)
}

/// A form in a body.
pub struct Form<B> {
    pump: Pump<B>,
    multipart: Multipart<'static>,
    field: Option<Field<'static>>,
}

impl<B> fmt::Debug for Form<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").finish_non_exhaustive()
    }
}

impl<B: ReadBody> Form<B> {
    /// The form whose parts `boundary` separates.
    pub fn new(boundary: &str, body: B) -> Self {
        let queue = Queue::default();
        Self {
            multipart: Multipart::new(queue.clone(), boundary),
            pump: Pump {
                queue,
                body,
                rest: Bytes::new(),
                pushed: 0,
            },
            field: None,
        }
    }

    /// Reads until the part `file` begins; other parts are passed over.
    pub async fn find_file(&mut self) -> Result<FileHead, FormError> {
        let multipart = &mut self.multipart;
        let find = async {
            while let Some(field) = multipart.next_field().await? {
                if field.name() == Some("file") && field.file_name().is_some() {
                    return Ok(Some(field));
                }
            }
            Ok(None)
        };
        let field = match self.pump.drive(find, Feed::Lines).await {
            Ok(Some(field)) => field,
            // A body that ends before a first boundary has no part at all.
            Ok(None) | Err(Failure::Form(multer::Error::IncompleteStream)) => {
                return Err(FormError::NoFilePart);
            }
            Err(Failure::Body(error)) => return Err(FormError::CutOff(error.to_string())),
            Err(failure) => return Err(FormError::Broken(failure.to_string())),
        };
        let name = field.file_name().unwrap_or_default().to_owned();
        if name.is_empty() {
            return Err(FormError::NoSelectedFile);
        }
        let content_type = field.content_type().map_or_else(
            || "application/octet-stream".to_owned(),
            ToString::to_string,
        );
        self.field = Some(field);
        Ok(FileHead {
            name,
            content_type,
            offset: self.pump.pushed,
        })
    }
}

impl<B: ReadBody> FileSource for Form<B> {
    async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        let Some(field) = &mut self.field else {
            return Ok(None);
        };
        loop {
            let chunk = self.pump.drive(field.chunk(), Feed::Pieces).await;
            match chunk.map_err(|failure| SourceError(failure.to_string()))? {
                Some(bytes) if bytes.is_empty() => {}
                other => return Ok(other),
            }
        }
    }
}

/// How the body is handed to the parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Feed {
    /// Line by line: when a part's head is complete, the parser holds not a byte more.
    Lines,
    /// As it comes.
    Pieces,
}

#[derive(Debug, Error)]
enum Failure {
    #[error(transparent)]
    Form(#[from] multer::Error),
    #[error(transparent)]
    Body(#[from] spinreel_platform::TransportError),
    #[error("no file begins within {PREAMBLE_LIMIT} bytes")]
    Preamble,
}

/// Moves the body to the parser, a piece at a time, whenever the parser waits for one.
struct Pump<B> {
    queue: Queue,
    body: B,
    rest: Bytes,
    pushed: u64,
}

impl<B: ReadBody> Pump<B> {
    async fn drive<T>(
        &mut self,
        future: impl Future<Output = multer::Result<T>>,
        feed: Feed,
    ) -> Result<T, Failure> {
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(result) = futures::poll!(future.as_mut()) {
                return Ok(result?);
            }
            if feed == Feed::Lines && self.pushed > PREAMBLE_LIMIT {
                return Err(Failure::Preamble);
            }
            if self.rest.is_empty() {
                match self.body.read().await? {
                    Some(piece) => self.rest = piece,
                    None => self.queue.end(),
                }
            }
            let length = match feed {
                Feed::Lines => self
                    .rest
                    .iter()
                    .position(|byte| *byte == b'\n')
                    .map(|at| at + 1),
                Feed::Pieces => None,
            };
            let piece = self.rest.split_to(length.unwrap_or(self.rest.len()));
            self.pushed += piece.len() as u64;
            self.queue.push(piece);
        }
    }
}

/// What the parser has not taken yet.
#[derive(Debug, Clone, Default)]
struct Queue(Arc<Mutex<Pending>>);

#[derive(Debug, Default)]
struct Pending {
    pieces: VecDeque<Bytes>,
    ended: bool,
}

impl Queue {
    fn push(&self, piece: Bytes) {
        if !piece.is_empty() {
            self.lock().pieces.push_back(piece);
        }
    }

    fn end(&self) {
        self.lock().ended = true;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream for Queue {
    type Item = multer::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut pending = self.lock();
        match pending.pieces.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(piece))),
            None if pending.ended => Poll::Ready(None),
            // The pump polls again when it has pushed something.
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use proptest::prelude::*;
    use spinreel_platform::TransportError;
    use spinreel_platform::memory::Pieces;

    use super::*;

    const BOUNDARY: &str = "X-BOUNDARY";

    /// A body that is read on after its end a few times only: who goes on would do so forever.
    struct Ending {
        pieces: Pieces,
        ends: usize,
    }

    impl ReadBody for Ending {
        async fn read(&mut self) -> Result<Option<Bytes>, TransportError> {
            let piece = self.pieces.read().await;
            if matches!(piece, Ok(None)) {
                self.ends += 1;
                assert!(self.ends < 10, "the parser waits for more than there is");
            }
            piece
        }
    }

    fn form(body: &[u8], piece: usize) -> Form<Ending> {
        form_in(body, &[piece])
    }

    /// The body cut into pieces of these lengths, over and over.
    fn form_in(mut body: &[u8], lengths: &[usize]) -> Form<Ending> {
        let mut lengths = lengths.iter().cycle();
        let mut pieces = Vec::new();
        while !body.is_empty() {
            let length = lengths
                .next()
                .map_or(body.len(), |length| *length.min(&body.len()));
            let (piece, rest) = body.split_at(length);
            pieces.push(Bytes::copy_from_slice(piece));
            body = rest;
        }
        Form::new(
            BOUNDARY,
            Ending {
                pieces: Pieces::new(pieces),
                ends: 0,
            },
        )
    }

    fn body(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (head, content) in parts {
            body.extend(
                format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n").bytes(),
            );
            body.extend(*content);
            body.extend(b"\r\n");
        }
        body.extend(format!("--{BOUNDARY}--\r\n").bytes());
        body
    }

    fn read(form: &mut Form<Ending>) -> Result<Vec<u8>, SourceError> {
        block_on(async {
            let mut bytes = Vec::new();
            while let Some(piece) = form.next().await? {
                bytes.extend(piece);
            }
            Ok(bytes)
        })
    }

    /// Reads it as the upload does.
    fn upload(mut form: Form<Ending>) -> Option<Vec<u8>> {
        block_on(form.find_file()).ok()?;
        read(&mut form).ok()
    }

    /// What a form is made of, in any order: some of it opens parts, some of it only looks so.
    fn shreds() -> impl Strategy<Value = Vec<u8>> {
        const FILE: &str = "Content-Disposition: form-data; name=\"file\"; filename=\"a\"";
        let shred = prop_oneof![
            Just(format!("--{BOUNDARY}\r\n{FILE}\r\n\r\n").into_bytes()),
            Just(format!("--{BOUNDARY}\r\n").into_bytes()),
            Just(format!("\r\n--{BOUNDARY}").into_bytes()),
            Just(format!("--{BOUNDARY}--\r\n").into_bytes()),
            Just(BOUNDARY.as_bytes().to_vec()),
            Just(FILE.as_bytes().to_vec()),
            Just(FILE.as_bytes()[..FILE.len() - 2].to_vec()),
            Just(b"Content-Disposition: form-data; name=title".to_vec()),
            Just(b"Content-Type: ".to_vec()),
            Just(b"\r\n\r\n".to_vec()),
            "[\r\n:;=\"*/% -]{1,4}".prop_map(String::into_bytes),
            proptest::collection::vec(any::<u8>(), 0..30),
        ];
        proptest::collection::vec(shred, 0..16).prop_map(|shreds| shreds.concat())
    }

    /// The boundary is what no file has: here, all but its last character stays.
    fn without_boundary(mut content: Vec<u8>) -> Vec<u8> {
        let whole = BOUNDARY.as_bytes();
        while let Some(at) = content.windows(whole.len()).position(|part| part == whole) {
            content[at + whole.len() - 1] = b'!';
        }
        content
    }

    fn lengths() -> impl Strategy<Value = Vec<usize>> {
        proptest::collection::vec(1_usize..80, 1..12)
    }

    proptest! {
        #[test]
        fn a_file_comes_out_as_it_went_in_and_its_size_is_known_before(
            content in proptest::collection::vec(any::<u8>(), 0..500),
            title in "[a-z\r\n-]{0,40}",
            piece in 1_usize..600,
        ) {
            let body = body(&[("name=\"title\"", title.as_bytes()), ("name=\"file\"; filename=\"a.mp4\"", &content)]);
            let mut form = form(&body, piece);
            let head = block_on(form.find_file()).unwrap();
            prop_assert_eq!(head.expected_size(Some(body.len() as u64), BOUNDARY), content.len() as u64);
            prop_assert_eq!(read(&mut form).unwrap(), content);
        }

        #[test]
        fn a_file_is_the_same_however_the_form_is_cut(shreds in shreds(), lengths in lengths()) {
            let content = without_boundary(shreds);
            let body = body(&[("name=\"file\"; filename=\"a.mp4\"", &content), ("name=\"title\"", b"x")]);
            prop_assert_eq!(upload(form_in(&body, &lengths)), Some(content));
        }

        #[test]
        fn any_bytes_are_read_to_an_end_without_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            lengths in lengths(),
        ) {
            let _ = upload(form_in(&bytes, &lengths));
        }

        #[test]
        fn what_is_nearly_a_form_is_read_to_an_end_and_the_same_however_it_is_cut(
            bytes in shreds(),
            lengths in lengths(),
        ) {
            let whole = upload(form_in(&bytes, &[]));
            prop_assert_eq!(upload(form_in(&bytes, &lengths)), whole);
        }
    }

    #[test]
    fn a_form_without_a_file_has_no_file_part() {
        for parts in [
            &[][..],
            &[("name=\"title\"", &b"x"[..])],
            &[("name=\"file\"", b"x")],
        ] {
            let found = block_on(form(&body(parts), 7).find_file());
            assert_eq!(found, Err(FormError::NoFilePart));
        }
    }

    #[test]
    fn an_empty_file_name_is_no_selected_file() {
        let body = body(&[("name=\"file\"; filename=\"\"", b"x")]);
        assert_eq!(
            block_on(form(&body, 9).find_file()),
            Err(FormError::NoSelectedFile)
        );
    }

    #[test]
    fn a_body_with_another_boundary_has_no_file_part() {
        let body = b"--OTHER\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx\r\n--OTHER--\r\n";
        assert_eq!(
            block_on(form(body, 9).find_file()),
            Err(FormError::NoFilePart)
        );
    }

    #[test]
    fn a_head_without_end_is_given_up() {
        let mut body = format!("--{BOUNDARY}\r\n").into_bytes();
        body.extend(vec![b'a'; 2 * PREAMBLE_LIMIT as usize]);
        let found = block_on(form(&body, 10_000).find_file());
        assert!(matches!(found, Err(FormError::Broken(_))), "{found:?}");
    }

    #[test]
    fn a_file_that_is_cut_off_is_an_error_and_not_a_short_file() {
        let whole = body(&[("name=\"file\"; filename=\"a\"", b"0123456789")]);
        for length in whole.len() - 20..whole.len() - 4 {
            let mut form = form(&whole[..length], 9);
            block_on(form.find_file()).unwrap();
            assert!(read(&mut form).is_err(), "{length}");
        }
    }
}
