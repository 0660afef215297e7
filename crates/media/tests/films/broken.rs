//! Files that are cut off, changed, or made to hurt.

use bytes::Bytes;
use futures::executor::block_on;
use spinreel_media::{InspectError, Unplayable, read_samples};

use super::counting::look;
use super::{film, videos};

#[test]
fn a_film_that_is_cut_off_anywhere_says_so() {
    for name in [
        "h264-aac.mp4",
        "h264-aac-fast.mp4",
        "h264-aac.mov",
        "vp9-opus.webm",
        "h264-aac.mkv",
    ] {
        let whole = film(name);
        for part in 0..100 {
            let end = whole.len() * part / 100;
            let (cut, counting) = look(whole.slice(..end));
            let error = cut.expect_err(name);
            assert!(
                matches!(error, InspectError::Unplayable(_)),
                "{name} {end}: {error}"
            );
            assert!(counting.reads <= 16);
        }
    }
    // A fragmented film plays as far as it goes, if only its last fragment is whole.
    let whole = film("fragmented.mp4");
    for part in 0..100 {
        let cut = look(whole.slice(..whole.len() * part / 100)).0;
        let is_said = matches!(cut, Ok(_) | Err(InspectError::Unplayable(_)));
        assert!(is_said, "{part}: {cut:?}");
    }
    let (cut, _) = look(film("h264-aac.mp4").slice(..20_000));
    assert_eq!(cut, Err(Unplayable::EndsBeforeIndex.into()));
    let (cut, _) = look(film("h264-aac-fast.mp4").slice(..20_000));
    assert_eq!(cut, Err(Unplayable::CutOff.into()));
}

/// Numbers that follow from a seed (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % most.max(1)
    }
}

/// Changes a few places of a film: bytes, whole numbers, or parts that move or go. The places are at the film's two ends as
/// a rule, where its index is.
fn change(film: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut changed = film.to_vec();
    for _ in 0..=dice.below(4) {
        let ends = [
            dice.below(2_000),
            changed.len().saturating_sub(1 + dice.below(4_000)),
        ];
        let at = match dice.below(8) {
            0 => dice.below(changed.len()),
            end => ends[end % 2],
        };
        let at = at.min(changed.len().saturating_sub(8));
        let number = [0, 1, 7, 8, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff][dice.below(7)];
        match dice.below(4) {
            0 => changed[at] = dice.below(256) as u8,
            1 => changed[at..at + 4].copy_from_slice(&u32::to_be_bytes(number)),
            2 => changed[at] ^= 1 << dice.below(8),
            _ => {
                let from = dice.below(changed.len());
                let length = dice.below(64).min(changed.len() - from);
                let part = changed[from..from + length].to_vec();
                changed.splice(at..at, part);
            }
        }
    }
    changed
}

/// `MEDIA_FUZZ_CASES` changed films, from the seed `MEDIA_FUZZ_SEED`.
#[test]
fn films_that_were_changed_are_read_to_an_end_without_a_panic() {
    let number = |name: &str, usual: u64| {
        let told = std::env::var(name).ok();
        told.map_or(usual, |told| told.parse().expect("a number"))
    };
    let cases = number("MEDIA_FUZZ_CASES", 60_000);
    let seed = number("MEDIA_FUZZ_SEED", 1);
    let films: Vec<_> = videos()
        .into_iter()
        .filter(|name| !name.starts_with("hour") && name != "fragmented-long.mp4")
        .map(|name| film(&name))
        .collect();
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let (mut playable, mut not) = (0_u64, 0_u64);
    for _ in 0..cases {
        let changed = Bytes::from(change(&films[dice.below(films.len())], &mut dice));
        let size = changed.len() as u64;
        let (inspected, counting) = look(changed.clone());
        assert!(counting.reads <= 16);
        match inspected {
            Err(InspectError::Unplayable(_)) => not += 1,
            Err(InspectError::Read(error)) => panic!("{error}"),
            Ok(mut inspected) => {
                playable += 1;
                let mut file = changed.clone();
                let reading = read_samples(&mut file, &mut inspected);
                let read = block_on(reading);
                assert!(!matches!(read, Err(InspectError::Read(_))), "{read:?}");
                for track in &inspected.tracks {
                    // All samples lie within the file, however many there are told to be.
                    for sample in track.samples().take(10_000) {
                        assert!(sample.offset + u64::from(sample.size) <= size, "{sample:?}");
                    }
                }
            }
        }
    }
    assert!(
        playable > cases / 50 && not > cases / 50,
        "{playable} {not}"
    );
}
