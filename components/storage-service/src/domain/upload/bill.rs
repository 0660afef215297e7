//! What the transfers of an upload have to pay for.

use spinreel_api::internal::Part;

use super::Uploaded;

/// Bandwidth that was reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The id that usage-service knows it by.
    pub id: String,
    /// How many bytes.
    pub bytes: u64,
}

/// What one transfer pays for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The transfer's id.
    pub id: String,
    /// Its part, where it is not alone.
    pub part: Option<Part>,
}

impl Uploaded {
    /// What each of the upload's transfers pays for, in an order in which they may be settled: bytes are paid for by the
    /// reservation that was made for them, which may have been on another day than the next one.
    pub fn shares(self) -> Vec<Share> {
        let size = self.file.object.size;
        let mut transfers = self.transfers;
        let Some(last) = transfers.pop() else {
            // An empty file took no bandwidth, and is an upload all the same.
            let id = self.file.head.id;
            return vec![Share { id, part: None }];
        };
        if transfers.is_empty() {
            let id = last.id;
            return vec![Share { id, part: None }];
        }
        let mut left = size;
        let mut shares: Vec<Share> = transfers
            .into_iter()
            .map(|transfer| {
                let bytes = transfer.bytes.min(left);
                left -= bytes;
                Share {
                    id: transfer.id,
                    part: Some(Part { bytes, last: false }),
                }
            })
            .collect();
        shares.push(Share {
            id: last.id,
            part: Some(Part {
                bytes: left,
                last: true,
            }),
        });
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::{FileHead, FileRecord, StoredObject};

    /// The bytes of each part of an upload of `size` bytes with these reservations.
    fn shares(size: u64, reserved: &[u64]) -> Vec<(String, Option<Part>)> {
        let transfers = reserved.iter().enumerate().map(|(n, bytes)| Transfer {
            id: format!("t{n}"),
            bytes: *bytes,
        });
        let uploaded = Uploaded {
            transfers: transfers.collect(),
            number: 1,
            file: FileRecord {
                head: FileHead {
                    object: "u/a.mp4".to_owned(),
                    id: "file".to_owned(),
                    name: "a.mp4".to_owned(),
                    content_type: "video/mp4".to_owned(),
                    created_at_ms: 0,
                },
                object: StoredObject {
                    size,
                    generation: 1,
                    crc32c: 0,
                },
                settled_ms: 0,
            },
        };
        let shares = uploaded.shares().into_iter();
        shares.map(|share| (share.id, share.part)).collect()
    }

    #[test]
    fn a_transfer_that_is_alone_pays_for_everything() {
        assert_eq!(shares(0, &[]), [("file".to_owned(), None)]);
        assert_eq!(shares(70, &[100]), [("t0".to_owned(), None)]);
    }

    #[test]
    fn several_transfers_pay_for_their_own_bytes_and_the_last_writes_the_action_down() {
        for (size, reserved, paid) in [
            (110, [40, 40, 40], [40, 40, 30]),
            (120, [40, 40, 40], [40, 40, 40]),
            (80, [40, 40, 40], [40, 40, 0]),
            (30, [40, 40, 40], [30, 0, 0]),
            // More than was reserved never happens, and is not given away if it does.
            (130, [40, 40, 40], [40, 40, 50]),
        ] {
            let shares = shares(size, &reserved);
            for (n, (id, part)) in shares.into_iter().enumerate() {
                let expected = Part {
                    bytes: paid[n],
                    last: n == 2,
                };
                assert_eq!((id, part), (format!("t{n}"), Some(expected)), "{size}");
            }
        }
    }
}
