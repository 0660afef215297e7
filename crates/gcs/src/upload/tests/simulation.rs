//! A bucket that behaves as badly as the protocol allows, and the property that the bytes survive it.

use std::cell::{Cell, RefCell};

use http::{Request, Response};
use proptest::prelude::*;
use spinreel_platform::TransportError;
use spinreel_platform::memory::{ManualClock, Pieces, SeededRandom};

use super::*;
use crate::{Credentials, Endpoint};

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Fine,
    /// The bucket keeps this share (of 256) of what is new to it.
    Partial(u8),
    /// It keeps such a share, and the connection breaks.
    Lost(u8),
    /// It keeps such a share and answers this status.
    Fails(u8, u16),
}

fn fate() -> impl Strategy<Value = Fate> {
    let status = prop::sample::select(vec![408, 429, 500, 502, 503, 504]);
    prop_oneof![
        2 => Just(Fate::Fine),
        2 => any::<u8>().prop_map(Fate::Partial),
        1 => any::<u8>().prop_map(Fate::Lost),
        1 => (any::<u8>(), status).prop_map(|(share, status)| Fate::Fails(share, status)),
    ]
}

/// One session of a bucket; after its fates are used up it behaves.
struct Bucket {
    fates: RefCell<Vec<Fate>>,
    stored: RefCell<Vec<u8>>,
    finished: Cell<bool>,
}

impl Bucket {
    /// Takes what is new of a chunk, up to `share`; finishes when it has the announced total.
    fn accept(&self, range: &str, body: &[u8], share: usize) {
        let (bounds, total) = range
            .strip_prefix("bytes ")
            .and_then(|range| range.split_once('/'))
            .unwrap();
        let mut stored = self.stored.borrow_mut();
        if let Some((first, last)) = bounds.split_once('-') {
            let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
            assert_eq!(last + 1 - first, body.len(), "the range is not the body's");
            assert!(first <= stored.len(), "a gap before {first}");
            let new = body.get(stored.len() - first..).unwrap_or_default();
            stored.extend(&new[..new.len() * share / 256]);
        } else {
            assert_eq!((bounds, body.len()), ("*", 0));
        }
        if total.parse() == Ok(stored.len()) {
            self.finished.set(true);
        }
    }
}

impl HttpClient for Bucket {
    type Body = Pieces;

    async fn send(&self, request: Request<Vec<Bytes>>) -> Result<Response<Pieces>, TransportError> {
        let fate = self.fates.borrow_mut().pop().unwrap_or(Fate::Fine);
        let share = match fate {
            Fate::Fine => 256,
            Fate::Partial(share) | Fate::Lost(share) | Fate::Fails(share, _) => usize::from(share),
        };
        if !self.finished.get() {
            let range = request.headers()["content-range"].to_str().unwrap();
            self.accept(range, &request.body().concat(), share);
        }
        let mut response = Response::new(Pieces::default());
        if let Fate::Lost(_) = fate {
            return Err(TransportError::Timeout);
        } else if let Fate::Fails(_, status) = fate {
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
        } else if self.finished.get() {
            let resource = plain("ada/video.mp4", 7, &self.stored.borrow());
            *response.body_mut() = Pieces::new([Bytes::from(resource)]);
        } else {
            *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
            if let Some(last) = self.stored.borrow().len().checked_sub(1) {
                let range = format!("bytes=0-{last}").parse().unwrap();
                response.headers_mut().insert("range", range);
            }
        }
        Ok(response)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_split_ends_with_the_right_bytes_whatever_the_bucket_stores_of_each_request(
        quanta in prop::collection::vec(1..3usize, 0..4),
        rest in 0..QUANTUM + 2,
        piece in 1..700_000usize,
        announced: bool,
        fates in prop::collection::vec(fate(), 0..40),
        seed: u64,
    ) {
        let chunks: Vec<usize> = quanta.iter().map(|n| n * QUANTUM).chain([rest]).collect();
        let content: Vec<u8> =
            (0..chunks.iter().sum()).map(|n: usize| (n.wrapping_mul(0x9e37_79b1) >> 11) as u8).collect();
        let bucket = Bucket {
            fates: RefCell::new(fates),
            stored: RefCell::default(),
            finished: Cell::new(false),
        };
        let endpoint = Endpoint::new("http://bucket.test", "spinreel").unwrap();
        let clock = ManualClock::default();
        let random = SeededRandom::new(seed);
        let client = Client::new(&bucket, &clock, random, endpoint, Credentials::Anonymous);
        let session = session(announced.then_some(content.len() as u64));

        let mut offset = 0;
        for (index, length) in chunks.iter().enumerate() {
            let bytes = &content[offset..offset + length];
            let pieces: Vec<Bytes> = bytes.chunks(piece).map(Bytes::copy_from_slice).collect();
            let end = index + 1 == chunks.len();
            if announced && rest == 0 && index + 2 == chunks.len() {
                // The chunk that reaches an announced size is the last one.
                break;
            }
            let part = if end { last(&content) } else { Part::More };
            let progress = put_patiently(&client, &session, offset, &pieces, part);
            offset += length;
            if end {
                prop_assert!(matches!(progress, Progress::Complete(_)), "{:?}", progress);
            } else {
                prop_assert_eq!(progress, Progress::Incomplete { stored: offset as u64 });
            }
        }
        if offset < content.len() {
            let bytes = Bytes::copy_from_slice(&content[offset..]);
            let progress =
                put_patiently(&client, &session, offset, &[bytes], last(&content));
            prop_assert!(matches!(progress, Progress::Complete(_)), "{:?}", progress);
        }
        prop_assert!(bucket.finished.get());
        prop_assert!(*bucket.stored.borrow() == content, "the bytes differ");
    }
}

/// Sends the same chunk again while the bucket is only unavailable, as a caller would do on its client's next try.
fn put_patiently(
    client: &Client<&Bucket, &ManualClock, SeededRandom>,
    session: &ResumableSession,
    offset: usize,
    chunk: &[Bytes],
    part: Part,
) -> Progress {
    for _ in 0..20 {
        let put = client.put_chunk(session, offset as u64, chunk, part);
        match futures::executor::block_on(put) {
            Ok(progress) => return progress,
            Err(error) => assert!(error.is_temporary(), "{error}"),
        }
    }
    panic!("the bucket never recovers");
}
