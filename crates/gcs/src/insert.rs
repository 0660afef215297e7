use bytes::Bytes;
use http::Method;
use http::header::CONTENT_TYPE;
use spinreel_platform::{Clock, HttpClient, Random};

use crate::client::Client;
use crate::encode::Query;
use crate::error::Error;
use crate::object::{NewObject, Object, random_hex};
use crate::request;
use crate::token::TokenCache;

/// An object that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inserted {
    /// The object.
    pub object: Object,
    /// Whether an attempt was not answered before one succeeded. It may land yet: where the object is deleted soon, and
    /// its precondition is met again by that, it is written once more.
    pub unanswered: bool,
}

impl<H: HttpClient, C: Clock, R: Random, T: TokenCache> Client<H, C, R, T> {
    /// Writes an object whose bytes are all there, in one request
    /// (<https://cloud.google.com/storage/docs/uploading-objects#uploading-an-object>, `uploadType=multipart`).
    ///
    /// `crc32c` is the checksum of the bytes as they were when they came in. The bucket compares it with what reaches
    /// it, and its answer is compared again.
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`] if the object is not in the state that [`NewObject::if_generation_match`]
    /// demands, and nothing was changed; [`Error::Refused`] with status 400 if `crc32c` does not belong to the bytes
    /// that arrived; [`Error::Corrupt`] if what was stored differs all the same; either of the first two as
    /// [`Error::InDoubt`] after an attempt that was not answered. Unless the error [is certain](Error::is_certain),
    /// the object may exist, or appear later.
    pub async fn insert(
        &self,
        object: &NewObject,
        body: Vec<Bytes>,
        crc32c: u32,
    ) -> Result<Object, Error> {
        let inserted = self.insert_tracked(object, body, crc32c).await?;
        Ok(inserted.object)
    }

    /// [`insert`](Self::insert), for callers that may delete the object soon.
    ///
    /// # Errors
    /// Those of [`insert`](Self::insert).
    pub async fn insert_tracked(
        &self,
        object: &NewObject,
        body: Vec<Bytes>,
        crc32c: u32,
    ) -> Result<Inserted, Error> {
        let object = object.prepared(&self.random)?;
        let size = request::length(&body);
        let query = Query::default()
            .with("uploadType", "multipart")
            .with_some("ifGenerationMatch", object.if_generation_match);
        let uri = self.endpoint.uploads(&query);
        // 128 random bits do not occur in the bytes, whoever chose them.
        let boundary = random_hex(&self.random);
        let content_type = format!("multipart/related; boundary={boundary}");
        let headers = [(CONTENT_TYPE, content_type.as_str())];
        let body = related(&boundary, &object, body, crc32c)?;

        let mut retries = self.retries();
        let mut doubt = Doubt::default();
        loop {
            // Cloning the pieces copies no bytes.
            let attempt = request::build(Method::POST, &uri, &headers, body.clone())?;
            let written = match self.send(attempt).await {
                Ok(response) => request::object(response).await,
                Err(error) => Err(error),
            };
            let error = match written {
                Ok(written) => {
                    let verified = self.verified(&object.name, written, size, crc32c).await;
                    return verified.map(|object| doubt.inserted(object));
                }
                // Also where no attempt of ours failed: a request may arrive twice, and the first answer get lost.
                Err(refused @ Error::PreconditionFailed) => {
                    let adopted = self.adopt(&object, size, crc32c, refused).await;
                    return match adopted {
                        Ok(object) => Ok(doubt.inserted(object)),
                        Err(error) => Err(doubt.after_asking(error)),
                    };
                }
                Err(error) => error,
            };
            if object.if_generation_match.is_none() {
                return Err(error);
            }
            // A failure that ends the call speaks for itself.
            let before = doubt;
            doubt.note(&error);
            if let Err(error) = retries.pause(error).await {
                return Err(before.applied_to(error));
            }
        }
    }
}

/// What the failed attempts of a write leave open.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Doubt {
    /// There was one. A failure on the bucket's side says nothing of what the attempt did before.
    pub(crate) failed: bool,
    /// One was not answered: it may be on its way still.
    pub(crate) unanswered: bool,
}

impl Doubt {
    pub(crate) fn inserted(self, object: Object) -> Inserted {
        Inserted {
            object,
            unanswered: self.unanswered,
        }
    }

    /// Takes in that an attempt failed.
    pub(crate) fn note(&mut self, error: &Error) {
        self.failed = true;
        self.unanswered |= error.is_unanswered();
    }

    /// The error of the whole write, if it ends with `error`.
    pub(crate) fn applied_to(self, error: Error) -> Error {
        if self.unanswered || (self.failed && error.is_certain()) {
            error.in_doubt()
        } else {
            error
        }
    }

    /// The same if the bucket has been asked since what became of the object: what was answered is over, and would
    /// have been seen.
    pub(crate) fn after_asking(self, error: Error) -> Error {
        if self.unanswered {
            error.in_doubt()
        } else {
            error
        }
    }
}

/// A `multipart/related` body (RFC 2387): the JSON resource, then the bytes.
fn related(
    boundary: &str,
    object: &NewObject,
    media: Vec<Bytes>,
    crc32c: u32,
) -> Result<Vec<Bytes>, Error> {
    let mut head = format!("--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n")
        .into_bytes();
    head.extend(object.to_json(Some(crc32c))?);
    head.extend(
        format!(
            "\r\n--{boundary}\r\nContent-Type: {}\r\n\r\n",
            object.content_type
        )
        .into_bytes(),
    );
    let mut pieces = vec![Bytes::from(head)];
    pieces.extend(media);
    pieces.push(Bytes::from(format!("\r\n--{boundary}--\r\n")));
    Ok(pieces)
}

#[cfg(test)]
mod tests;
