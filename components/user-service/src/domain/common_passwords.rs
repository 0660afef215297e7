//! Passwords that everybody tries first.

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

/// Whether the password is a common one, in whatever case.
pub(crate) fn is_common(password: &str) -> bool {
    COMMON
        .binary_search(&password.to_lowercase().as_str())
        .is_ok()
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
    fn every_entry_is_found_and_a_rare_one_is_not() {
        assert!(
            COMMON
                .iter()
                .all(|password| is_common(&password.to_uppercase()))
        );
        assert!(!is_common("correct horse battery staple"));
    }
}
