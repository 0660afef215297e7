#![allow(clippy::unwrap_used)]
use futures::executor::block_on;
use proptest::prelude::*;
use spinreel_platform::TransportError;
use spinreel_platform::memory::Pieces;

use super::*;

const BOUNDARY: &str = "X-BOUNDARY";

/// A body that is read on after its end a few times only: who goes on would do so forever.
struct Ending {
    pieces: Pieces,
    ends: usize,
}

impl ReadBody for Ending {
    async fn read(&mut self) -> Result<Option<Bytes>, TransportError> {
        let piece = self.pieces.read().await;
        if matches!(piece, Ok(None)) {
            self.ends += 1;
            assert!(self.ends < 10, "the parser waits for more than there is");
        }
        piece
    }
}

fn form(body: &[u8], piece: usize) -> Form<Ending> {
    form_in(body, &[piece])
}

/// The body cut into pieces of these lengths, over and over.
fn form_in(mut body: &[u8], lengths: &[usize]) -> Form<Ending> {
    let mut lengths = lengths.iter().cycle();
    let mut pieces = Vec::new();
    while !body.is_empty() {
        let length = lengths
            .next()
            .map_or(body.len(), |length| *length.min(&body.len()));
        let (piece, rest) = body.split_at(length);
        pieces.push(Bytes::copy_from_slice(piece));
        body = rest;
    }
    Form::new(
        BOUNDARY,
        Ending {
            pieces: Pieces::new(pieces),
            ends: 0,
        },
    )
}

fn body(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (head, content) in parts {
        body.extend(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n").bytes(),
        );
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    body
}

fn read(form: &mut Form<Ending>) -> Result<Vec<u8>, SourceError> {
    block_on(async {
        let mut bytes = Vec::new();
        while let Some(piece) = form.next().await? {
            bytes.extend(piece);
        }
        Ok(bytes)
    })
}

/// Reads it as the upload does.
fn upload(mut form: Form<Ending>) -> Option<Vec<u8>> {
    block_on(form.find_file()).ok()?;
    read(&mut form).ok()
}

/// What a form is made of, in any order: some of it opens parts, some of it only looks so.
fn shreds() -> impl Strategy<Value = Vec<u8>> {
    const FILE: &str = "Content-Disposition: form-data; name=\"file\"; filename=\"a\"";
    let shred = prop_oneof![
        Just(format!("--{BOUNDARY}\r\n{FILE}\r\n\r\n").into_bytes()),
        Just(format!("--{BOUNDARY}\r\n").into_bytes()),
        Just(format!("\r\n--{BOUNDARY}").into_bytes()),
        Just(format!("--{BOUNDARY}--\r\n").into_bytes()),
        Just(BOUNDARY.as_bytes().to_vec()),
        Just(FILE.as_bytes().to_vec()),
        Just(FILE.as_bytes()[..FILE.len() - 2].to_vec()),
        Just(b"Content-Disposition: form-data; name=title".to_vec()),
        Just(b"Content-Type: ".to_vec()),
        Just(b"\r\n\r\n".to_vec()),
        "[\r\n:;=\"*/% -]{1,4}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..30),
    ];
    proptest::collection::vec(shred, 0..16).prop_map(|shreds| shreds.concat())
}

/// The boundary is what no file has: here, all but its last character stays.
fn without_boundary(mut content: Vec<u8>) -> Vec<u8> {
    let whole = BOUNDARY.as_bytes();
    while let Some(at) = content.windows(whole.len()).position(|part| part == whole) {
        content[at + whole.len() - 1] = b'!';
    }
    content
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(1_usize..80, 1..12)
}

proptest! {
    #[test]
    fn a_file_comes_out_as_it_went_in_and_its_size_is_known_before(
        content in proptest::collection::vec(any::<u8>(), 0..500),
        title in "[a-z\r\n-]{0,40}",
        piece in 1_usize..600,
    ) {
        let body = body(&[("name=\"title\"", title.as_bytes()), ("name=\"file\"; filename=\"a.mp4\"", &content)]);
        let mut form = form(&body, piece);
        let head = block_on(form.find_file()).unwrap();
        prop_assert_eq!(head.expected_size(Some(body.len() as u64), BOUNDARY), content.len() as u64);
        prop_assert_eq!(read(&mut form).unwrap(), content);
    }

    #[test]
    fn a_file_is_the_same_however_the_form_is_cut(shreds in shreds(), lengths in lengths()) {
        let content = without_boundary(shreds);
        let body = body(&[("name=\"file\"; filename=\"a.mp4\"", &content), ("name=\"title\"", b"x")]);
        prop_assert_eq!(upload(form_in(&body, &lengths)), Some(content));
    }

    #[test]
    fn any_bytes_are_read_to_an_end_without_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        lengths in lengths(),
    ) {
        let _ = upload(form_in(&bytes, &lengths));
    }

    #[test]
    fn what_is_nearly_a_form_is_read_to_an_end_and_the_same_however_it_is_cut(
        bytes in shreds(),
        lengths in lengths(),
    ) {
        let whole = upload(form_in(&bytes, &[]));
        prop_assert_eq!(upload(form_in(&bytes, &lengths)), whole);
    }
}

#[test]
fn a_form_without_a_file_has_no_file_part() {
    for parts in [
        &[][..],
        &[("name=\"title\"", &b"x"[..])],
        &[("name=\"file\"", b"x")],
    ] {
        let found = block_on(form(&body(parts), 7).find_file());
        assert_eq!(found, Err(FormError::NoFilePart));
    }
}

#[test]
fn an_empty_file_name_is_no_selected_file() {
    let body = body(&[("name=\"file\"; filename=\"\"", b"x")]);
    assert_eq!(
        block_on(form(&body, 9).find_file()),
        Err(FormError::NoSelectedFile)
    );
}

#[test]
fn a_body_with_another_boundary_has_no_file_part() {
    let body = b"--OTHER\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx\r\n--OTHER--\r\n";
    assert_eq!(
        block_on(form(body, 9).find_file()),
        Err(FormError::NoFilePart)
    );
}

/// A part with a head and content of one's own, then the form's end.
fn raw(parts: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (head, content) in parts {
        body.extend(format!("--{BOUNDARY}\r\n{head}\r\n").bytes());
        body.extend(content);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    body
}

const FILE: &str = "Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n";
const TITLE: &str = "Content-Disposition: form-data; name=title\r\n";

#[test]
fn a_head_has_sixteen_kib_and_no_more() {
    for (length, is_read) in [
        (HEAD_LIMIT, true),
        (HEAD_LIMIT + 1, false),
        (40 * HEAD_LIMIT, false),
    ] {
        let filler = "x".repeat(length - FILE.len() - "X: ".len());
        let body = raw(&[(&format!("{FILE}X: {filler}\r\n"), b"x".to_vec())]);
        for piece in [1, 10_000] {
            let found = block_on(form(&body, piece).find_file());
            match is_read {
                true => assert_eq!(found.unwrap().name, "a"),
                false => assert!(matches!(found, Err(FormError::Broken(_))), "{found:?}"),
            }
        }
    }
}

/// A form with a file, and as many bytes besides it.
fn with_fields(besides: u64, before: bool) -> Vec<u8> {
    let parts = |length: usize| {
        let (file, title) = ((FILE, b"video".to_vec()), (TITLE, vec![b'x'; length]));
        match before {
            true => raw(&[title, file]),
            false => raw(&[file, title]),
        }
    };
    let whole = "\r\n".len() + "video".len() + usize::try_from(besides).unwrap();
    parts(whole - parts(0).len())
}

#[test]
fn what_a_form_has_besides_its_file_is_read_up_to_a_limit() {
    for before in [true, false] {
        let body = with_fields(FIELDS_LIMIT, before);
        assert_eq!(upload(form(&body, 60_000)).unwrap(), b"video", "{before}");
    }
    // The last two bytes, `--`, are read one by one.
    let body = with_fields(FIELDS_LIMIT + 3, false);
    let mut after = form(&body, 60_000);
    block_on(after.find_file()).unwrap();
    for _ in 0..2 {
        assert!(read(&mut after).is_err());
        assert_eq!(after.failure(), Some(&FormError::TooLarge));
    }
    let body = with_fields(2 * FIELDS_LIMIT, true);
    let found = block_on(form(&body, 60_000).find_file());
    assert_eq!(found, Err(FormError::TooLarge));
}

#[test]
fn a_second_file_is_refused_wherever_it_stands() {
    let other = "Content-Disposition: form-data; filename=b; NAME=file\r\n";
    let text = "Content-Disposition: form-data; name=file\r\n";
    let part = |head| (head, b"x".to_vec());
    for heads in [
        &[FILE, other][..],
        &[FILE, FILE],
        &[FILE, TITLE, other],
        &[FILE, text],
    ] {
        let parts: Vec<_> = heads.iter().copied().map(part).collect();
        let mut form = form(&raw(&parts), 7);
        block_on(form.find_file()).unwrap();
        assert!(read(&mut form).is_err(), "{heads:?}");
        assert_eq!(form.failure(), Some(&FormError::TwoFiles), "{heads:?}");
    }
    let found = block_on(form(&raw(&[part(text), part(FILE)]), 7).find_file());
    assert_eq!(found, Err(FormError::TwoFiles));
}

#[test]
fn the_grammar_of_rfc_2046_is_read() {
    for body in [
        format!("--{BOUNDARY}\r\n{FILE}\r\nvideo\r\n--{BOUNDARY}--"),
        format!("a preamble\r\n--{BOUNDARY}\r\n{FILE}\r\nvideo\r\n--{BOUNDARY}--\r\nan epilogue"),
        format!("--{BOUNDARY} \t\r\n{FILE}\r\nvideo\r\n--{BOUNDARY}-- \r\n"),
        format!(
            "\r\n--{BOUNDARY}\r\n\r\nno head\r\n--{BOUNDARY}\r\n{FILE}\r\nvideo\r\n--{BOUNDARY}--"
        ),
        format!("--{BOUNDARY}\r\n{TITLE}\r\n--{BOUNDARY}\r\n{FILE}\r\nvideo\r\n--{BOUNDARY}--"),
    ] {
        for piece in [1, 3, 1_000] {
            let read = upload(form(body.as_bytes(), piece));
            assert_eq!(read.as_deref(), Some(&b"video"[..]), "{body}");
        }
    }
    let empty = format!("--{BOUNDARY}\r\n{FILE}\r\n--{BOUNDARY}--");
    assert_eq!(upload(form(empty.as_bytes(), 5)), Some(Vec::new()));
    for body in [
        format!("--{BOUNDARY}x\r\n{FILE}\r\nvideo\r\n--{BOUNDARY}--"),
        format!("--{BOUNDARY}\n{FILE}\r\nvideo\r\n--{BOUNDARY}--"),
        format!("--{BOUNDARY}\r\n{FILE}\r\nvideo\r\n--{BOUNDARY}-\r\n"),
        format!("--{BOUNDARY}\r\n{FILE}\r\nvideo\r\n--{BOUNDARY}\r\n"),
        format!("--{BOUNDARY}\r\n{FILE}\r\nvideo\r\n--{BOUNDARY}\r\n\r\nmore"),
    ] {
        assert_eq!(upload(form(body.as_bytes(), 5)), None, "{body}");
    }
}

#[test]
fn a_boundary_is_a_parameter_of_the_type() {
    for (content_type, found) in [
        ("multipart/form-data; boundary=abc", Some("abc")),
        (
            "Multipart/Form-Data; Boundary=\"a b\"; charset=utf-8",
            Some("a b"),
        ),
        (
            "multipart/form-data; charset=\"; boundary=no\"; boundary=yes",
            Some("yes"),
        ),
        ("multipart/form-data; boundary=\"\"", None),
        ("multipart/form-data; boundary=a; boundary=b", None),
        ("multipart/mixed; boundary=abc", None),
        ("text/plain; x=multipart/form-data; boundary=abc", None),
    ] {
        assert_eq!(
            boundary(Some(content_type)).ok().as_deref(),
            found,
            "{content_type}"
        );
    }
    let longest = "x".repeat(70);
    for (text, is_taken) in [(longest.clone(), true), (format!("{longest}x"), false)] {
        let content_type = format!("multipart/form-data; boundary={text}");
        assert_eq!(boundary(Some(&content_type)).is_ok(), is_taken);
    }
    assert_eq!(boundary(None), Err(FormError::NoFilePart));
}

#[test]
fn a_form_costs_what_it_is_long_however_it_is_cut() {
    let feeds = |length| vec![b'\n'; length];
    let before = [feeds(255 * 1024), raw(&[(FILE, b"x".to_vec())])].concat();
    let head = raw(&[
        (&"\n".repeat(255 * 1024), Vec::new()),
        (FILE, b"x".to_vec()),
    ]);
    let field = raw(&[
        (TITLE, b"\r\n--X-BOUNDAR".repeat(20_000)),
        (FILE, b"x".to_vec()),
    ]);
    let file = raw(&[(FILE, b"\r\n--X-BOUNDAR".repeat(20_000))]);
    for (what, body) in [
        ("before", before),
        ("a head", head),
        ("a field", field),
        ("a file", file),
    ] {
        for piece in [1, 2, 100, 65_536] {
            let mut form = form(&body, piece);
            if block_on(form.find_file()).is_ok() {
                read(&mut form).unwrap();
            }
            let examined = form.delimiter.examined + form.blank_line.examined;
            assert!(
                examined <= 3 * body.len() as u64,
                "{what} in {piece}: {examined}"
            );
        }
    }
}

#[test]
fn a_file_that_is_cut_off_is_an_error_and_not_a_short_file() {
    let whole = body(&[("name=\"file\"; filename=\"a\"", b"0123456789")]);
    for length in whole.len() - 20..whole.len() - 2 {
        let mut form = form(&whole[..length], 9);
        block_on(form.find_file()).unwrap();
        assert!(read(&mut form).is_err(), "{length}");
    }
}
