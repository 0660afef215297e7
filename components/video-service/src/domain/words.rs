//! The words of texts, as searches compare them.
//!
//! Texts are [folded](fold) and cut into words (UAX #29), and these at the marks inside them, so that `holiday_2.mp4` has
//! three. Scripts without spaces between words are cut into their characters and pairs of neighbours.

use std::collections::BTreeSet;

use spinreel_http::fold::fold;
use unicode_segmentation::UnicodeSegmentation as _;

use super::record::Record;

/// The most different words of a video that are searched: those of the title first, then of the tags, then of the
/// description.
pub const WORDS_LIMIT: usize = 100;
/// The most words of a search that narrow it down by lists; the others are looked for in what these leave.
pub const NARROWING_LIMIT: usize = 8;
/// A word of a search that is so long or longer finds words that begin with it, in characters.
const PREFIX: usize = 3;
/// The lengths of the beginnings that have lists, in characters.
const PREFIXES: [usize; 4] = [PREFIX, 5, 8, 12];

/// A word, folded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    /// Of a script with spaces.
    Spaced(String),
    /// A character, or two neighbours, of a script without.
    Unspaced(String),
}

/// The words of a video that are searched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words(BTreeSet<Word>);

/// What a search demands: all of its words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search(Vec<Word>);

impl Words {
    /// Those of a video: 100 at most.
    pub fn of(record: &Record) -> Self {
        let mut words = BTreeSet::new();
        let texts = [record.title.as_str()].into_iter();
        let texts = texts.chain(record.tags.iter().map(String::as_str));
        for text in texts.chain([record.description.as_str()]) {
            for word in cut(text, true) {
                if words.len() == WORDS_LIMIT {
                    return Self(words);
                }
                words.insert(word);
            }
        }
        Self(words)
    }

    /// The terms that a video's words have lists under.
    pub fn terms(&self) -> BTreeSet<String> {
        let mut terms = BTreeSet::new();
        for word in &self.0 {
            match word {
                Word::Unspaced(text) => {
                    terms.insert(format!("c:{text}"));
                }
                Word::Spaced(text) => {
                    let length = text.chars().count();
                    if length < PREFIX {
                        terms.insert(format!("w:{text}"));
                    }
                    for prefix in PREFIXES.into_iter().filter(|prefix| *prefix <= length) {
                        terms.insert(prefix_term(text, prefix));
                    }
                }
            }
        }
        terms
    }
}

impl Search {
    /// Reads what somebody looks for. Without a word in it nothing is found.
    pub fn read(text: &str) -> Self {
        let mut words = cut(text, false);
        words.sort();
        words.dedup();
        Self(words)
    }

    /// Whether a video has all words.
    pub fn finds(&self, words: &Words) -> bool {
        !self.0.is_empty() && self.0.iter().all(|word| has(words, word))
    }

    /// The terms whose lists all have what is found; none where nothing can be found.
    pub fn terms(&self) -> Vec<String> {
        let words = self.0.iter().take(NARROWING_LIMIT);
        words
            .map(|word| match word {
                Word::Unspaced(text) => format!("c:{text}"),
                Word::Spaced(text) => {
                    let length = text.chars().count();
                    let longest = PREFIXES.into_iter().rfind(|prefix| *prefix <= length);
                    longest.map_or_else(|| format!("w:{text}"), |prefix| prefix_term(text, prefix))
                }
            })
            .collect()
    }
}

fn has(words: &Words, wanted: &Word) -> bool {
    match wanted {
        Word::Spaced(text) if text.chars().count() >= PREFIX => words
            .0
            .range(wanted..)
            .next()
            .is_some_and(|word| matches!(word, Word::Spaced(known) if known.starts_with(text))),
        _ => words.0.contains(wanted),
    }
}

fn prefix_term(text: &str, length: usize) -> String {
    let prefix: String = text.chars().take(length).collect();
    format!("p:{prefix}")
}

/// The words of a text. Of a run without spaces these are its pairs of neighbours, and where it has one character that
/// one; `with_characters` adds each of its characters.
fn cut(text: &str, with_characters: bool) -> Vec<Word> {
    let folded = fold(text);
    let mut words = Vec::new();
    let mut run: Vec<char> = Vec::new();
    let end_run = |run: &mut Vec<char>, words: &mut Vec<Word>| {
        if with_characters || run.len() == 1 {
            words.extend(run.iter().map(|char| Word::Unspaced(char.to_string())));
        }
        words.extend(
            run.windows(2)
                .map(|pair| Word::Unspaced(pair.iter().collect())),
        );
        run.clear();
    };
    for piece in folded.split_word_bounds() {
        if piece.chars().all(is_unspaced) {
            run.extend(piece.chars());
            continue;
        }
        end_run(&mut run, &mut words);
        // A word may have both kinds, where a mark joins them.
        for part in piece.split(|char: char| !is_inside(char)) {
            let mut spaced = String::new();
            for char in part.chars() {
                match is_unspaced(char) {
                    true => run.push(char),
                    false => {
                        end_run(&mut run, &mut words);
                        spaced.push(char);
                    }
                }
            }
            end_run(&mut run, &mut words);
            if spaced.chars().any(char::is_alphanumeric) {
                words.push(Word::Spaced(spaced));
            }
        }
    }
    end_run(&mut run, &mut words);
    words
}

/// Whether a character can be in a word: letters, digits, and what stands on them.
fn is_inside(char: char) -> bool {
    char.is_alphanumeric() || (!char.is_ascii() && !char.is_whitespace() && !is_mark(char))
}

/// Punctuation that UAX #29 lets stand inside a word.
fn is_mark(char: char) -> bool {
    matches!(
        char,
        '\u{b7}'
            | '\u{387}'
            | '\u{55f}'
            | '\u{5f4}'
            | '\u{2018}'
            | '\u{2019}'
            | '\u{2024}'
            | '\u{2027}'
            | '\u{203f}'
            | '\u{2040}'
            | '\u{2054}'
            | '\u{fe13}'
            | '\u{fe33}'
            | '\u{fe34}'
            | '\u{fe4d}'
            ..='\u{fe4f}'
                | '\u{fe52}'
                | '\u{fe55}'
                | '\u{ff07}'
                | '\u{ff0e}'
                | '\u{ff1a}'
                | '\u{ff3f}'
    )
}

/// Whether a character belongs to a script that has no spaces between words: Thai, Lao, Myanmar, Khmer, Tai, Hiragana,
/// Katakana, Bopomofo, Yi and the ideographs.
fn is_unspaced(char: char) -> bool {
    matches!(
        char,
        '\u{e01}'..='\u{e3a}' | '\u{e40}'..='\u{e4e}' | '\u{e81}'..='\u{ece}' | '\u{edc}'..='\u{edf}'
            | '\u{1000}'..='\u{103f}' | '\u{1050}'..='\u{108f}' | '\u{109a}'..='\u{109f}'
            | '\u{1780}'..='\u{17d3}' | '\u{1950}'..='\u{19df}' | '\u{1a20}'..='\u{1a7c}'
            | '\u{3005}'..='\u{3007}' | '\u{3031}'..='\u{3035}' | '\u{303b}'
            | '\u{3041}'..='\u{3096}' | '\u{3099}'..='\u{309f}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}'
            | '\u{3105}'..='\u{312f}' | '\u{31a0}'..='\u{31bf}' | '\u{31f0}'..='\u{31ff}'
            | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{a000}'..='\u{a48c}' | '\u{a9e0}'..='\u{a9fe}'
            | '\u{aa60}'..='\u{aac2}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}'
            | '\u{1b000}'..='\u{1b2ff}' | '\u{20000}'..='\u{3ffff}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::testing::stored;

    fn words_of(title: &str) -> Words {
        let mut record = Record::new("v-1", 1, stored("ada", "a.mp4"));
        record.title = title.to_owned();
        Words::of(&record)
    }

    fn finds(title: &str, search: &str) -> bool {
        let (words, search) = (words_of(title), Search::read(search));
        let found = search.finds(&words);
        // Whatever is found is in all lists of the search.
        let terms = words.terms();
        assert!(
            !found || search.terms().iter().all(|term| terms.contains(term)),
            "{title} {search:?}"
        );
        found
    }

    #[test]
    fn whole_words_and_beginnings_from_three_letters_are_found_in_any_case() {
        for (title, search, found) in [
            ("Am A\u{308}rmelkanal", "\u{e4}RMEL", true),
            ("Am A\u{308}rmelkanal", "am", true),
            ("Am A\u{308}rmelkanal", "\u{e4}r", false),
            ("Am A\u{308}rmelkanal", "rmel", false),
            ("Am A\u{308}rmelkanal", "kanal am", false),
            ("STRASSE am Meer", "meer stra\u{df}e", true),
            ("STRASSE am Meer", "meer wald", false),
            ("holiday_2.mp4", "mp4", true),
            ("holiday_2.mp4", "holi 2", true),
            ("holiday_2.mp4", "holidays", false),
            ("work.mp4", "rk.m", false),
            ("don\u{2019}t", "don't", true),
            ("internationalization", "internationalizatio", true),
            ("internationalization", "internationalizing", false),
            (
                "\u{41f}\u{440}\u{438}\u{432}\u{435}\u{442} \u{43c}\u{438}\u{440}",
                "\u{43f}\u{440}\u{438}",
                true,
            ),
            ("a b", "...", false),
            ("a b", "a!", true),
        ] {
            assert_eq!(finds(title, search), found, "{title:?} {search:?}");
        }
    }

    #[test]
    fn scripts_without_spaces_are_searched_by_pairs_of_characters() {
        for (title, search, found) in [
            (
                "\u{6d77}\u{8fb9}\u{7684}\u{4e00}\u{5929}",
                "\u{6d77}\u{8fb9}",
                true,
            ),
            ("\u{6d77}\u{8fb9}\u{7684}\u{4e00}\u{5929}", "\u{8fb9}", true),
            (
                "\u{6d77}\u{8fb9}\u{7684}\u{4e00}\u{5929}",
                "\u{6d77}\u{5929}",
                false,
            ),
            ("\u{30d3}\u{30c7}\u{30aa} 2024", "\u{30c7}\u{30aa}", true),
            (
                "\u{0e17}\u{0e30}\u{0e40}\u{0e25}\u{0e2a}\u{0e27}\u{0e22}",
                "\u{0e17}\u{0e30}\u{0e40}\u{0e25}",
                true,
            ),
            ("vlog\u{6d77}\u{8fb9}2", "vlog \u{6d77}\u{8fb9}", true),
        ] {
            assert_eq!(finds(title, search), found, "{title:?} {search:?}");
        }
    }

    #[test]
    fn tags_and_descriptions_have_words_and_a_flood_of_them_is_bounded() {
        let mut record = Record::new("v-1", 1, stored("ada", "a.mp4"));
        record.tags = vec!["Sea side".to_owned()];
        record.description = (0..10_000).map(|number| format!("w{number} ")).collect();
        let words = Words::of(&record);
        assert_eq!(words.0.len(), WORDS_LIMIT);
        for search in ["sea", "SIDE mp4", "w12"] {
            assert!(Search::read(search).finds(&words), "{search}");
        }
        assert!(words.terms().len() <= 4 * WORDS_LIMIT);
    }

    proptest! {
        #[test]
        fn every_word_of_a_text_finds_it(text in ".{0,60}") {
            for word in text.split_whitespace() {
                let searched = Search::read(word);
                if !searched.0.is_empty() && words_of(&text).0.len() < WORDS_LIMIT {
                    prop_assert!(finds(&text, word), "{:?} {:?}", text, word);
                }
            }
        }
    }
}
