#![allow(clippy::unwrap_used)]
use serde::Deserialize;
use spinreel_platform::memory::SeededRandom;
use time::format_description::well_known::Rfc3339;

use super::key::{derive, hmac};
use super::*;
use crate::ServiceAccountKey;
use crate::testing::{google, test_account, test_key_file};

/// One of Google's own examples.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    description: String,
    bucket: String,
    object: Option<String>,
    method: String,
    expiration: u32,
    timestamp: String,
    scheme: String,
    url_style: Option<String>,
    bucket_bound_hostname: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    query_parameters: BTreeMap<String, String>,
    expected_url: String,
    expected_canonical_request: Option<String>,
    expected_string_to_sign: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vectors {
    #[serde(rename = "signingV4Tests")]
    signing: Vec<Vector>,
}

fn vectors() -> Vec<Vector> {
    let file = google("tests/unit/url_signer_v4_test_data.json");
    serde_json::from_str::<Vectors>(&file).unwrap().signing
}

impl Vector {
    fn url(&self) -> UrlToSign {
        let pairs = |map: &BTreeMap<String, String>| map.clone().into_iter().collect();
        UrlToSign {
            method: self.method.parse().unwrap(),
            object: self.object.clone(),
            expires_s: self.expiration,
            style: match self.url_style.as_deref() {
                None => UrlStyle::Path,
                Some("VIRTUAL_HOSTED_STYLE") => UrlStyle::VirtualHosted,
                Some("BUCKET_BOUND_HOSTNAME") => {
                    let host = self.bucket_bound_hostname.as_deref().unwrap();
                    UrlStyle::BucketBound {
                        origin: format!("{}://{host}", self.scheme),
                    }
                }
                Some(style) => panic!("what is {style}?"),
            },
            headers: pairs(&self.headers),
            query: pairs(&self.query_parameters),
        }
    }

    fn endpoint(&self) -> Endpoint {
        let origin = format!("{}://storage.googleapis.com", self.scheme);
        Endpoint::new(&origin, &self.bucket).unwrap()
    }

    /// The moment that it is about, in the form in which it is signed.
    fn time(&self) -> Time {
        let Ok(time) = OffsetDateTime::parse(&self.timestamp, &Rfc3339) else {
            return Time::parse(self.timestamp.clone());
        };
        Time::at(u64::try_from(time.unix_timestamp()).unwrap() * 1_000).unwrap()
    }
}

/// The requests name the account of the key file. The digests are of requests with the name that the account had
/// before.
#[test]
fn googles_canonical_requests_and_strings_to_sign_come_out() {
    let account = test_account();
    let former = test_key_file().replace("@test-project-id.", "@dummy-project-id.");
    let former = ServiceAccountKey::from_json(&former).unwrap();
    let (mut requests, mut strings) = (0, 0);
    for vector in vectors() {
        let name = &vector.description;
        let place = Place::of(&vector.endpoint(), &vector.url()).unwrap();
        let time = vector.time();
        let draft = |key| Draft::new(&place, &time, &vector.url(), key).unwrap();
        if let Some(expected) = &vector.expected_canonical_request {
            let key = SigningKey::ServiceAccount(&account);
            assert_eq!(&draft(key).request, expected, "{name}");
            requests += 1;
        }
        if let Some(expected) = &vector.expected_string_to_sign {
            let key = SigningKey::ServiceAccount(&former);
            let string = draft(key).string_to_sign(&time, key);
            assert_eq!(&string, expected, "{name}");
            strings += 1;
        }
    }
    assert_eq!((requests, strings), (20, 20));
}

/// Most expected URLs come from a client that was given the timestamp as it stands in the file, with its dashes and
/// colons, and the object's name as it stands there, not percent-encoded. So they are signed here in the same way,
/// and show the rest to be right: the signature above all.
#[test]
fn googles_urls_come_out() {
    let account = test_account();
    let key = SigningKey::ServiceAccount(&account);
    let random = SeededRandom::new(7);
    let vectors = vectors();
    assert_eq!(vectors.len(), 22);
    for vector in vectors {
        let url = vector.url();
        let mut place = Place::of(&vector.endpoint(), &url).unwrap();
        if let Some(object) = &vector.object {
            place.path = place.path.replace(&path(object), object);
        }
        let time = Time::parse(vector.timestamp.clone());
        let draft = Draft::new(&place, &time, &url, key).unwrap();
        let signed = draft.signed(&time, key, &random).unwrap();
        assert_eq!(
            signed.as_str(),
            vector.expected_url,
            "{}",
            vector.description
        );
    }
}

#[test]
fn googles_urls_with_a_true_timestamp_come_out_of_the_function_itself() {
    let account = test_account();
    let mut seen = 0;
    for vector in vectors() {
        // 2019-02-01T09:00:00Z
        if vector.timestamp != "20190201T090000Z" {
            continue;
        }
        let signed = sign_url(
            &vector.endpoint(),
            &vector.url(),
            SigningKey::ServiceAccount(&account),
            1_549_011_600_999,
            &SeededRandom::new(1),
        );
        assert_eq!(signed.unwrap().into_string(), vector.expected_url);
        seen += 1;
    }
    assert_eq!(seen, 2);
}

fn hmac_key() -> HmacKey {
    HmacKey {
        access_id: "GOOGTS7C7FUP3AIRVJTE2BCD".into(),
        secret: "bGoa+V7g/yqDXvKRqq+JTFn4uQZbPiQJo4pf9RzJ".into(),
    }
}

fn endpoint() -> Endpoint {
    Endpoint::new("http://127.0.0.1:9000", "spinreel").unwrap()
}

fn sign(url: &UrlToSign, endpoint: &Endpoint) -> Result<String, Error> {
    let key = hmac_key();
    let key = SigningKey::Hmac(&key);
    let random = SeededRandom::new(7);
    sign_url(endpoint, url, key, 1_549_011_600_000, &random).map(SignedUrl::into_string)
}

/// The expected signature was computed with Python's `hmac` and `hashlib`.
#[test]
fn an_hmac_key_signs_with_the_key_derived_for_its_day() {
    let url = UrlToSign {
        query: vec![("generation".into(), "7".into())],
        ..UrlToSign::read("ada/größe 1.mp4", 3_600)
    };
    assert_eq!(
        sign(&url, &endpoint()).unwrap(),
        "http://127.0.0.1:9000/spinreel/ada/gr%C3%B6%C3%9Fe%201.mp4\
         ?X-Goog-Algorithm=GOOG4-HMAC-SHA256\
         &X-Goog-Credential=GOOGTS7C7FUP3AIRVJTE2BCD%2F20190201%2Fauto%2Fstorage%2Fgoog4_request\
         &X-Goog-Date=20190201T090000Z&X-Goog-Expires=3600&X-Goog-SignedHeaders=host&generation=7\
         &X-Goog-Signature=9c630f433b3dd6b00ac37a355626ac39b74fb49f5581d6fcdb68d76e255e93f9"
    );
}

/// The example of the AWS General Reference, whose derivation is the same.
#[test]
fn a_key_is_derived_part_by_part() {
    let derived = derive(
        b"AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        ["20150830", "us-east-1", "iam", "aws4_request"],
    );
    assert_eq!(
        hex(&derived),
        "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
    );
}

/// RFC 4231 sections 4.3 and 4.7.
#[test]
fn hmac_takes_keys_of_any_length() {
    assert_eq!(
        hex(&hmac(b"Jefe", "what do ya want for nothing?")),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    assert_eq!(
        hex(&hmac(
            &[0xaa; 131],
            "Test Using Larger Than Block-Size Key - Hash Key First"
        )),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    );
}

#[test]
fn a_url_lasts_from_a_second_to_seven_days() {
    for (expires_s, good) in [(0, false), (1, true), (604_800, true), (604_801, false)] {
        let signed = sign(&UrlToSign::read("a", expires_s), &endpoint());
        assert_eq!(signed.is_ok(), good, "{expires_s}: {signed:?}");
    }
}

#[test]
fn what_cannot_be_asked_for_is_not_signed() {
    let with_header = |name: &str, value: &str| UrlToSign {
        headers: vec![(name.into(), value.into())],
        ..UrlToSign::read("a", 60)
    };
    let with_query = |name: &str| UrlToSign {
        query: vec![(name.into(), "1".into())],
        ..UrlToSign::read("a", 60)
    };
    for url in [
        UrlToSign::read("", 60),
        UrlToSign::read("..", 60),
        with_header("", "1"),
        with_header("a:b", "1"),
        with_header("a;b", "1"),
        with_header("a b", "1"),
        with_header("a", "1\r\nx: 2"),
        with_header("Host", "elsewhere.test"),
        with_query("X-Goog-Expires"),
        with_query("x-goog-signature"),
        UrlToSign {
            style: UrlStyle::BucketBound {
                origin: "https://videos.test/path".into(),
            },
            ..UrlToSign::read("a", 60)
        },
    ] {
        let signed = sign(&url, &endpoint());
        assert!(
            matches!(signed, Err(Error::InvalidArgument(_))),
            "{url:?}: {signed:?}"
        );
    }
}

#[test]
fn parameters_are_ordered_by_name_even_if_one_begins_another() {
    let url = UrlToSign {
        query: vec![("a-b".into(), "1".into()), ("a".into(), "2".into())],
        ..UrlToSign::read("o", 60)
    };
    let signed = sign(&url, &endpoint()).unwrap();
    assert!(signed.contains("&a=2&a-b=1&"), "{signed}");
}

#[test]
fn headers_of_one_name_become_one() {
    let headers = [
        ("X-Goog-Meta-A".to_owned(), " 1  2 ".to_owned()),
        ("x-goog-meta-a".to_owned(), "3".to_owned()),
    ];
    let canonical = canonical_headers("h", &headers).unwrap();
    assert_eq!(canonical["x-goog-meta-a"], "1 2,3");
}

#[test]
fn a_default_port_is_left_out_as_clients_leave_it_out() {
    for (origin, kept) in [
        ("https://bucket.test:443", "https://bucket.test/"),
        ("http://bucket.test:80", "http://bucket.test/"),
        ("http://bucket.test:443", "http://bucket.test:443/"),
        ("http://bucket.test:8080", "http://bucket.test:8080/"),
    ] {
        let endpoint = Endpoint::new(origin, "spinreel").unwrap();
        let signed = sign(&UrlToSign::read("a", 60), &endpoint).unwrap();
        assert!(signed.starts_with(kept), "{signed}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let key = hmac_key();
    let signed = sign_url(
        &endpoint(),
        &UrlToSign::read("a", 60),
        SigningKey::Hmac(&key),
        0,
        &SeededRandom::new(7),
    );
    let signed = signed.unwrap();
    let shown = format!("{:?} {signed:?}", SigningKey::Hmac(&key));
    let signature = signed.as_str().split("Signature=").nth(1).unwrap();
    assert!(
        !shown.contains(signature) && !shown.contains(&key.secret),
        "{shown}"
    );
}

#[test]
fn a_clock_beyond_all_years_is_refused() {
    let key = hmac_key();
    let signed = sign_url(
        &endpoint(),
        &UrlToSign::read("a", 60),
        SigningKey::Hmac(&key),
        u64::MAX,
        &SeededRandom::new(7),
    );
    assert!(
        matches!(signed, Err(Error::InvalidArgument(_))),
        "{signed:?}"
    );
}
