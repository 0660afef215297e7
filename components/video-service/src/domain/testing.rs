//! Shared by the tests of this folder.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use spinreel_api::Timestamp;
use spinreel_api::internal::{AnnounceVideo, StoredVideo};
use spinreel_platform::memory::MemoryStore;
use spinreel_platform::stepping::Stepping;
use spinreel_platform::{Clock, Store};

use super::arrival::{Arrival, arrive};
use super::catalogue::{Put, PutError};

/// A file of `owner`.
pub(crate) fn stored(owner: &str, filename: &str) -> StoredVideo {
    StoredVideo {
        owner: owner.to_owned(),
        filename: filename.to_owned(),
        size: 1_000,
        content_type: "video/mp4".to_owned(),
        location: format!("{owner}-1"),
        etag: "\"tag-1\"".to_owned(),
        created_at: Timestamp::from_ms(1_700_000_000_123),
    }
}

/// Records a file that storage-service announces, without a word of its client.
pub(crate) async fn put(
    store: &impl Store,
    clock: &impl Clock,
    id: &str,
    stored: StoredVideo,
) -> Result<Put, PutError> {
    let announced = AnnounceVideo {
        stored,
        details: None,
        expected: false,
        replaces: None,
        inspection: None,
    };
    Ok(match arrive(store, clock, id, announced).await? {
        Arrival::Created => Put::Created,
        Arrival::Known { .. } | Arrival::Unwanted => Put::Known,
        Arrival::OwnerGone => Put::OwnerGone,
    })
}

/// A store that lets others run before each of its operations.
pub(crate) type PoliteStore = Stepping<MemoryStore>;

/// Runs both to their ends. Bit n of `schedule` says which of them makes the nth step; after that they take turns, since
/// one may wait for the other. When one is done, the other makes the rest.
pub(crate) fn interleave<A, B>(
    schedule: u32,
    first: impl Future<Output = A>,
    second: impl Future<Output = B>,
) -> (A, B) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut first_result, mut second_result) = (None, None);
    let mut context = Context::from_waker(Waker::noop());
    for step in 0_u32.. {
        let first_is_due = schedule.checked_shr(step).unwrap_or(step) & 1 == 0;
        if first_result.is_none() && (first_is_due || second_result.is_some()) {
            if let Poll::Ready(result) = first.as_mut().poll(&mut context) {
                first_result = Some(result);
            }
        } else if second_result.is_none()
            && let Poll::Ready(result) = second.as_mut().poll(&mut context)
        {
            second_result = Some(result);
        }
        if first_result.is_some() && second_result.is_some() {
            break;
        }
    }
    match (first_result, second_result) {
        (Some(first), Some(second)) => (first, second),
        _ => unreachable!("the loop ends when both are there"),
    }
}
