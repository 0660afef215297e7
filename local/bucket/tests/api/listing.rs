//! Listings and buckets.

use serde_json::{Value, json};

use crate::support::TestBucket;

fn names(listing: &Value) -> Vec<&str> {
    let items = listing["items"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    items
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect()
}

async fn filled() -> TestBucket {
    let bucket = TestBucket::start().await;
    for name in ["b%2F2", "a", "b%2F1", "c", "b%2Fc%2F3", "%C3%BC"] {
        bucket.put(name, "x", "").await.expect(200);
    }
    bucket
}

#[tokio::test]
async fn objects_are_listed_in_order_with_prefix_and_delimiter() {
    let bucket = filled().await;
    let list = async |query: &str| {
        bucket
            .get(&format!("/storage/v1/b/films/o?{query}"))
            .await
            .expect(200)
            .json()
    };
    let all = list("").await;
    assert_eq!(all["kind"], "storage#objects");
    assert_eq!(names(&all), ["a", "b/1", "b/2", "b/c/3", "c", "ü"]);
    assert_eq!(
        all["items"][0],
        bucket.get("/storage/v1/b/films/o/a").await.json()
    );
    assert!(all.get("nextPageToken").is_none());
    let folders = list("delimiter=%2F").await;
    assert_eq!(names(&folders), ["a", "c", "ü"]);
    assert_eq!(folders["prefixes"], json!(["b/"]));
    let inside = list("prefix=b%2F&delimiter=/").await;
    assert_eq!(
        (names(&inside), &inside["prefixes"]),
        (vec!["b/1", "b/2"], &json!(["b/c/"]))
    );
    assert_eq!(
        names(&list("startOffset=b/2&endOffset=c").await),
        ["b/2", "b/c/3"]
    );
    assert_eq!(list("prefix=zzz").await, json!({"kind": "storage#objects"}));
}

#[tokio::test]
async fn pages_give_every_entry_once_even_while_objects_come_and_go() {
    let bucket = filled().await;
    for limit in 1..4 {
        let mut seen = Vec::new();
        let mut token = String::new();
        loop {
            let target = format!("/storage/v1/b/films/o?maxResults={limit}&pageToken={token}");
            let page = bucket.get(&target).await.expect(200).json();
            assert!(names(&page).len() <= limit);
            seen.extend(names(&page).into_iter().map(str::to_owned));
            match page["nextPageToken"].as_str() {
                Some(next) => token = next.to_owned(),
                None => break,
            }
            bucket.put("0-before", "x", "").await.expect(200);
        }
        assert_eq!(seen, ["a", "b/1", "b/2", "b/c/3", "c", "ü"]);
        bucket
            .send("DELETE", "/storage/v1/b/films/o/0-before", &[], "")
            .await
            .expect(204);
    }
    for bad in ["maxResults=0", "maxResults=x", "pageToken=!"] {
        bucket
            .get(&format!("/storage/v1/b/films/o?{bad}"))
            .await
            .expect(400);
    }
}

#[tokio::test]
async fn buckets_are_made_shown_and_listed() {
    let bucket = TestBucket::start().await;
    let create = async |name: &str| {
        let body = json!({"name": name, "location": "EU"}).to_string();
        bucket
            .send("POST", "/storage/v1/b?project=p", &[], body)
            .await
    };
    let resource = create("trailers").await.expect(200).json();
    assert_eq!(
        (&resource["kind"], &resource["name"]),
        (&json!("storage#bucket"), &json!("trailers"))
    );
    create("trailers").await.expect(409);
    create("No Bucket").await.expect(400);
    create("../up").await.expect(400);
    bucket
        .send("POST", "/storage/v1/b?project=p", &[], "{}")
        .await
        .expect(400);
    bucket
        .send("POST", "/storage/v1/b?project=p", &[], "x".repeat(100_000))
        .await
        .expect(413);
    assert_eq!(
        bucket
            .get("/storage/v1/b/trailers")
            .await
            .expect(200)
            .json(),
        resource
    );
    bucket.get("/storage/v1/b/unknown").await.expect(404);

    let bucket = bucket.restart().await;
    let page = bucket
        .get("/storage/v1/b?project=p&maxResults=1")
        .await
        .expect(200)
        .json();
    assert_eq!(names(&page), ["films"]);
    let token = page["nextPageToken"].as_str().unwrap();
    let page = bucket
        .get(&format!("/storage/v1/b?pageToken={token}"))
        .await
        .expect(200)
        .json();
    assert_eq!(names(&page), ["trailers"]);
    assert_eq!(
        page["items"][0],
        bucket.get("/storage/v1/b/trailers").await.json()
    );
}
