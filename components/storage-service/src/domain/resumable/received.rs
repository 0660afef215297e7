//! What was received of an upload, as one value of the store.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use spinreel_api::internal::{Inspection, Reservation};
use spinreel_gcs::Crc32c;
use spinreel_ledger::{LEASE_MS, LedgerError};
use spinreel_platform::Store;

/// How far an upload is: a line of JSON, and after it the bytes that the bucket does not have yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::domain) struct Received {
    /// The writer that wrote this.
    pub(super) generation: i64,
    /// Whether that writer goes on.
    pub(super) busy: bool,
    /// CRC32C of the bytes that the bucket's session has, and how many these are.
    pub(super) stored: Crc32c,
    /// When the upload goes if nothing comes, in milliseconds since the Unix epoch.
    pub(super) expires_ms: u64,
    /// The bandwidth that was paid for what was received, a reservation a day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) paid: Vec<Reservation>,
    /// The first epoch that may have left a value.
    pub(super) first_epoch: u64,
    /// When a writer was last displaced, in milliseconds since the Unix epoch; 0 where none was.
    pub(super) displaced_ms: u64,
    /// What the file is as a video, where the bytes that went to the bucket first tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) inspection: Option<Inspection>,
    /// How many bytes follow the line.
    rest_length: usize,
    /// Received, and not in the bucket yet.
    #[serde(skip)]
    pub(super) rest: Bytes,
}

impl Received {
    /// Nothing.
    pub(super) fn nothing(expires_ms: u64) -> Self {
        Self {
            generation: 0,
            busy: false,
            stored: Crc32c::new(),
            expires_ms,
            paid: Vec::new(),
            first_epoch: 0,
            displaced_ms: 0,
            inspection: None,
            rest_length: 0,
            rest: Bytes::new(),
        }
    }

    /// How many bytes there are.
    pub(super) fn offset(&self) -> u64 {
        self.stored.length() + self.rest.len() as u64
    }

    /// Whether a displaced writer may write yet, that does not know that it is one.
    pub(super) fn may_grow(&self, now_ms: u64) -> bool {
        self.displaced_ms + LEASE_MS > now_ms
    }

    /// Adds the bandwidth that was paid for `moved` bytes, in the order of the reservations.
    pub(super) fn pay(&mut self, reservations: &[Reservation], moved: u64) {
        let mut left = moved;
        for reservation in reservations {
            let bytes = reservation.bytes.min(left);
            left -= bytes;
            let same_day = |paid: &&mut Reservation| paid.day == reservation.day;
            match self.paid.iter_mut().find(same_day) {
                Some(paid) => paid.bytes += bytes,
                None if bytes > 0 => self.paid.push(Reservation {
                    bytes,
                    ..reservation.clone()
                }),
                None => {}
            }
        }
    }

    /// What is under `key`: one `get`.
    pub(super) async fn get(store: &impl Store, key: &str) -> Result<Option<Self>, LedgerError> {
        let Some(value) = store.get(key).await? else {
            return Ok(None);
        };
        Self::decode(Bytes::from(value))
            .map(Some)
            .ok_or_else(|| LedgerError::Corrupt {
                key: key.to_owned(),
                reason: "it is not what was received of an upload".to_owned(),
            })
    }

    /// Writes it down: one `set`.
    pub(super) async fn set(&self, store: &impl Store, key: &str) -> Result<(), LedgerError> {
        let value = self.encode().map_err(|error| LedgerError::Corrupt {
            key: key.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(store.set(key, &value).await?)
    }

    fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        let line = Self {
            rest_length: self.rest.len(),
            rest: Bytes::new(),
            ..self.clone()
        };
        let mut value = serde_json::to_vec(&line)?;
        value.push(b'\n');
        value.extend_from_slice(&self.rest);
        Ok(value)
    }

    fn decode(value: Bytes) -> Option<Self> {
        // JSON without spaces has no line break of its own.
        let end = value.iter().position(|byte| *byte == b'\n')?;
        let mut received: Self = serde_json::from_slice(&value[..end]).ok()?;
        received.rest = value.slice(end + 1..);
        (received.rest.len() == received.rest_length).then_some(received)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use spinreel_api::Timestamp;
    use spinreel_api::internal::Direction;

    use super::*;

    fn reservation(day: u64, bytes: u64) -> Reservation {
        Reservation {
            day: Timestamp::from_ms(day * 86_400_000).day(),
            direction: Direction::In,
            bytes,
            playback: None,
        }
    }

    #[test]
    fn bandwidth_is_paid_in_the_order_of_its_reservations_and_kept_by_day() {
        let mut received = Received::nothing(0);
        received.pay(&[reservation(1, 10), reservation(2, 10)], 15);
        received.pay(&[reservation(2, 7), reservation(3, 9)], 7);
        assert_eq!(received.paid, [reservation(1, 10), reservation(2, 12)]);
    }

    proptest! {
        #[test]
        fn what_was_written_comes_back(rest in proptest::collection::vec(any::<u8>(), 0..300), stored in any::<[u8; 9]>()) {
            let mut received = Received::nothing(77);
            received.stored.update(&stored);
            received.rest = rest.clone().into();
            let value = received.encode().unwrap();
            let read = Received::decode(value.clone().into()).unwrap();
            prop_assert_eq!(&read.rest[..], &rest[..]);
            prop_assert_eq!(read.offset(), 9 + rest.len() as u64);
            // What was cut off is nothing.
            for length in 0..value.len() {
                prop_assert_eq!(Received::decode(value[..length].to_vec().into()), None);
            }
        }
    }
}
