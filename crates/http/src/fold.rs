//! Text as searches compare it.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// Text whose case, and whose way of writing accents, makes no difference: full case folding (the Unicode Standard, section
/// 3.13.3), composed (NFC, UAX #15). Two texts that differ in nothing else are folded to the same one, and what was folded
/// stays as it is.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Some letters fold to others than their parts do, so they are taken apart before (definition D145).
    let apart = DecomposingNormalizerBorrowed::new_nfd().normalize(text);
    let folded = CaseMapper::new().fold_string(&apart);
    match ComposingNormalizerBorrowed::new_nfc().normalize(&folded) {
        Cow::Borrowed(composed) => composed.to_owned(),
        Cow::Owned(composed) => composed,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_and_the_way_of_writing_accents_make_no_difference() {
        for (one, other) in [
            ("Clip.MP4", "cLIP.mp4"),
            ("STRASSE", "stra\u{df}e"),
            ("stra\u{1e9e}e", "Strasse"),
            (
                "\u{39f}\u{394}\u{39f}\u{3a3}",
                "\u{3bf}\u{3b4}\u{3bf}\u{3c2}",
            ),
            ("\u{1c4}ep", "\u{1c6}EP"),
            ("\u{fb01}lm", "FILM"),
            ("Caf\u{e9}", "CAFE\u{301}"),
            ("\u{c5}ngstr\u{f6}m", "a\u{30a}NGSTRO\u{308}M"),
            ("\u{212b}", "\u{e5}"),
            ("\u{212a}elvin", "kelvin"),
            ("\u{10400}", "\u{10428}"),
            ("\u{13a0}", "\u{ab70}"),
            ("\u{ac00}", "\u{1100}\u{1161}"),
            ("\u{3b1}\u{345}\u{301}", "\u{391}\u{301}\u{345}"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_another_letter_stays_one() {
        for (one, other) in [
            ("e", "\u{e9}"),
            ("i", "\u{131}"),
            ("o", "\u{f8}"),
            ("", " "),
        ] {
            assert_ne!(fold(one), fold(other), "{one} {other}");
        }
        // The Turkish rules are no one else's.
        assert_eq!(fold("\u{130}"), "i\u{307}");
    }

    proptest! {
        #[test]
        fn what_was_folded_stays_as_it_is(text in any::<String>()) {
            let folded = fold(&text);
            prop_assert_eq!(fold(&folded), folded);
        }

        #[test]
        fn upper_and_lower_case_of_a_text_are_the_same(text in "[a-zA-Z0-9 \u{c0}-\u{d6}\u{d8}-\u{f6}\u{391}-\u{3a1}\u{410}-\u{44f}]{0,20}") {
            prop_assert_eq!(fold(&text.to_uppercase()), fold(&text));
            prop_assert_eq!(fold(&text.to_lowercase()), fold(&text));
        }
    }
}
