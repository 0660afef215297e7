//! Parameters of header fields (RFC 9110, section 5.6.6), read by their grammar: media types and content dispositions.

use thiserror::Error;

/// How a quoted string is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quoting {
    /// A backslash gives the next character as it is (RFC 9110, section 5.6.4).
    Pairs,
    /// A backslash is a character as any other, and the next quotation mark ends the string: so browsers write forms (the
    /// HTML standard, "multipart/form-data encoding algorithm").
    Form,
}

/// Why a field's value was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParameterError {
    /// The text does not have the grammar of a value with parameters.
    #[error("the value does not have the grammar of RFC 9110, section 5.6.6")]
    Grammar,
    /// A name comes twice, so that two readers could take two values for it.
    #[error("a parameter comes twice")]
    Twice,
}

/// The parameters after a value, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The value of a parameter, whatever the case of its name; `name` in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Reads `; name=value; name="value"` to the end of the text. Parameters may be empty, as the grammar allows.
    fn parse(mut text: &str, quoting: Quoting) -> Result<Self, ParameterError> {
        let mut parameters = Self::default();
        loop {
            text = skip_space(text);
            if text.is_empty() {
                return Ok(parameters);
            }
            text = skip_space(text.strip_prefix(';').ok_or(ParameterError::Grammar)?);
            let (name, rest) = take_token(text);
            if name.is_empty() {
                // An empty parameter: what follows must be the next semicolon, or the end.
                continue;
            }
            let rest = rest.strip_prefix('=').ok_or(ParameterError::Grammar)?;
            let (value, rest) = match rest.strip_prefix('"') {
                Some(quoted) => take_quoted(quoted, quoting)?,
                None => {
                    let (value, rest) = take_token(rest);
                    if value.is_empty() {
                        return Err(ParameterError::Grammar);
                    }
                    (value.to_owned(), rest)
                }
            };
            let name = name.to_ascii_lowercase();
            if parameters.get(&name).is_some() {
                return Err(ParameterError::Twice);
            }
            parameters.0.push((name, value));
            text = rest;
        }
    }
}

/// A media type with its parameters (RFC 9110, section 8.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    /// Type and subtype, in lower case.
    pub essence: String,
    /// What follows them.
    pub parameters: Parameters,
}

impl MediaType {
    /// Reads the value of a `Content-Type`.
    pub fn parse(text: &str) -> Result<Self, ParameterError> {
        let (kind, rest) = take_token(skip_space(text));
        let rest = rest.strip_prefix('/').ok_or(ParameterError::Grammar)?;
        let (subtype, rest) = take_token(rest);
        if kind.is_empty() || subtype.is_empty() {
            return Err(ParameterError::Grammar);
        }
        Ok(Self {
            essence: format!("{kind}/{subtype}").to_ascii_lowercase(),
            parameters: Parameters::parse(rest, Quoting::Pairs)?,
        })
    }
}

/// A `Content-Disposition` (RFC 6266; in forms RFC 7578, section 4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disposition {
    /// What it is, in lower case: `form-data`, `attachment`, `inline`.
    pub kind: String,
    parameters: Parameters,
    quoting: Quoting,
}

impl Disposition {
    /// Reads the value of a message's own `Content-Disposition`.
    pub fn parse(text: &str) -> Result<Self, ParameterError> {
        Self::parse_as(text, Quoting::Pairs)
    }

    /// Reads the value of a part's `Content-Disposition`.
    ///
    /// Browsers and what imitates them escape nothing by a backslash; programs that follow the older RFC 2616 do. So the
    /// value is read in the browsers' way, and in the other one where it has no meaning in theirs.
    pub fn parse_in_form(text: &str) -> Result<Self, ParameterError> {
        match Self::parse_as(text, Quoting::Form) {
            Err(ParameterError::Grammar) => Self::parse_as(text, Quoting::Pairs),
            parsed => parsed,
        }
    }

    fn parse_as(text: &str, quoting: Quoting) -> Result<Self, ParameterError> {
        let (kind, rest) = take_token(skip_space(text));
        if kind.is_empty() {
            return Err(ParameterError::Grammar);
        }
        Ok(Self {
            kind: kind.to_ascii_lowercase(),
            parameters: Parameters::parse(rest, quoting)?,
            quoting,
        })
    }

    /// The field's name, of a part of a form.
    pub fn name(&self) -> Option<String> {
        self.parameters.get("name").map(|name| self.decoded(name))
    }

    /// The file's name: `filename*` (RFC 8187) where it can be read, else `filename`, in whatever order they come.
    pub fn filename(&self) -> Option<String> {
        let exact = self.parameters.get("filename*").and_then(decode_extended);
        exact.or_else(|| {
            let plain = self.parameters.get("filename")?;
            Some(self.decoded(plain))
        })
    }

    /// What a browser wrote: it has an encoding for three characters, and for nothing else, not even for `%`.
    fn decoded(&self, value: &str) -> String {
        match self.quoting {
            Quoting::Pairs => value.to_owned(),
            Quoting::Form => value
                .replace("%22", "\"")
                .replace("%0D", "\r")
                .replace("%0A", "\n"),
        }
    }
}

/// The text of an extended value, `UTF-8'language'percent-encoded` (RFC 8187, section 3.2); `None` where it is none, or in
/// another character set.
pub fn decode_extended(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? * 16 + hex(rest.next()?)?,
            byte if is_attr_char(byte) => byte,
            _ => return None,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

/// RFC 8187, section 3.2.1.
fn is_attr_char(byte: u8) -> bool {
    is_tchar(byte) && !b"*'%".contains(&byte)
}

/// RFC 9110, section 5.6.2.
fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether a text is a token (RFC 9110, section 5.6.2).
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_tchar)
}

fn skip_space(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

/// The token at the beginning, perhaps empty, and what follows it.
fn take_token(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !is_tchar(byte));
    text.split_at(end.unwrap_or(text.len()))
}

/// What a quoted string says whose opening mark was taken, and what follows its closing one.
fn take_quoted(text: &str, quoting: Quoting) -> Result<(String, &str), ParameterError> {
    let mut value = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '"' => return Ok((value, rest.as_str())),
            '\\' if quoting == Quoting::Pairs => {
                value.push(rest.next().ok_or(ParameterError::Grammar)?);
            }
            _ => value.push(character),
        }
    }
    Err(ParameterError::Grammar)
}

#[cfg(test)]
#[path = "parameters_tests.rs"]
mod tests;
