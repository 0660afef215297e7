//! Texts that are the same to whoever types them, in one form. The tables are those that domain names need anyway.

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_normalizer::uts46::Uts46MapperBorrowed;
use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};

/// A text in Normalization Form C (Unicode Standard Annex #15): keyboards and systems differ in how they write `é`.
pub(crate) fn composed(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc()
        .normalize(text)
        .into_owned()
}

/// What two texts have in common that differ in nothing but case, or in how characters are written: folded as the labels
/// of domain names are (UTS #46), with `ß` and `ς` as Unicode's case folding has them. For comparing only.
pub(crate) fn folded(text: &str) -> String {
    let mapper = Uts46MapperBorrowed::new();
    let fold = |c| match c {
        'ß' | 'ẞ' => ['s', 's'].as_slice(),
        'ς' => &['σ'],
        _ => &[],
    };
    let mut folded = String::new();
    for c in mapper.map_normalize(text.chars()) {
        match fold(c) {
            [] => folded.push(c),
            others => folded.extend(others),
        }
    }
    folded
}

/// Whether it belongs to the character before it: a vowel sign, a tone mark, an accent.
pub(crate) fn is_mark(c: char) -> bool {
    GeneralCategoryGroup::Mark.contains(CodePointMapData::<GeneralCategory>::new().get(c))
}

/// A password as it is hashed (RFC 8265, section 4.2.2): other spaces are spaces, and the rest is [`composed`].
pub(crate) fn password(text: &str) -> String {
    let space = |c| match c {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            ' '
        }
        other => other,
    };
    composed(&text.chars().map(space).collect::<String>())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_forms_of_a_text_are_composed_to_one() {
        for (text, expected) in [
            ("e\u{301}", "é"),
            ("A\u{30a}ngstro\u{308}m", "Ångström"),
            ("\u{212b}", "Å"),
            ("\u{1112}\u{1161}\u{11ab}", "한"),
            ("ﬁ", "ﬁ"),
            ("नमस्ते", "नमस्ते"),
        ] {
            assert_eq!(composed(text), expected);
        }
    }

    #[test]
    fn what_differs_in_case_is_folded_to_one() {
        for (one, other) in [
            ("Ada", "aDA"),
            ("ÅNGSTRÖM", "a\u{30a}ngstro\u{308}m"),
            ("ΝΙΚΟΣ", "νικος"),
            ("STRASSE", "straße"),
            ("STRAẞE", "strasse"),
            ("ЖЁЛТЫЙ", "жёлтый"),
        ] {
            assert_eq!(folded(one), folded(other));
        }
        assert_ne!(folded("ada"), folded("adá"));
        assert_ne!(folded("नी"), folded("नि"));
    }

    #[test]
    fn marks_are_told_from_letters() {
        for mark in ['\u{301}', '\u{94d}', '\u{940}', '\u{e48}', '\u{20dd}'] {
            assert!(is_mark(mark), "{mark:?}");
        }
        for other in ['a', 'é', 'न', 'ก', '1', '-', ' ', '\u{200b}', '\u{202e}'] {
            assert!(!is_mark(other), "{other:?}");
        }
    }

    #[test]
    fn a_password_is_the_same_whatever_space_and_form_it_is_typed_in() {
        assert_eq!(password("caf\u{e9}\u{a0}au lait"), "café au lait");
        assert_eq!(password("cafe\u{301}\u{3000}au lait"), "café au lait");
        // Case and width stay.
        assert_ne!(password("Ａda"), password("ada"));
    }

    proptest! {
        #[test]
        fn every_form_is_its_own(text in "\\PC*") {
            let once = composed(&text);
            prop_assert_eq!(composed(&once), once.clone());
            prop_assert_eq!(password(&password(&text)), password(&text));
            // Composing changes nothing about what a text is folded to.
            prop_assert_eq!(folded(&once), folded(&text));
        }

        #[test]
        fn letters_of_either_case_are_folded_to_one(text in "[a-zà-öø-þα-ωа-я]{0,20}") {
            prop_assert_eq!(folded(&text.to_uppercase()), folded(&text));
        }
    }
}
