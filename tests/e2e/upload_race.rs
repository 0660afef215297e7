//! `POST /upload`: several uploads of one name.

use futures::future::join_all;
use http::StatusCode;
use spinreel_tests::App;

const EXISTS: (u16, &str) = (
    409,
    r#"{"error":"File with the same name already exists."}"#,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_file_of_a_name_is_refused_and_the_first_stays() {
    let app = App::start().await;
    let user = app.with_user().await;
    user.upload("clip.mp4", b"first")
        .await
        .expect(StatusCode::OK);
    assert_eq!(user.upload("clip.mp4", b"the second").await.seen(), EXISTS);
    let video = user.video_of("clip.mp4").await;
    assert_eq!(user.get(&video.links.content).await.seen(), (200, "first"));
    assert_eq!(user.status().await.used_storage, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_uploads_of_one_name_at_once_one_wins() {
    let app = App::start().await;
    let user = app.with_user().await;
    for round in 0..5 {
        let name = format!("clip-{round}.mp4");
        let contents: Vec<Vec<u8>> = (1..=4).map(|number| vec![number; 1_000]).collect();
        let uploads = contents.iter().map(|content| user.upload(&name, content));
        let replies = join_all(uploads).await;
        let winners: Vec<usize> = (0..replies.len())
            .filter(|index| replies[*index].status == 200)
            .collect();
        assert_eq!(winners.len(), 1, "round {round}");
        for reply in replies.iter().filter(|reply| reply.status != 200) {
            assert_eq!(reply.seen(), EXISTS);
        }
        let video = user.video_of(&name).await;
        let content = user.get(&video.links.content).await.expect(StatusCode::OK);
        assert!(
            content.body == contents[winners[0]],
            "the bytes are not the winner's"
        );
    }
    let status = user.status().await;
    assert_eq!((status.used_storage, status.files.len()), (5_000, 5));
    assert_eq!(user.videos().await.len(), 5);
    assert_eq!(app.objects().await.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_free_again_after_its_file_is_deleted() {
    let app = App::start().await;
    let user = app.with_user().await;
    for content in ["first", "second", "third"] {
        user.upload("clip.mp4", content.as_bytes())
            .await
            .expect(StatusCode::OK);
        let video = user.video_of("clip.mp4").await;
        assert_eq!(user.get(&video.links.content).await.seen(), (200, content));
        user.delete_file("clip.mp4").await.expect(StatusCode::OK);
    }
}
