//! Passwords that are tried first: common ones and what is known of the account, as they are or dressed up a little.

use std::collections::BTreeSet;

/// In lower case and in order; none has fewer than eight characters, since those are refused anyway.
#[rustfmt::skip]
const COMMON: &[&str] = &[
    "00000000", "01234567", "0123456789", "0987654321", "11111111", "111111111", "1111111111", "11223344",
    "1122334455", "12121212", "12131415", "12312312", "123123123", "123321123", "12341234", "12344321",
    "1234512345", "1234554321", "12345678", "123456789", "1234567890", "1234567891", "12345678910",
    "123456789a", "12345678a", "123456abc", "123456qwerty", "12345qwert", "1234abcd", "1234qwer", "123654789",
    "13579246", "1357924680", "14725836", "147258369", "1q2w3e4r", "1q2w3e4r5t", "1q2w3e4r5t6y", "1qaz2wsx",
    "1qaz2wsx3edc", "1qazxsw2", "20202020", "22222222", "33333333", "44444444", "55555555", "66666666",
    "77777777", "789456123", "87654321", "88888888", "963852741", "98765432", "987654321", "9876543210",
    "99999999", "a1234567", "a12345678", "a123456789", "a1b2c3d4", "aa123456", "aaaaaaaa", "abc12345",
    "abc123456", "abcd1234", "abcdefg1", "abcdefgh", "access123", "admin123", "admin1234", "adminadmin",
    "administrator", "adobe123", "alexander", "asdasdasd", "asdf1234", "asdfasdf", "asdfghjk", "asdfghjkl",
    "babygirl", "baseball", "basketball", "blink182", "butterfly", "changeme", "changeme1", "changeme123",
    "charlie1", "chocolate", "christian", "computer", "danielle", "default1", "dragon123", "elizabeth",
    "facebook", "football", "football1", "fortnite", "garfield", "google123", "guest123", "hello123",
    "helloworld", "iloveyou", "iloveyou1", "iloveyou2", "internet", "jennifer", "jonathan", "jordan23",
    "juventus", "letmein1", "letmein123", "linkedin", "liverpool", "login123", "lovelove", "manchester",
    "maverick", "mercedes", "metallica", "michael1", "michelle", "midnight", "minecraft", "monkey123",
    "mustang1", "nicholas", "nintendo", "p@ssw0rd", "p@ssword", "pa55w0rd", "pa55word", "pass1234",
    "passw0rd", "passwd123", "password", "password!", "password0", "password01", "password1", "password1!",
    "password12", "password123", "password1234", "password2", "passwordpassword", "playstation", "pokemon1",
    "princess", "princess1", "q1w2e3r4", "q1w2e3r4t5", "qazwsx123", "qazwsxedc", "qwaszx12", "qwer1234",
    "qwerasdf", "qwert123", "qwerty12", "qwerty123", "qwerty1234", "qwerty12345", "qwertyqwerty", "qwertyui",
    "qwertyuiop", "qwertyuiop123", "rockyou1", "samantha", "samsung1", "secret123", "september", "slipknot",
    "snowball", "spiderman", "starwars", "strawberry", "sunflower", "sunshine", "sunshine1", "superman",
    "superman1", "swordfish", "test1234", "testing123", "testtest", "thunder1", "trustno1", "twitter1",
    "university", "vanessa1", "veronica", "victoria", "volleyball", "warcraft", "warhammer", "welcome1",
    "welcome12", "welcome123", "whatever", "william1", "winter2024", "youtube1", "zaq12wsx", "zxcvbnm1",
    "zxcvbnm123", "zzzzzzzz",
];

/// The most characters around a word that do not hide it.
const MAX_DRESSING: usize = 4;
/// The fewest letters that are a word.
const MIN_WORD: usize = 4;
/// The fewest different characters of a password.
const MIN_VARIETY: usize = 4;
/// The longest that is repeated in the hope of making a password of it, in characters.
const MAX_REPEATED: usize = 8;
/// What lies beside each other: in the alphabet, and on keyboards.
const ROWS: &[&str] = &[
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "azertyuiop",
];

/// Whether a password is one of the first that are tried: a common one or one of `words`, in whatever case, with letters
/// that are written as digits, or with a few digits and signs around; or a mere row or repetition.
pub(crate) fn is_guessable(password: &str, words: &[&str]) -> bool {
    let password = password.to_lowercase();
    let words: Vec<String> = words
        .iter()
        .map(|word| spelled_out(&word.to_lowercase()))
        .filter(|word| word.chars().count() >= MIN_WORD)
        .collect();
    is_common(&password)
        || is_common(&spelled_out(&password))
        || is_monotonous(&password)
        || cores(&password).any(|core| {
            let core = spelled_out(&core);
            words.contains(&core) || is_word_of_common(&core)
        })
}

/// Whether the word in a common password, spelled out, is this.
fn is_word_of_common(core: &str) -> bool {
    let is_it = |common: &&str| undressed(common).chars().map(letter).eq(core.chars());
    core.chars().count() >= MIN_WORD && COMMON.iter().any(is_it)
}

fn is_common(password: &str) -> bool {
    COMMON.binary_search(&password).is_ok()
}

/// With letters for the digits and signs that stand for them.
fn spelled_out(text: &str) -> String {
    text.chars().map(letter).collect()
}

/// The letter that a digit or sign stands for.
fn letter(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

/// A text without the digits and signs around it.
fn undressed(text: &str) -> &str {
    text.trim_matches(|c: char| !c.is_alphabetic())
}

/// A text without some of the digits and signs around it: any of them may stand for a letter.
fn cores(text: &str) -> impl Iterator<Item = String> {
    let characters: Vec<char> = text.chars().collect();
    let is_dressing = |c: &&char| !c.is_alphabetic();
    let before = characters.iter().take_while(is_dressing).count();
    let after = characters.iter().rev().take_while(is_dressing).count();
    let cuts = (0..=before.min(MAX_DRESSING))
        .flat_map(move |from| (0..=after.min(MAX_DRESSING - from)).map(move |to| (from, to)));
    cuts.filter_map(move |(from, to)| {
        let core = characters.get(from..characters.len().checked_sub(to)?)?;
        Some(core.iter().collect())
    })
}

/// Whether a password has hardly any characters, repeats a short piece, or follows a row.
fn is_monotonous(password: &str) -> bool {
    let characters: Vec<char> = password.chars().collect();
    let different: BTreeSet<_> = characters.iter().collect();
    let repeats = |length: usize| {
        characters.len() >= 2 * length
            && characters[length..]
                .iter()
                .eq(characters.iter().take(characters.len() - length))
    };
    let follows = |row: &&str| {
        row.contains(password) || row.chars().rev().collect::<String>().contains(password)
    };
    different.len() < MIN_VARIETY || (1..=MAX_REPEATED).any(repeats) || ROWS.iter().any(follows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_in_lower_case_and_long_enough() {
        assert!(COMMON.is_sorted_by(|a, b| a < b));
        for password in COMMON {
            assert_eq!(*password, password.to_lowercase());
            assert!(password.len() >= 8, "{password}");
        }
    }

    #[test]
    fn every_entry_is_found_in_any_case() {
        for password in COMMON {
            assert!(is_guessable(&password.to_uppercase(), &[]), "{password}");
        }
    }

    #[test]
    fn common_passwords_in_disguise_are_found() {
        for password in [
            "P@ssw0rd!!",
            "password2026",
            "!!Dragon99",
            "5unsh1ne7",
            "aaaabbbbaaaabbbb",
            "abcdabcdabcd",
            "abcd1234abcd1234",
            "1112221112",
            "cdefghijkl",
            "zyxwvutsrq",
            "lkjhgfdsa",
            "qwertzuiop",
        ] {
            assert!(is_guessable(password, &[]), "{password}");
        }
    }

    #[test]
    fn what_is_known_of_the_account_is_found_in_disguise_too() {
        for password in ["ada.lovelace1", "Ada.L0velace!", "spinreel", "Sp1nr33l2026"] {
            assert!(
                is_guessable(password, &["ada.lovelace", "spinreel"]),
                "{password}"
            );
        }
    }

    #[test]
    fn rare_ones_are_not() {
        for password in [
            "correct horse battery",
            "a password for the admin",
            "a long enough phrase",
            "dragon81736452",
            "ada.lovelace is late",
            "tr0ub4dor&3",
            "пароль для сервера",
            "x9$kQ2!v",
        ] {
            assert!(
                !is_guessable(password, &["ada.lovelace", "spinreel"]),
                "{password}"
            );
        }
    }

    #[test]
    fn nothing_panics() {
        for password in ["", "!", "ß", "İ", "\u{1f980}\u{1f980}"] {
            is_guessable(password, &["", "İ"]);
        }
    }
}
