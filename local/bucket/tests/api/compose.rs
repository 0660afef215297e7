//! Objects that are made of others.

use serde_json::{Value, json};

use crate::support::{Answer, TestBucket};

async fn compose(bucket: &TestBucket, query: &str, body: Value) -> Answer {
    let target = format!("/storage/v1/b/films/o/whole/compose{query}");
    let kind = [("content-type", "application/json")];
    bucket.send("POST", &target, &kind, body.to_string()).await
}

fn of(names: &[&str]) -> Value {
    let sources: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
    json!({"sourceObjects": sources, "destination": {"contentType": "video/mp4", "metadata": {"k": "v"}}})
}

#[tokio::test]
async fn the_bytes_of_others_are_joined_in_their_order() {
    let bucket = TestBucket::start().await;
    for (name, bytes) in [("a", "1234"), ("b", "56789"), ("empty", "")] {
        bucket.put(name, bytes, "").await.expect(200);
    }
    let resource = compose(&bucket, "?ifGenerationMatch=0", of(&["a", "empty", "b"]))
        .await
        .expect(200)
        .json();
    assert_eq!(resource["name"], "whole");
    assert_eq!(resource["size"], "9");
    assert_eq!(resource["crc32c"], "4waSgw==");
    assert_eq!(resource["componentCount"], 3);
    assert_eq!(resource["contentType"], "video/mp4");
    assert_eq!(resource["metadata"], json!({"k": "v"}));
    assert!(resource.get("md5Hash").is_none());
    assert_eq!(bucket.media("whole").await.expect(200).body, "123456789");
    // The sources stay, one may be there twice, and an object replaces itself.
    let again = compose(&bucket, "", of(&["whole", "a", "a"]))
        .await
        .expect(200)
        .json();
    assert_eq!(again["componentCount"], 5);
    assert_eq!(
        bucket.media("whole").await.expect(200).body,
        "12345678912341234"
    );
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_changes_nothing() {
    let bucket = TestBucket::start().await;
    let resource = bucket.put("a", "1234", "").await.expect(200).json();
    let generation = resource["generation"].as_str().unwrap();
    let many = vec!["a"; 33];
    compose(&bucket, "", of(&[])).await.expect(400);
    compose(&bucket, "", of(&many)).await.expect(400);
    compose(&bucket, "", of(&["a", "missing"]))
        .await
        .expect(404);
    let source = |generation: Value, wanted: Value| {
        json!({"sourceObjects": [{"name": "a", "generation": generation,
            "objectPreconditions": {"ifGenerationMatch": wanted}}]})
    };
    compose(&bucket, "", source(json!("1"), Value::Null))
        .await
        .expect(404);
    compose(&bucket, "", source(json!(generation), json!("1")))
        .await
        .expect(412);
    compose(&bucket, "", source(json!("x"), Value::Null))
        .await
        .expect(400);
    bucket.media("whole").await.expect(404);
    let good = source(json!(generation), json!(generation));
    compose(&bucket, "?ifGenerationMatch=0", good.clone())
        .await
        .expect(200);
    compose(&bucket, "?ifGenerationMatch=0", good)
        .await
        .expect(412);
}
