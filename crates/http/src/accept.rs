//! `Accept` and `Accept-Encoding`: which of several forms of an answer a client wants (RFC 9110, section 12.5).

use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_ENCODING};

/// A form that an answer can have: a media type of a version.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    /// `type/subtype`, in lower case.
    pub essence: &'static str,
    /// The value of its parameter `version`.
    pub version: &'static str,
}

/// The place of the offer that the client likes most, of several that it likes the same the first; `None` where it likes none,
/// or says nothing.
pub fn preferred(headers: &HeaderMap, offers: &[Offer]) -> Option<usize> {
    let ranges: Vec<Range> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| split(line, ','))
        .filter_map(Range::parse)
        .collect();
    let mut best = None;
    for (place, offer) in offers.iter().enumerate() {
        let fitting = ranges
            .iter()
            .filter_map(|range| range.fits(offer).zip(Some(range.weight)));
        // What says most of the offer counts.
        let Some((_, weight)) = fitting.max_by_key(|(says, _)| *says) else {
            continue;
        };
        if weight > 0 && best.is_none_or(|(_, found)| weight > found) {
            best = Some((place, weight));
        }
    }
    best.map(|(place, _)| place)
}

/// Whether the client takes an answer with the content coding `coding`, in lower case (RFC 9110, section 12.5.3). Who says
/// nothing may get any; ours are for who asks.
pub fn takes_coding(headers: &HeaderMap, coding: &str) -> bool {
    let mut any = false;
    let lines = headers.get_all(ACCEPT_ENCODING).iter();
    for member in lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
    {
        let mut parts = member.split(';');
        let name = parts.next().unwrap_or_default().trim();
        let weight = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let is_weight = name.trim().eq_ignore_ascii_case("q");
            is_weight.then(|| thousandths(value.trim()))
        });
        let is_wanted = weight.is_none_or(|weight| weight.is_some_and(|weight| weight > 0));
        if name.eq_ignore_ascii_case(coding) {
            return is_wanted;
        }
        any |= name == "*" && is_wanted;
    }
    any
}

/// A media range: `type/subtype`, `type/*` or `*/*`.
struct Range {
    essence: String,
    version: Option<String>,
    /// In thousandths.
    weight: u32,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = split(text, ';');
        let essence = parts.next()?.trim().to_ascii_lowercase();
        essence.split_once('/')?;
        let (mut version, mut weight) = (None, 1_000);
        for parameter in parts {
            // Others say how a text is written, and none of them can be answered.
            match parameter.split_once('=') {
                Some((name, value)) if name.trim().eq_ignore_ascii_case("version") => {
                    version = Some(value.trim().trim_matches('"').to_owned());
                }
                Some((name, value)) if name.trim().eq_ignore_ascii_case("q") => {
                    weight = thousandths(value.trim())?;
                }
                _ => {}
            }
        }
        Some(Self {
            essence,
            version,
            weight,
        })
    }

    /// How much it says of an offer that it fits.
    fn fits(&self, offer: &Offer) -> Option<u8> {
        let kind = offer.essence.split('/').next()?;
        let says = match self.essence.split_once('/')? {
            ("*", "*") => 0,
            (own, "*") if own == kind => 1,
            _ if self.essence == offer.essence => 2,
            _ => return None,
        };
        match &self.version {
            None => Some(says),
            Some(version) => (version == offer.version).then_some(says + 1),
        }
    }
}

/// A weight: 0 to 1 with three decimals at most (RFC 9110, section 12.4.2).
fn thousandths(text: &str) -> Option<u32> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_number = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    let whole: u32 = match whole {
        "0" => 0,
        "1" => 1_000,
        _ => return None,
    };
    let part: u32 = format!("{decimals:0<3}").parse().ok()?;
    (is_number && whole + part <= 1_000).then_some(whole + part)
}

/// The pieces of a text between separators that stand in no quoted string.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |character: char| {
        let ends = character == separator && !is_quoted;
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        ends
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const OFFERS: [Offer; 2] = [
        Offer {
            essence: "application/openmetrics-text",
            version: "1.0.0",
        },
        Offer {
            essence: "text/plain",
            version: "0.0.4",
        },
    ];

    fn chosen(lines: &[&'static str]) -> Option<usize> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT, HeaderValue::from_static(line));
        }
        preferred(&headers, &OFFERS)
    }

    #[test]
    fn the_form_is_chosen_by_weight_and_by_what_says_most_of_it() {
        for (lines, expected) in [
            (&[][..], None),
            (&["*/*"], Some(0)),
            (&["text/plain"], Some(1)),
            (&["TEXT/*"], Some(1)),
            (
                &[
                    "text/plain;version=0.0.4;q=0.3, application/openmetrics-text;version=1.0.0;q=0.6",
                ],
                Some(0),
            ),
            (
                &["application/openmetrics-text;q=0.2, text/plain ; q=0.75"],
                Some(1),
            ),
            (
                &["application/openmetrics-text;q=0.2", "text/plain;q=0.200"],
                Some(0),
            ),
            // As a scraper asks that knows newer versions, too.
            (
                &[
                    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                ],
                Some(0),
            ),
            (
                &["text/plain;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.3"],
                Some(1),
            ),
            (&["text/plain;version=1.0.0"], None),
            (&["*/*;q=0.9, application/openmetrics-text;q=0.1"], Some(1)),
            (&["application/openmetrics-text;q=0, */*;q=0.1"], Some(1)),
            (
                &[
                    "application/openmetrics-text; version=\"1.0.0\"; note=\"a, b; q=0\", text/plain;q=0.9",
                ],
                Some(0),
            ),
            (
                &["text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8"],
                Some(0),
            ),
            (&["image/png"], None),
            (&["*/*;q=0"], None),
            // What has no weight by the grammar is not counted.
            (
                &["text/plain;q=2, application/openmetrics-text;q=0.1"],
                Some(0),
            ),
            (&["text/plain;q=0.1234, text"], None),
        ] {
            assert_eq!(chosen(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_coding_is_taken_by_who_asks_for_it() {
        for (value, taken) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("*", true),
            ("*, gzip;q=0", false),
            ("gzip;q=2", false),
            ("identity", false),
            ("xgzip", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(takes_coding(&headers, "gzip"), taken, "{value}");
        }
        assert!(!takes_coding(&HeaderMap::new(), "gzip"));
    }
}
