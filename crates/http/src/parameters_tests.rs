#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

/// Name and file name of a part's disposition.
fn part(text: &str) -> (Option<String>, Option<String>) {
    let disposition = Disposition::parse_in_form(text).unwrap();
    assert_eq!(disposition.kind, "form-data", "{text}");
    (disposition.name(), disposition.filename())
}

#[test]
fn a_part_is_read_as_its_client_meant_it() {
    for (text, name, filename) in [
        (
            "form-data; name=\"file\"; filename=\"a.mp4\"",
            "file",
            Some("a.mp4"),
        ),
        (
            "form-data; filename=\"a.mp4\"; name=\"file\"",
            "file",
            Some("a.mp4"),
        ),
        (
            "form-data; filename=\"name=x\"; name=file",
            "file",
            Some("name=x"),
        ),
        ("Form-Data;NAME=file;FileName=a.mp4", "file", Some("a.mp4")),
        (
            "form-data; name=\"file\"; filename=\"report\\\"",
            "file",
            Some("report\\"),
        ),
        (
            "form-data; filename=\"report\\\"; name=\"file\"",
            "file",
            Some("report\\"),
        ),
        (
            "form-data; name=\"file\"; filename=\"C:\\dir\\a.mp4\"",
            "file",
            Some("C:\\dir\\a.mp4"),
        ),
        (
            "form-data; name=\"file\"; filename=\"a%22b%0D%0Ac\"",
            "file",
            Some("a\"b\r\nc"),
        ),
        (
            "form-data; name=\"file\"; filename=\"50%25 \u{fc}.mp4\"",
            "file",
            Some("50%25 \u{fc}.mp4"),
        ),
        // Nobody but a program that escapes by backslashes can have written these.
        (
            "form-data; name=\"file\"; filename=\"a\\\"b.mp4\"",
            "file",
            Some("a\"b.mp4"),
        ),
        (
            "form-data; title=\"x\\\"; name=\\\"file\"; name=t",
            "t",
            None,
        ),
        ("form-data; name=\"file\"; filename=\"\"", "file", Some("")),
        ("form-data; name=\"file\"", "file", None),
        (
            "form-data; title=\"; name=file; filename=x\"; name=t",
            "t",
            None,
        ),
        (
            "form-data; xname=a; name=file; xfilename=b; filename=c",
            "file",
            Some("c"),
        ),
        (
            "form-data; filename*=UTF-8''%C3%BC.mp4; filename=\"_.mp4\"; name=\"file\"",
            "file",
            Some("\u{fc}.mp4"),
        ),
        (
            "form-data; name=\"file\"; filename=\"_.mp4\"; filename*=utf-8'de'%C3%BC.mp4",
            "file",
            Some("\u{fc}.mp4"),
        ),
        // What cannot be read does not hide what can.
        (
            "form-data; filename*=iso-8859-1''%FC.mp4; filename=\"_.mp4\"; name=file",
            "file",
            Some("_.mp4"),
        ),
        (
            "form-data; filename*=UTF-8''%FC.mp4; filename=u; name=file",
            "file",
            Some("u"),
        ),
        (" form-data ;\tname=file ; ; filename=a;", "file", Some("a")),
    ] {
        let expected = (Some(name.to_owned()), filename.map(str::to_owned));
        assert_eq!(part(text), expected, "{text}");
    }
}

#[test]
fn what_has_another_grammar_is_refused() {
    for text in [
        "",
        "; name=file",
        "form-data name=file",
        "form-data; name",
        "form-data; name=",
        "form-data; name =file",
        "form-data; name= file",
        "form-data; name=\"file",
        "form-data; name=\"file\"x",
        "form-data; name=a b",
        "form-data; name=file, filename=x",
        "form-data; filename=\u{fc}.mp4; name=file",
    ] {
        let parsed = Disposition::parse_in_form(text);
        assert_eq!(parsed, Err(ParameterError::Grammar), "{text}");
    }
    for text in [
        "form-data; name=a; Name=file",
        "form-data; filename=\"a\"; name=b; filename=\"c\"",
    ] {
        let parsed = Disposition::parse_in_form(text);
        assert_eq!(parsed, Err(ParameterError::Twice), "{text}");
    }
}

#[test]
fn outside_forms_a_backslash_escapes_and_a_percent_sign_is_one() {
    let disposition = Disposition::parse("attachment; filename=\"a\\\"%22\\\\b\"").unwrap();
    assert_eq!(disposition.filename().as_deref(), Some("a\"%22\\b"));
    assert_eq!(
        Disposition::parse("attachment; filename=\"a\\\""),
        Err(ParameterError::Grammar)
    );
}

#[test]
fn a_media_type_has_its_parameters() {
    for (text, boundary) in [
        ("multipart/form-data; boundary=abc", Some("abc")),
        (
            "Multipart/Form-Data;BOUNDARY=\"a b:c\\\"d\"",
            Some("a b:c\"d"),
        ),
        (
            "multipart/form-data; x=\"; boundary=no\"; boundary=yes",
            Some("yes"),
        ),
        ("multipart/form-data; xboundary=no", None),
        ("multipart/form-data", None),
    ] {
        let media_type = MediaType::parse(text).unwrap();
        assert_eq!(media_type.essence, "multipart/form-data");
        assert_eq!(media_type.parameters.get("boundary"), boundary, "{text}");
    }
    for text in [
        "",
        "multipart",
        "multipart/",
        "/form-data",
        "a/b/c",
        "a /b",
        "a/b; c",
        "a/b, c/d",
    ] {
        assert_eq!(
            MediaType::parse(text),
            Err(ParameterError::Grammar),
            "{text}"
        );
    }
    assert_eq!(
        MediaType::parse("a/b; c=1; C=2"),
        Err(ParameterError::Twice)
    );
}

/// How one parameter is written, and what it says.
#[derive(Debug, Clone)]
struct Written {
    name: String,
    value: String,
    text: String,
}

fn any_case(name: &'static str) -> impl Strategy<Value = String> {
    proptest::collection::vec(any::<bool>(), name.len()).prop_map(move |upper| {
        let letters = name.chars().zip(upper);
        letters
            .map(|(letter, upper)| {
                if upper {
                    letter.to_ascii_uppercase()
                } else {
                    letter
                }
            })
            .collect()
    })
}

/// A name of a parameter: one of those that are looked for, or one that has them in it.
fn parameter_name() -> impl Strategy<Value = String> {
    prop_oneof![
        any_case("name"),
        any_case("filename"),
        any_case("xname"),
        any_case("filename-x"),
        any_case("boundary"),
        "[a-z!#$&+.^_`|~-]{1,6}",
    ]
}

/// A value as a quoted string has it, decoys among them.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,12}",
        "[; =\"\\\\a%2]{0,12}",
        Just("; name=\"file\"; filename=\"x".to_owned()),
        Just("\"; name=file; filename=x; y=\"".to_owned()),
        Just("ends with \\".to_owned()),
    ]
    .prop_map(|text| text.replace(|character: char| character.is_control(), "_"))
}

/// As RFC 9110 has it: a token where it can be one, or a quoted string that escapes what it must, or more.
fn written() -> impl Strategy<Value = Written> {
    (parameter_name(), text(), any::<bool>(), any::<bool>()).prop_map(
        |(name, value, bare, more)| {
            let text = if bare && is_token(&value) {
                format!("{name}={value}")
            } else {
                let escaped: String = value
                    .chars()
                    .flat_map(|character| {
                        let escape = matches!(character, '"' | '\\') || (more && character == 'a');
                        escape.then_some('\\').into_iter().chain([character])
                    })
                    .collect();
                format!("{name}=\"{escaped}\"")
            };
            Written {
                name: name.to_ascii_lowercase(),
                value,
                text,
            }
        },
    )
}

/// As browsers write it; the value is what they were given, if it is none of their encodings.
fn written_in_form() -> impl Strategy<Value = Written> {
    (parameter_name(), text()).prop_map(|(name, value)| {
        let value = value.replace('%', "_");
        let encoded = value.replace('"', "%22");
        let text = format!("{name}=\"{encoded}\"");
        Written {
            name: name.to_ascii_lowercase(),
            value,
            text,
        }
    })
}

fn unique(mut all: Vec<Written>) -> Vec<Written> {
    let mut names = std::collections::BTreeSet::new();
    all.retain(|one| names.insert(one.name.clone()));
    all
}

/// The parameters with what the grammar allows between them.
fn joined(all: &[Written], gaps: &[String]) -> String {
    let mut gaps = gaps.iter().cycle();
    let mut text = String::new();
    for one in all {
        text.push_str(gaps.next().map_or(";", String::as_str));
        text.push_str(&one.text);
    }
    text
}

fn gaps() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[ \t]{0,2};([ \t]{0,2};)?[ \t]{0,2}", 1..4)
}

fn said(all: &[Written], name: &str) -> Option<String> {
    all.iter()
        .find(|one| one.name == name)
        .map(|one| one.value.clone())
}

proptest! {
    #[test]
    fn every_valid_value_says_what_was_written(
        all in proptest::collection::vec(written(), 0..5).prop_map(unique),
        gaps in gaps(),
    ) {
        let text = joined(&all, &gaps);
        let media_type = MediaType::parse(&format!("multipart/form-data{text}")).unwrap();
        for one in &all {
            prop_assert_eq!(media_type.parameters.get(&one.name), Some(one.value.as_str()));
        }
        let disposition = Disposition::parse(&format!("attachment{text}")).unwrap();
        prop_assert_eq!(disposition.name(), said(&all, "name"));
        prop_assert_eq!(disposition.filename(), said(&all, "filename"));
    }

    #[test]
    fn every_part_that_a_browser_writes_says_what_it_was_given(
        all in proptest::collection::vec(written_in_form(), 0..5).prop_map(unique),
        gaps in gaps(),
    ) {
        let text = joined(&all, &gaps);
        let disposition = Disposition::parse_in_form(&format!("form-data{text}")).unwrap();
        prop_assert_eq!(disposition.name(), said(&all, "name"));
        prop_assert_eq!(disposition.filename(), said(&all, "filename"));
    }

    #[test]
    fn an_exact_name_wins_wherever_it_stands(name in ".{0,12}", first in any::<bool>()) {
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let (plain, exact) = ("filename=\"x\"", format!("filename*=UTF-8''{encoded}"));
        let text = match first {
            true => format!("form-data; {exact}; {plain}"),
            false => format!("form-data; {plain}; {exact}"),
        };
        prop_assert_eq!(Disposition::parse_in_form(&text).unwrap().filename(), Some(name));
    }

    #[test]
    fn any_text_is_read_to_an_end_without_a_panic(text in ".{0,60}", more in "[a-z;=\"\\\\%* ]{0,40}") {
        for text in [text.clone(), more.clone(), format!("a/b;{more}"), format!("form-data;{more}")] {
            let _ = (MediaType::parse(&text), Disposition::parse(&text), Disposition::parse_in_form(&text));
        }
    }
}
