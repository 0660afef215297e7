use std::collections::BTreeMap;

use spinreel_http::origin;

/// The fewest characters of a secret.
const MIN_SECRET: usize = 32;

/// What a variable's value must look like.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Any text.
    Text,
    /// A whole number that is not negative and fits into 63 bits.
    Number,
    /// A [`Number`](Self::Number) above 0.
    Positive,
    /// A secret of at least 32 characters.
    Secret,
    /// A secret of at least 32 characters that `Authorization: Bearer …` can carry (`b64token` of RFC 6750, section 2.1), and
    /// that cannot be taken for a JWT, as it has no dot. Empty: there is none.
    BearerSecret,
    /// `http://host[:port]` or `https://host[:port]`, without a path.
    Origin,
    /// Origins of scripts with commas between them, or `*` alone for all: see [`origin::list`], which normalises them.
    Origins,
    /// What follows an [`Origin`](Self::Origin) in a URL: a path that begins with a slash, with or without a query.
    Path,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Text that this function accepts.
    Checked(fn(&str) -> bool),
    /// Text that this function accepts when it is shown, after it, the text of the variable of this name.
    CheckedBeside(&'static str, fn(&str, &str) -> bool),
}

/// A variable that a component reads.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name in the manifest.
    pub name: &'static str,
    /// What its value must look like.
    pub kind: Kind,
}

impl Variable {
    /// A variable and its kind.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind }
    }
}

/// The variables that every service reads. `trusted_proxies`: how many entries of `X-Forwarded-For` to believe. `access_log`: where access lines go. `log_sample`: one request in so many hands
/// its access lines over. `log_wait_ms`: how long a request waits for the log, after its answer.
pub(crate) const SHARED: &[Variable] = &[
    Variable::new("service_secret", Kind::Secret),
    Variable::new("cors_origins", Kind::Origins),
    Variable::new("trusted_proxies", Kind::Number),
    Variable::new("access_log", Kind::OneOf(&["stdout", "off"])),
    Variable::new("log_sample", Kind::Number),
    Variable::new("log_wait_ms", Kind::Number),
];

/// The component's variables. Each has a value of its [`Kind`]; the others are listed as wrong.
#[derive(Debug, Default)]
pub struct Settings {
    values: BTreeMap<&'static str, String>,
    wrong: Vec<String>,
}

impl Settings {
    /// Reads all of them with `get`, which gives `None` where the host knows none.
    ///
    /// A line feed at a value's end is none of it: it comes from the file that the value was kept in.
    pub fn load(
        variables: impl IntoIterator<Item = Variable>,
        get: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let get = |name: &str| {
            let mut value = get(name)?;
            value.truncate(value.trim_end_matches(['\r', '\n']).len());
            Some(value)
        };
        let mut settings = Self::default();
        for variable in variables {
            let value = get(variable.name).and_then(|value| read(variable.kind, value, &get));
            match value {
                Some(value) => {
                    settings.values.insert(variable.name, value);
                }
                None => settings.wrong.push(variable.name.to_owned()),
            }
        }
        settings
    }

    /// Names of variables whose values are wrong.
    pub fn wrong(&self) -> &[String] {
        &self.wrong
    }

    /// A variable's text; empty where the component does not declare it.
    pub fn text(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// A [`Kind::Number`] or [`Kind::Positive`]; 0 where the component does not declare it.
    pub fn number(&self, name: &str) -> i64 {
        self.text(name).parse().unwrap_or(0)
    }
}

/// A value as it is used; `None` where it is not what its kind says.
fn read(kind: Kind, value: String, get: &impl Fn(&str) -> Option<String>) -> Option<String> {
    match kind {
        Kind::Origins => origin::list(&value),
        _ => fits(kind, &value, get).then_some(value),
    }
}

fn fits(kind: Kind, value: &str, get: &impl Fn(&str) -> Option<String>) -> bool {
    match kind {
        Kind::Text => true,
        Kind::Number => value.parse::<i64>().is_ok_and(|number| number >= 0),
        Kind::Positive => value.parse::<i64>().is_ok_and(|number| number > 0),
        Kind::Secret => value.chars().count() >= MIN_SECRET,
        Kind::BearerSecret => {
            let text = value.trim_end_matches('=');
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~+/".contains(&byte);
            value.is_empty() || (value.len() >= MIN_SECRET && text.bytes().all(is_token))
        }
        Kind::Origin => value.parse::<http::Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
                && uri.path() == "/"
                && uri.query().is_none()
                && !value.ends_with('/')
        }),
        Kind::Origins => origin::list(value).is_some(),
        Kind::Path => {
            value.starts_with('/')
                && value.is_ascii()
                && !value.contains('#')
                && value
                    .parse::<http::uri::PathAndQuery>()
                    .is_ok_and(|path| path.as_str() == value)
        }
        Kind::OneOf(words) => words.contains(&value),
        Kind::Checked(accepts) => accepts(value),
        Kind::CheckedBeside(other, accepts) => {
            accepts(value, get(other).as_deref().unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_held_to_their_kinds() {
        for (kind, good, bad) in [
            (
                Kind::Number,
                &["0", "52428800"][..],
                &["", "-1", "5 MB", "9223372036854775808"][..],
            ),
            (Kind::Positive, &["1", "30"], &["", "0", "-1", "one"]),
            (
                Kind::Secret,
                &["0123456789abcdef0123456789abcdef"],
                &["", "short"],
            ),
            (
                Kind::BearerSecret,
                &[
                    "",
                    "0123456789abcdef0123456789ABCDEF",
                    "-_~+/123456789abcdef0123456789==",
                ],
                &[
                    "short",
                    "0123456789abcdef0123456789abcde",
                    " 0123456789abcdef0123456789abcdef",
                    "0123456789abcdef 123456789abcdef",
                    "0123456789abcdef=0123456789abcdef",
                    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl",
                    "\u{e9}0123456789abcdef0123456789abcdef",
                ],
            ),
            (
                Kind::Origin,
                &[
                    "http://a.spin.internal",
                    "https://storage.googleapis.com",
                    "http://127.0.0.1:9000",
                ],
                &[
                    "",
                    "a.b",
                    "ftp://a",
                    "http://a/path",
                    "http://a/",
                    "http://a?b",
                ],
            ),
            (
                Kind::Path,
                &["/", "/hooks/spinreel", "/hooks?from=spinreel"],
                &[
                    "",
                    "hooks",
                    "http://a/hooks",
                    "/a b",
                    "/ä",
                    "/hooks#part",
                    "?a",
                ],
            ),
            (
                Kind::OneOf(&["proxy", "redirect"]),
                &["proxy", "redirect"],
                &["", "Proxy"],
            ),
            (
                Kind::Checked(|value| value.is_empty()),
                &[""],
                &["something"],
            ),
            (
                Kind::CheckedBeside("other", |value, other| value == other),
                &["of other"],
                &["", "of another"],
            ),
        ] {
            let get = |name: &str| Some(format!("of {name}"));
            for value in good {
                assert!(fits(kind, value, &get), "{kind:?} {value}");
            }
            for value in bad {
                assert!(!fits(kind, value, &get), "{kind:?} {value}");
            }
        }
    }

    #[test]
    fn a_line_feed_at_the_end_is_none_of_a_value() {
        let variables = [
            Variable::new("secret", Kind::Secret),
            Variable::new("token", Kind::BearerSecret),
            Variable::new("limit", Kind::Number),
            Variable::new("key", Kind::Checked(|value| value == "{\n}")),
            Variable::new(
                "beside",
                Kind::CheckedBeside("limit", |own, limit| own == limit),
            ),
            Variable::new("name", Kind::Text),
        ];
        let secret = "0123456789abcdef0123456789abcdef";
        for end in ["", "\n", "\r\n", "\n\n"] {
            let value = |name: &str| match name {
                "secret" | "token" => Some(format!("{secret}{end}")),
                "limit" | "beside" => Some(format!("5{end}")),
                "key" => Some(format!("{{\n}}{end}")),
                _ => Some(format!(" a\nb {end}")),
            };
            let settings = Settings::load(variables, value);
            assert_eq!(settings.wrong(), [""; 0], "{end:?}");
            assert_eq!(settings.text("secret"), secret);
            assert_eq!(settings.text("token"), secret);
            assert_eq!(settings.number("limit"), 5);
            assert_eq!(settings.text("name"), " a\nb ");
        }
        // What is too short stays so, however many line feeds follow.
        let short = format!("{}\n", &secret[1..]);
        let settings = Settings::load(variables, |_| Some(short.clone()));
        assert!(settings.wrong().contains(&"secret".to_owned()));
    }

    #[test]
    fn origins_are_kept_as_browsers_write_them() {
        let variable = [Variable::new("origins", Kind::Origins)];
        let load = |value: &str| Settings::load(variable, |_| Some(value.to_owned()));
        let settings = load("HTTPS://App.Example:443 , http://a:8080\n");
        assert_eq!(
            settings.text("origins"),
            "https://app.example,http://a:8080"
        );
        let settings = load("https://app.example/");
        assert_eq!((settings.wrong().len(), settings.text("origins")), (1, ""));
    }

    #[test]
    fn a_wrong_value_is_named_and_reads_as_nothing() {
        let variables = [
            Variable::new("limit", Kind::Number),
            Variable::new("name", Kind::Text),
        ];
        let settings = Settings::load(variables, |name| Some(format!("a {name}")));
        assert_eq!(settings.wrong(), ["limit"]);
        assert_eq!(settings.number("limit"), 0);
        assert_eq!(settings.text("name"), "a name");
    }
}
