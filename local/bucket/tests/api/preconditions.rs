//! Every precondition on every call, as a table.

use crate::support::{Answer, TestBucket};

/// What a precondition says of the object, which exists.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Says {
    /// What is true.
    Right,
    /// What is not.
    Wrong,
}

/// The calls that have preconditions.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Call {
    Resource,
    Media,
    Download,
    Patch,
    Delete,
    InsertMedia,
    InsertMultipart,
    InsertResumable,
}

const CALLS: [Call; 8] = [
    Call::Resource,
    Call::Media,
    Call::Download,
    Call::Patch,
    Call::Delete,
    Call::InsertMedia,
    Call::InsertMultipart,
    Call::InsertResumable,
];

const PLACE: &str = "storage/v1/b/films/o";

impl Call {
    fn is_read(self) -> bool {
        matches!(self, Call::Resource | Call::Media | Call::Download)
    }

    async fn make(self, bucket: &TestBucket, query: &str) -> Answer {
        let (method, target) = match self {
            Call::Resource => ("GET", format!("/{PLACE}/a?{query}")),
            Call::Media => ("GET", format!("/{PLACE}/a?alt=media&{query}")),
            Call::Download => ("GET", format!("/download/{PLACE}/a?{query}")),
            Call::Patch => ("PATCH", format!("/{PLACE}/a?{query}")),
            Call::Delete => ("DELETE", format!("/{PLACE}/a?{query}")),
            Call::InsertMedia => (
                "POST",
                format!("/upload/{PLACE}?uploadType=media&name=a&{query}"),
            ),
            Call::InsertMultipart => (
                "POST",
                format!("/upload/{PLACE}?uploadType=multipart&name=a&{query}"),
            ),
            Call::InsertResumable => (
                "POST",
                format!("/upload/{PLACE}?uploadType=resumable&name=a&{query}"),
            ),
        };
        let (kind, body) = match self {
            Call::InsertMultipart => (
                "multipart/related; boundary=x",
                "--x\r\n\r\n{}\r\n--x\r\n\r\nnew\r\n--x--",
            ),
            _ => ("application/json", "{}"),
        };
        let kind = [("content-type", kind)];
        let answer = bucket.send(method, &target, &kind, body).await;
        if self == Call::InsertResumable && answer.status == 200 {
            let session = answer.header("location").to_owned();
            return bucket.send("PUT", &session, &[], "new").await;
        }
        answer
    }
}

/// A fresh object with metageneration 2, and its generation.
async fn fresh(bucket: &TestBucket) -> u64 {
    let resource = bucket.put("a", "old", "").await.expect(200).json();
    bucket
        .send("PATCH", &format!("/{PLACE}/a"), &[], "{}")
        .await
        .expect(200);
    resource["generation"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn each_precondition_decides_each_call() {
    let bucket = TestBucket::start().await;
    for (name, says) in [
        ("ifGenerationMatch", Says::Right),
        ("ifGenerationMatch", Says::Wrong),
        ("ifGenerationNotMatch", Says::Right),
        ("ifGenerationNotMatch", Says::Wrong),
        ("ifMetagenerationMatch", Says::Right),
        ("ifMetagenerationMatch", Says::Wrong),
        ("ifMetagenerationNotMatch", Says::Right),
        ("ifMetagenerationNotMatch", Says::Wrong),
    ] {
        for call in CALLS {
            let generation = fresh(&bucket).await;
            let is = if name.contains("Meta") { 2 } else { generation };
            let negative = name.ends_with("NotMatch");
            let value = if negative == (says == Says::Right) {
                is + 1
            } else {
                is
            };
            let expected = match (says, call) {
                (Says::Right, Call::Delete) => 204,
                (Says::Right, _) => 200,
                (Says::Wrong, call) if negative && call.is_read() => 304,
                (Says::Wrong, _) => 412,
            };
            let answer = call.make(&bucket, &format!("{name}={value}")).await;
            assert_eq!(answer.status, expected, "{call:?} {name} {says:?}");
            if says == Says::Wrong {
                let resource = bucket.get(&format!("/{PLACE}/a")).await.expect(200);
                assert_eq!(resource.json()["generation"], generation.to_string());
                assert_eq!(resource.json()["metageneration"], "2");
            }
            for bad in ["", "-1", "x", "18446744073709551616"] {
                let answer = call.make(&bucket, &format!("{name}={bad}")).await;
                assert_eq!(answer.status, 400, "{call:?} {name}={bad}");
            }
        }
    }
}

#[tokio::test]
async fn generation_zero_is_an_object_that_is_not_there() {
    let bucket = TestBucket::start().await;
    for call in CALLS {
        let insert = matches!(
            call,
            Call::InsertMedia | Call::InsertMultipart | Call::InsertResumable
        );
        for (query, absent, present) in [
            ("ifGenerationMatch=0", 200, 412),
            ("ifGenerationNotMatch=0", 412, 200),
        ] {
            bucket.send("DELETE", &format!("/{PLACE}/a"), &[], "").await;
            let expected = if insert { absent } else { 404 };
            let answer = call.make(&bucket, query).await;
            assert_eq!(answer.status, expected, "{call:?} {query} absent");
            fresh(&bucket).await;
            let expected = match (call, present) {
                (Call::Delete, 200) => 204,
                (_, present) => present,
            };
            let answer = call.make(&bucket, query).await;
            assert_eq!(answer.status, expected, "{call:?} {query} present");
        }
    }
}

#[tokio::test]
async fn a_generation_names_one_version_of_the_object() {
    let bucket = TestBucket::start().await;
    for call in [
        Call::Resource,
        Call::Media,
        Call::Download,
        Call::Patch,
        Call::Delete,
    ] {
        let generation = fresh(&bucket).await;
        for other in [generation - 1, generation + 1, 0] {
            let answer = call.make(&bucket, &format!("generation={other}")).await;
            assert_eq!(answer.status, 404, "{call:?}");
        }
        let answer = call
            .make(&bucket, &format!("generation={generation}"))
            .await;
        assert!(answer.status.is_success(), "{call:?}");
    }
}

#[tokio::test]
async fn a_resumable_upload_is_held_to_its_preconditions_until_its_end() {
    let bucket = TestBucket::start().await;
    for name in ["ifGenerationMatch", "ifMetagenerationMatch"] {
        let generation = fresh(&bucket).await;
        let value = if name.contains("Meta") { 2 } else { generation };
        let session = bucket.begin("a", &format!("{name}={value}"), &[]).await;
        let faster = bucket.put("a", "faster", "").await.expect(200).json();
        bucket.send("PUT", &session, &[], "late").await.expect(412);
        bucket.send("PUT", &session, &[], "late").await.expect(404);
        let resource = bucket.get(&format!("/{PLACE}/a")).await.expect(200).json();
        assert_eq!(resource["generation"], faster["generation"]);
    }
}
