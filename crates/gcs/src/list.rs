use http::Method;
use serde::Deserialize;
use spinreel_platform::{Clock, HttpClient, Random};

use crate::client::Client;
use crate::encode::Query;
use crate::error::Error;
use crate::object::{Object, Resource};
use crate::request;
use crate::token::TokenCache;

/// The most objects that a page can have.
pub const LARGEST_PAGE: u32 = 1_000;

/// A page of resources with the longest metadata fits in.
const PAGE_LIMIT: usize = 16 * 1024 * 1024;

/// Only what becomes part of an [`Object`]: links and access lists are most of a resource.
const FIELDS: &str = "items(name,generation,metageneration,size,crc32c,contentType,metadata,timeCreated,etag),nextPageToken";

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// Live objects, by the UTF-8 bytes of their names. May be empty although more follow.
    pub objects: Vec<Object>,
    /// Names the next page; `None` at the end.
    pub next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listing {
    #[serde(default)]
    items: Vec<Resource>,
    next_page_token: Option<String>,
}

impl<H: HttpClient, C: Clock, R: Random, T: TokenCache> Client<H, C, R, T> {
    /// Lists up to `max` (1 to [`LARGEST_PAGE`]) live objects whose names begin with `prefix`
    /// (<https://cloud.google.com/storage/docs/json_api/v1/objects/list>). `page_token` is the one of the page before,
    /// whose prefix must have been the same.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for another `max`; [`Error::NotFound`] if there is no such bucket.
    pub async fn list(
        &self,
        prefix: &str,
        page_token: Option<&str>,
        max: u32,
    ) -> Result<ListPage, Error> {
        if !(1..=LARGEST_PAGE).contains(&max) {
            return Err(Error::InvalidArgument("a page has 1 to 1,000 objects"));
        }
        let query = Query::default()
            .with("prefix", prefix)
            .with("maxResults", max)
            .with_some("pageToken", page_token)
            .with("fields", FIELDS);
        let uri = self.endpoint.objects(&query);
        let listing = self
            .with_retries(async || {
                let response = self
                    .send(request::build(Method::GET, &uri, &[], vec![])?)
                    .await?;
                request::json::<Listing>(response, PAGE_LIMIT).await
            })
            .await?;
        let objects: Result<Vec<Object>, Error> =
            listing.items.into_iter().map(Object::try_from).collect();
        Ok(ListPage {
            objects: objects?,
            // Some emulators write an empty token where the API leaves it out.
            next_page_token: listing.next_page_token.filter(|token| !token.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests;
