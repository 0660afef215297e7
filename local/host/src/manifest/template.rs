//! `{{ name }}` in the manifest's strings.

use std::collections::BTreeMap;

/// A string with places for variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
}

impl Template {
    /// Parses a string; the error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("{{") {
            let (before, after) = rest.split_at(start);
            let after = &after[2..];
            let Some(end) = after.find("}}") else {
                return Err(format!("`{text}`: a `{{{{` is not closed by `}}}}`"));
            };
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let name = after[..end].trim();
            if !is_variable_name(name) {
                return Err(format!("`{text}`: `{name}` is not the name of a variable"));
            }
            parts.push(Part::Variable(name.to_owned()));
            rest = &after[end + 2..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Template(parts))
    }

    /// The variables that occur in it.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The string with every variable replaced by its value.
    ///
    /// The manifest was checked to define all variables of its templates, and all defined variables have a
    /// value once they are resolved; a name without a value stands for nothing.
    pub(crate) fn render(&self, values: &BTreeMap<String, String>) -> String {
        self.0
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.as_str(),
                Part::Variable(name) => values.get(name).map_or("", String::as_str),
            })
            .collect()
    }
}

/// Whether a string may name a variable: a lower-case letter, then lower-case letters, digits and
/// single underscores, none at the end (Spin's rule).
pub(crate) fn is_variable_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && !name.contains("__")
        && !name.ends_with('_')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn values() -> BTreeMap<String, String> {
        [("host", "example.com"), ("port", "8080")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn variables_are_replaced_with_or_without_spaces() {
        let template = Template::parse("http://{{ host }}:{{port}}/").unwrap();
        assert_eq!(template.render(&values()), "http://example.com:8080/");
        assert_eq!(template.variables().collect::<Vec<_>>(), ["host", "port"]);
    }

    #[test]
    fn text_without_variables_stays_as_it_is() {
        for text in ["", "plain", "{ \"json\": {} }", "}} odd"] {
            assert_eq!(Template::parse(text).unwrap().render(&values()), text);
        }
    }

    #[test]
    fn an_open_brace_pair_and_a_wrong_name_are_errors() {
        assert!(
            Template::parse("{{ host")
                .unwrap_err()
                .contains("not closed")
        );
        assert!(
            Template::parse("{{ Host }}")
                .unwrap_err()
                .contains("`Host`")
        );
        assert!(Template::parse("{{}}").is_err());
    }

    #[test]
    fn variable_names_follow_the_rule_of_spin() {
        for good in ["a", "gcs_bucket", "v2_x"] {
            assert!(is_variable_name(good), "{good}");
        }
        for bad in ["", "A", "2a", "a-b", "_a", "a_", "a__b", "ä"] {
            assert!(!is_variable_name(bad), "{bad}");
        }
    }
}
