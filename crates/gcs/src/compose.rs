use http::Method;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use spinreel_platform::{Clock, HttpClient, Random};

use crate::client::Client;
use crate::encode::Query;
use crate::error::Error;
use crate::insert::{Doubt, Inserted};
use crate::object::{NewObject, check_name};
use crate::request;
use crate::token::TokenCache;

/// How many objects one call makes into one (<https://cloud.google.com/storage/docs/composite-objects>).
pub const LARGEST_COMPOSITION: usize = 32;

/// A part of a composition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The object's name.
    pub name: String,
    /// Its generation: another one is refused.
    pub generation: i64,
}

impl<H: HttpClient, C: Clock, R: Random, T: TokenCache> Client<H, C, R, T> {
    /// Makes one object of the bytes of others, in their order, without moving any
    /// (<https://cloud.google.com/storage/docs/json_api/v1/objects/compose>). The others stay as they are.
    ///
    /// `size` and `crc32c` are those of the whole, and the bucket's answer is compared with them.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for none or more than [`LARGEST_COMPOSITION`] sources; [`Error::NotFound`] if one of
    /// them is gone; [`Error::PreconditionFailed`] if one has another generation, or the object is not in the state that
    /// [`NewObject::if_generation_match`] demands; [`Error::Corrupt`] if the whole is something else. Unless the error
    /// [is certain](Error::is_certain), the object may exist, or appear later.
    pub async fn compose(
        &self,
        object: &NewObject,
        sources: &[Source],
        size: u64,
        crc32c: u32,
    ) -> Result<Inserted, Error> {
        if !(1..=LARGEST_COMPOSITION).contains(&sources.len()) {
            return Err(Error::InvalidArgument("a composition has 1 to 32 sources"));
        }
        for source in sources {
            check_name(&source.name)?;
        }
        let object = object.prepared(&self.random)?;
        let query = Query::default().with_some("ifGenerationMatch", object.if_generation_match);
        let uri = self.endpoint.composition(&object.name, &query)?;
        let headers = [(CONTENT_TYPE, "application/json")];
        let body = vec![to_json(&object, sources)?.into()];

        let mut retries = self.retries();
        let mut doubt = Doubt::default();
        loop {
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
                // A request may arrive twice, and the first answer get lost.
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Composition<'a> {
    kind: &'static str,
    source_objects: Vec<SourceResource<'a>>,
    destination: serde_json::Value,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SourceResource<'a> {
    name: &'a str,
    generation: String,
    object_preconditions: Preconditions,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Preconditions {
    if_generation_match: String,
}

fn to_json(object: &NewObject, sources: &[Source]) -> Result<Vec<u8>, Error> {
    const UNFIT: Error = Error::InvalidArgument("the composition cannot be written as JSON");
    let destination = serde_json::from_slice(&object.to_json(None)?).map_err(|_| UNFIT)?;
    let sources = sources.iter().map(|source| SourceResource {
        name: &source.name,
        generation: source.generation.to_string(),
        object_preconditions: Preconditions {
            if_generation_match: source.generation.to_string(),
        },
    });
    serde_json::to_vec(&Composition {
        kind: "storage#composeRequest",
        source_objects: sources.collect(),
        destination,
    })
    .map_err(|_| UNFIT)
}

#[cfg(test)]
mod tests;
