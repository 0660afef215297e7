//! `multipart/form-data` (RFC 7578, RFC 2046), read in one pass as it comes in.
//!
//! A form is read to its end before its file is said to be whole, so that a form which turns out to be broken, or to have
//! two files, leaves nothing behind. Of what is no file, heads are kept until they are understood, and nothing else.

mod head;
mod matcher;
#[cfg(test)]
mod tests;

use std::fmt;

use bytes::{Buf, Bytes};
use spinreel_http::parameters::MediaType;
use spinreel_platform::{ReadBody, TransportError};
use thiserror::Error;

pub(crate) use self::head::is_media_type;

use self::head::PartHead;
use self::matcher::{Matcher, Step};
use crate::domain::upload::{ESTIMATE_SLACK, FileSource, SourceError};

/// The most that a form may have besides its file, in bytes: other fields, the heads of all, what stands before the first
/// part.
pub const FIELDS_LIMIT: u64 = ESTIMATE_SLACK;
/// The longest head of a part, in bytes.
const HEAD_LIMIT: usize = 16 * 1024;
/// The longest field that is kept, in bytes, and how many are.
const FIELD_LIMIT: usize = 32 * 1024;
const FIELDS_KEPT: usize = 64;
/// The longest boundary (RFC 2046, section 5.1.1).
const MAX_BOUNDARY: usize = 70;
/// The field that the file is in.
const FILE_FIELD: &str = "file";
/// What ends a line.
const CRLF: &str = "\r\n";

/// Why a form has no file for us.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FormError {
    /// The request is no form, or its form has no part `file` that is a file.
    #[error("no file part")]
    NoFilePart,
    /// The file has an empty name.
    #[error("no selected file")]
    NoSelectedFile,
    /// Which of them is meant cannot be known.
    #[error("more than one part \"{FILE_FIELD}\"")]
    TwoFiles,
    /// There is more besides the file than is read.
    #[error("the form has more than {FIELDS_LIMIT} bytes besides its file")]
    TooLarge,
    /// The form is broken.
    #[error("the form is broken: {0}")]
    Broken(&'static str),
    /// The body ended before the form did.
    #[error("the form is cut off")]
    CutOff,
    /// The body could not be read to its end.
    #[error(transparent)]
    Body(#[from] TransportError),
}

/// The head of a form's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHead {
    /// The name as the client gave it.
    pub name: String,
    /// The declared media type: printable ASCII, 255 bytes at most; `None` where none was declared, or what was is none.
    pub content_type: Option<String>,
    /// Where in the body the file begins, in bytes.
    pub offset: u64,
}

impl FileHead {
    /// How many bytes the file has if it is the last part of a body of `content_length` bytes; 0 where that is not
    /// known. Right to the byte for the usual clients; with fields after the file it has fewer, by [`FIELDS_LIMIT`] at
    /// most. The truth is what comes.
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
        .and_then(|value| MediaType::parse(value).ok())
        .filter(|media_type| media_type.essence == "multipart/form-data")
        .and_then(|media_type| media_type.parameters.get("boundary").map(str::to_owned))
        .filter(|boundary| (1..=MAX_BOUNDARY).contains(&boundary.len()))
        .ok_or(FormError::NoFilePart)
}

/// A form in a body.
pub struct Form<B> {
    input: Input<B>,
    /// Finds what ends a part's content.
    delimiter: Matcher,
    /// Finds what ends a part's head.
    blank_line: Matcher,
    /// Bytes of the file so far.
    file_bytes: u64,
    /// How many parts `file` there were.
    files: u32,
    /// The names of fields that are kept.
    kept_names: &'static [&'static str],
    /// What came of them.
    fields: Vec<(&'static str, String)>,
    /// Whether the file is being read.
    in_file: bool,
    failure: Option<FormError>,
}

impl<B> fmt::Debug for Form<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").finish_non_exhaustive()
    }
}

impl<B: ReadBody> Form<B> {
    /// The form whose parts `boundary` separates.
    pub fn new(boundary: &str, body: B) -> Self {
        Self {
            input: Input {
                body,
                piece: Bytes::new(),
                came: 0,
            },
            delimiter: Matcher::new(format!("{CRLF}--{boundary}")),
            blank_line: Matcher::new(format!("{CRLF}{CRLF}")),
            file_bytes: 0,
            files: 0,
            kept_names: &[],
            fields: Vec::new(),
            in_file: false,
            failure: None,
        }
    }

    /// Keeps the fields of these names; they may come before and after the file.
    #[must_use]
    pub fn keeping(mut self, names: &'static [&'static str]) -> Self {
        self.kept_names = names;
        self
    }

    /// The fields that were kept so far, in their order.
    pub fn fields(&self) -> &[(&'static str, String)] {
        &self.fields
    }

    /// Reads until the part `file` begins; other parts are passed over.
    pub async fn find_file(&mut self) -> Result<FileHead, FormError> {
        self.skip_preamble().await?;
        while self.begin_part().await? {
            let head = self.head().await?;
            self.count_file(&head)?;
            match head.filename {
                Some(name) if head.name.as_deref() == Some(FILE_FIELD) => {
                    if name.is_empty() {
                        return Err(FormError::NoSelectedFile);
                    }
                    self.in_file = true;
                    return Ok(FileHead {
                        name,
                        content_type: head.content_type,
                        offset: self.input.offset(),
                    });
                }
                Some(_) | None => self.pass_over(&head).await?,
            }
        }
        Err(FormError::NoFilePart)
    }

    /// Why the file could not be read to the form's end.
    pub fn failure(&self) -> Option<&FormError> {
        self.failure.as_ref()
    }

    /// The next bytes of the file; `None` when the whole form was read.
    async fn next_of_file(&mut self) -> Result<Option<Bytes>, FormError> {
        if !self.in_file {
            return Ok(None);
        }
        if let Some(bytes) = self.input.before(&mut self.delimiter).await? {
            self.file_bytes += bytes.len() as u64;
            return Ok(Some(bytes));
        }
        while self.begin_part().await? {
            let head = self.head().await?;
            self.count_file(&head)?;
            self.pass_over(&head).await?;
        }
        self.in_file = false;
        Ok(None)
    }

    /// Reads the first delimiter, and what stands before it, which means nothing. It may stand at the very beginning.
    async fn skip_preamble(&mut self) -> Result<(), FormError> {
        self.delimiter.restart(CRLF.len());
        match self.skip_content().await {
            // There is no part at all.
            Err(FormError::CutOff | FormError::TooLarge) => Err(FormError::NoFilePart),
            skipped => skipped,
        }
    }

    /// Reads on to where a part's head begins, right after a delimiter; `false` where it was the form's last one.
    async fn begin_part(&mut self) -> Result<bool, FormError> {
        let mut byte = self.byte().await?;
        if byte == b'-' && self.byte().await? == b'-' {
            return Ok(false);
        }
        while byte == b' ' || byte == b'\t' {
            byte = self.byte().await?;
        }
        match byte == b'\r' && self.byte().await? == b'\n' {
            true => Ok(true),
            false => Err(FormError::Broken("a boundary is followed by something")),
        }
    }

    /// Reads a part's head to its end.
    async fn head(&mut self) -> Result<PartHead, FormError> {
        let mut head = Vec::new();
        // A head may be empty.
        self.blank_line.restart(CRLF.len());
        while let Some(bytes) = self.input.before(&mut self.blank_line).await? {
            if head.len() + bytes.len() > HEAD_LIMIT {
                return Err(FormError::Broken("the head of a part is too long"));
            }
            self.check_size()?;
            head.extend_from_slice(&bytes);
        }
        // The line's end before the delimiter is the one after the head where there is no content.
        self.delimiter.restart(CRLF.len());
        PartHead::parse(&head)
    }

    /// Reads on to after the next delimiter.
    async fn skip_content(&mut self) -> Result<(), FormError> {
        while self.input.before(&mut self.delimiter).await?.is_some() {
            self.check_size()?;
        }
        Ok(())
    }

    /// Reads a part that is not the file, and keeps it where it is a field that is wanted.
    async fn pass_over(&mut self, head: &PartHead) -> Result<(), FormError> {
        let name = head.name.as_deref().filter(|_| head.filename.is_none());
        let kept = self.kept_names.iter().find(|kept| name == Some(**kept));
        let Some(name) = kept else {
            return self.skip_content().await;
        };
        let mut value = Vec::new();
        while let Some(bytes) = self.input.before(&mut self.delimiter).await? {
            self.check_size()?;
            if value.len() + bytes.len() > FIELD_LIMIT || self.fields.len() == FIELDS_KEPT {
                return Err(FormError::TooLarge);
            }
            value.extend_from_slice(&bytes);
        }
        let value = String::from_utf8(value);
        let value = value.map_err(|_| FormError::Broken("a field is no UTF-8"))?;
        self.fields.push((*name, value));
        Ok(())
    }

    fn count_file(&mut self, head: &PartHead) -> Result<(), FormError> {
        if head.name.as_deref() == Some(FILE_FIELD) {
            self.files += 1;
        }
        match self.files > 1 {
            true => Err(FormError::TwoFiles),
            false => Ok(()),
        }
    }

    async fn byte(&mut self) -> Result<u8, FormError> {
        self.check_size()?;
        self.input.byte().await
    }

    fn check_size(&self) -> Result<(), FormError> {
        match self.input.offset() - self.file_bytes > FIELDS_LIMIT {
            true => Err(FormError::TooLarge),
            false => Ok(()),
        }
    }
}

impl<B: ReadBody> FileSource for Form<B> {
    async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        if self.failure.is_none() {
            match self.next_of_file().await {
                Ok(bytes) => return Ok(bytes),
                Err(error) => self.failure = Some(error),
            }
        }
        let failure = self.failure.as_ref().map(ToString::to_string);
        Err(SourceError(failure.unwrap_or_default()))
    }
}

/// A body, and what of it was not looked at.
struct Input<B> {
    body: B,
    piece: Bytes,
    /// Bytes that came.
    came: u64,
}

impl<B: ReadBody> Input<B> {
    /// Where in the body the next byte is.
    fn offset(&self) -> u64 {
        self.came - self.piece.len() as u64
    }

    /// The next bytes that stand before what `matcher` looks for; `None` after it.
    async fn before(&mut self, matcher: &mut Matcher) -> Result<Option<Bytes>, FormError> {
        loop {
            match matcher.step(&mut self.piece) {
                Step::Before(bytes) => return Ok(Some(bytes)),
                Step::Needle => return Ok(None),
                Step::More => self.refill().await?,
            }
        }
    }

    async fn byte(&mut self) -> Result<u8, FormError> {
        while self.piece.is_empty() {
            self.refill().await?;
        }
        Ok(self.piece.get_u8())
    }

    async fn refill(&mut self) -> Result<(), FormError> {
        let piece = self.body.read().await?;
        self.piece = piece.ok_or(FormError::CutOff)?;
        self.came += self.piece.len() as u64;
        Ok(())
    }
}
