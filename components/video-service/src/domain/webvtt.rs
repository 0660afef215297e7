//! The syntax of WebVTT (W3C Candidate Recommendation, 4 April 2019, section 4).
//!
//! The text of a cue is not looked at: whatever it has, players show it as text, and it goes out as `text/vtt`.

use thiserror::Error;

/// Why a text is no WebVTT file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WebVttError {
    /// It is not UTF-8.
    #[error("must be UTF-8")]
    Encoding,
    /// It does not begin with the signature.
    #[error("must begin with WEBVTT")]
    Signature,
    /// A line breaks the grammar.
    #[error("line {line}: {what}")]
    Line {
        /// The first is 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// What separates the two times of a cue, and stands nowhere else.
const ARROW: &str = "-->";

/// Checks a file; the number of its cues.
pub fn check(bytes: &[u8]) -> Result<usize, WebVttError> {
    let text = std::str::from_utf8(bytes).map_err(|_| WebVttError::Encoding)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = Lines {
        rest: Some(text),
        number: 0,
    };
    let signature = lines
        .next()
        .and_then(|line| line.text.strip_prefix("WEBVTT"));
    match signature {
        Some(comment) if comment.is_empty() || comment.starts_with([' ', '\t']) => {
            no_arrow(Line {
                text: comment,
                number: 1,
            })?;
        }
        _ => return Err(WebVttError::Signature),
    }
    // Lines of metadata, as HLS has them (RFC 8216, section 3.5).
    for line in lines.by_ref().take_while(|line| !line.text.is_empty()) {
        no_arrow(line)?;
    }
    let mut cues = 0;
    while let Some(first) = lines.next() {
        if first.text.is_empty() {
            continue;
        }
        if block(first, &mut lines, cues > 0)? {
            cues += 1;
        }
    }
    Ok(cues)
}

/// Reads a block to the empty line after it; whether it was a cue.
fn block<'a>(
    first: Line<'a>,
    lines: &mut Lines<'a>,
    after_cues: bool,
) -> Result<bool, WebVttError> {
    let is = |name: &str| {
        let rest = first.text.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    };
    let is_definition = ["STYLE", "REGION"]
        .iter()
        .any(|name| first.text.trim_end_matches([' ', '\t']) == *name);
    let is_cue = !is("NOTE") && (after_cues || !is_definition);
    if is_cue {
        let times = match first.text.contains(ARROW) {
            true => first,
            // What comes before is the name of the cue.
            false => match lines.next() {
                Some(line) if line.text.contains(ARROW) => line,
                _ => return Err(first.is("a cue must have its times")),
            },
        };
        check_times(times)?;
    } else {
        no_arrow(first)?;
    }
    for line in lines.take_while(|line| !line.text.is_empty()) {
        no_arrow(line)?;
    }
    Ok(is_cue)
}

fn no_arrow(line: Line<'_>) -> Result<(), WebVttError> {
    match line.text.contains(ARROW) {
        true => Err(line.is("--> stands between two times only, after an empty line")),
        false => Ok(()),
    }
}

/// `00:00.000 --> 00:01.000 line:0`: two times and the settings of a cue.
fn check_times(line: Line<'_>) -> Result<(), WebVttError> {
    let blank = [' ', '\t'];
    let (start, rest) = line.text.split_once(ARROW).unwrap_or((line.text, ""));
    let start = match start.trim_end_matches(blank) {
        trimmed if trimmed.len() < start.len() => time_ms(trimmed),
        _ => None,
    };
    let trimmed = rest.trim_start_matches(blank);
    let (end, settings) = trimmed.split_once(blank).unwrap_or((trimmed, ""));
    let end = time_ms(end).filter(|_| trimmed.len() < rest.len());
    match (start, end) {
        (Some(start), Some(end)) if start <= end => {}
        (Some(_), Some(_)) => return Err(line.is("a cue must not end before it begins")),
        _ => return Err(line.is("the times must be as in 00:00:01.000 --> 00:00:02.500")),
    }
    let mut settings = settings.split(blank).filter(|setting| !setting.is_empty());
    let is_setting = |setting: &str| {
        let pair = setting.split_once(':');
        pair.is_some_and(|(name, value)| !name.is_empty() && !value.is_empty())
    };
    match settings.all(is_setting) {
        true => Ok(()),
        false => Err(line.is("a setting must be a name, a colon and a value")),
    }
}

/// `MM:SS.mmm`, or hours of two digits or more before it, in milliseconds.
fn time_ms(text: &str) -> Option<u64> {
    let digits = |text: &str, is_length: fn(usize) -> bool| -> Option<u64> {
        let are_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        (is_length(text.len()) && are_digits).then(|| text.parse().ok())?
    };
    let (rest, thousandths) = text.split_once('.')?;
    let (rest, seconds) = rest.rsplit_once(':')?;
    let (hours, minutes) = match rest.split_once(':') {
        Some((hours, minutes)) => (digits(hours, |length| length >= 2)?, minutes),
        None => (0, rest),
    };
    let minutes = digits(minutes, |length| length == 2).filter(|minutes| *minutes < 60)?;
    let seconds = digits(seconds, |length| length == 2).filter(|seconds| *seconds < 60)?;
    let thousandths = digits(thousandths, |length| length == 3)?;
    hours
        .checked_mul(3_600_000)?
        .checked_add(minutes * 60_000 + seconds * 1_000 + thousandths)
}

/// A line without its end.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    text: &'a str,
    number: usize,
}

impl Line<'_> {
    fn is(&self, what: &'static str) -> WebVttError {
        WebVttError::Line {
            line: self.number,
            what,
        }
    }
}

/// The lines of a text; each ends with CR LF, LF or CR.
struct Lines<'a> {
    rest: Option<&'a str>,
    number: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let rest = self.rest?;
        let (text, after) = match rest.find(['\r', '\n']) {
            Some(at) => {
                let (text, end) = rest.split_at(at);
                let after = end.strip_prefix("\r\n").unwrap_or(&end[1..]);
                (text, Some(after))
            }
            None => (rest, None),
        };
        self.rest = after;
        self.number += 1;
        Some(Line {
            text,
            number: self.number,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = "\u{feff}WEBVTT - a comment\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n\
        STYLE\n::cue { color: red }\n\nREGION\nid:fred\n\nNOTE a note\nof two lines\n\n\n\
        00:00.000 --> 00:01.500\nHello\n<b>there</b>\n\n\
        second\n00:01:00.000\t-->\t100:00:01.000 align:start line:0%\n<script>alert(1)</script>\n\n\
        NOTE\n\n00:02.000 --> 00:02.000\n";

    #[test]
    fn a_file_is_a_signature_and_blocks() {
        assert_eq!(check(FILE.as_bytes()), Ok(3));
        for end in ["\r\n", "\r"] {
            assert_eq!(check(FILE.replace('\n', end).as_bytes()), Ok(3), "{end:?}");
        }
        for (text, cues) in [
            ("WEBVTT", 0),
            ("WEBVTT\n", 0),
            ("WEBVTT\t\n\n", 0),
            ("WEBVTT\n\n\n\n00:00.000 --> 00:00.001", 1),
            (
                "WEBVTT\n\n00:00.000 --> 00:00.001\n\n00:00.000 --> 00:00.001\n",
                2,
            ),
            ("WEBVTT\n\nNOTED\n00:00.000 --> 00:00.001\n", 1),
        ] {
            assert_eq!(check(text.as_bytes()), Ok(cues), "{text:?}");
        }
    }

    #[test]
    fn what_does_not_begin_with_the_signature_is_none() {
        for text in [
            "",
            "\n",
            "webvtt",
            "WEBVTTX",
            " WEBVTT",
            "1\n00:00:00,000 --> 00:00:01,000\n",
        ] {
            assert_eq!(
                check(text.as_bytes()),
                Err(WebVttError::Signature),
                "{text:?}"
            );
        }
        assert_eq!(check(b"WEBVTT\n\n\xff"), Err(WebVttError::Encoding));
        assert_eq!(check(b"\xff\xfeW\0E\0"), Err(WebVttError::Encoding));
    }

    #[test]
    fn a_line_that_breaks_the_grammar_is_named() {
        for (text, line) in [
            ("WEBVTT -->", 1),
            ("WEBVTT\n00:00.000 --> 00:01.000\n", 2),
            ("WEBVTT\n\njust a text\n", 3),
            ("WEBVTT\n\nname\nother name\n00:00.000 --> 00:01.000\n", 3),
            (
                "WEBVTT\n\n00:00.000 --> 00:01.000\ntext\n00:02.000 --> 00:03.000\n",
                5,
            ),
            ("WEBVTT\n\n00:02.000 --> 00:01.000\n", 3),
            ("WEBVTT\n\n00:00,000 --> 00:01,000\n", 3),
            ("WEBVTT\n\n00:00.000-->00:01.000\n", 3),
            ("WEBVTT\n\n0:00:00.000 --> 00:01.000\n", 3),
            ("WEBVTT\n\n00:60.000 --> 01:01.000\n", 3),
            ("WEBVTT\n\n00:00.00 --> 00:01.000\n", 3),
            ("WEBVTT\n\n00:00.000 --> 00:01.000 align\n", 3),
            ("WEBVTT\n\n00:00.000 --> 00:01.000 align:\n", 3),
            ("WEBVTT\n\n+0:00.000 --> 00:01.000\n", 3),
            ("WEBVTT\n\n00:00.000 --> 00:01.000\n\nSTYLE\n::cue {}\n", 5),
            ("WEBVTT\n\nNOTE\na --> b\n", 4),
            (
                "WEBVTT\n\n99999999999999999999:00:00.000 --> 00:01.000\n",
                3,
            ),
        ] {
            match check(text.as_bytes()) {
                Err(WebVttError::Line { line: found, .. }) => assert_eq!(found, line, "{text:?}"),
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_checked_without_a_panic(text in "(WEBVTT)?[ \\t\\r\\n]{0,3}(?s:.{0,80})") {
            let _ = check(text.as_bytes());
        }

        #[test]
        fn a_file_of_cues_is_taken_whatever_their_texts(
            cues in prop::collection::vec((0..400_000_u64, 0..9_000_u64, "[^\\r\\n\\x00>]{1,30}"), 0..20),
        ) {
            let time = |ms: u64| {
                let (seconds, ms) = (ms / 1_000, ms % 1_000);
                format!("{:02}:{:02}:{:02}.{ms:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
            };
            let blocks = cues.iter().map(|(start, length, text)| {
                format!("\n{} --> {}\n{text}\n", time(*start), time(start + length))
            });
            let file = format!("WEBVTT\n{}", blocks.collect::<String>());
            prop_assert_eq!(check(file.as_bytes()), Ok(cues.len()));
        }
    }
}
