//! The storage: everything that its operations work with.

use spinreel_api::Timestamp;
use spinreel_api::internal::StoredVideo;
use spinreel_gcs::Client;
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::peers::{PeerFailure, Peers};
use super::record::{FileRecord, Owner, StoredObject};

/// The storage, as one request sees it.
#[derive(Debug)]
pub struct Storage<S, H, C, R, P> {
    /// The service's own state.
    pub store: S,
    /// The bucket.
    pub bucket: Client<H, C, R>,
    /// The wall clock.
    pub clock: C,
    /// The other services.
    pub peers: P,
    /// What a user may store, in bytes.
    pub limit: i64,
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers> Storage<S, H, C, R, P> {
    /// Tells the catalogue of a stored file.
    pub(crate) async fn announce(
        &self,
        owner: &Owner,
        number: u64,
        record: &FileRecord,
        object: &StoredObject,
    ) -> Result<(), PeerFailure> {
        let video = StoredVideo {
            owner: owner.user_id.clone(),
            filename: record.name.clone(),
            size: object.size,
            content_type: record.content_type.clone(),
            location: super::content::location(&owner.user_id, number),
            etag: format!("\"{}\"", record.id),
            created_at: Timestamp::from_ms(record.created_at_ms),
        };
        self.peers.announce(&record.id, &video).await
    }
}
