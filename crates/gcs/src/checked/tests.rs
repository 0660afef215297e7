#![allow(clippy::unwrap_used)]
use futures::executor::block_on;
use spinreel_platform::memory::Pieces;

use super::*;

const BYTES: &[u8] = b"0123456789";

/// The bytes from `start` of an object of 10 bytes with the checksum of `right`.
fn download(start: u64, length: u64, right: &[u8], pieces: &[&'static [u8]]) -> Download<Pieces> {
    Download {
        size: 10,
        generation: 7,
        crc32c: Some(Crc32c::of(right).value()),
        content_type: "video/mp4".into(),
        start,
        length,
        body: Pieces::new(pieces.iter().map(|piece| Bytes::from_static(piece))),
    }
}

fn whole(pieces: &[&'static [u8]]) -> Result<Vec<u8>, Error> {
    block_on(download(0, 10, BYTES, pieces).checked().collect(10))
}

#[test]
fn right_bytes_come_out_however_they_are_cut() {
    assert_eq!(whole(&[BYTES]), Ok(BYTES.to_vec()));
    assert_eq!(whole(&[b"0", b"123", b"456789"]), Ok(BYTES.to_vec()));
}

#[test]
fn wrong_bytes_are_corrupt_at_their_end_and_not_before() {
    let mut body = download(0, 10, BYTES, &[b"01234", b"56780"]).checked();
    assert!(block_on(body.read()).unwrap().is_some());
    assert!(block_on(body.read()).unwrap().is_some());
    let end = block_on(body.read());
    assert!(
        matches!(
            end,
            Err(Error::Corrupt {
                expected_size: 10,
                size: 10,
                ..
            })
        ),
        "{end:?}"
    );
}

#[test]
fn a_body_that_ends_early_is_a_broken_connection() {
    let short = whole(&[b"01234"]);
    let broken = matches!(short, Err(Error::Transport(TransportError::Connection(_))));
    assert!(broken, "{short:?}");
}

#[test]
fn a_body_that_does_not_end_is_malformed() {
    let long = whole(&[BYTES, b"0"]);
    assert!(matches!(long, Err(Error::Malformed(_))), "{long:?}");
}

#[test]
fn of_a_range_only_the_length_is_checked() {
    let part = |pieces| block_on(download(2, 3, BYTES, pieces).checked().collect(10));
    assert_eq!(part(&[b"234"]), Ok(b"234".to_vec()));
    assert!(part(&[b"23"]).is_err());
    assert!(part(&[b"2345"]).is_err());
}

#[test]
fn the_hash_for_the_next_hop_is_in_the_buckets_form() {
    let told = download(2, 3, b"123456789", &[]).repr_digest();
    assert_eq!(told.as_deref(), Some("crc32c=:4waSgw==:"));
}
