use http::{Method, StatusCode};
use serde_json::Value;
use spinreel_api::Page;
use spinreel_api::videos::Video;
use spinreel_http::Problem;
use spinreel_service::{Call, Outcome, PeerError, json};

use super::unavailable;
use crate::domain::accounts;

/// `GET /v1/users/{id}/videos`: the videos of a user that everybody may see, newest first. video-service has them.
pub(crate) async fn videos(call: Call) -> Outcome {
    let context = &call.context;
    let account = accounts::find(&context.store, call.parameters.get("id"))
        .await
        .map_err(unavailable)?
        .filter(|account| account.leaving_since.is_none())
        .ok_or_else(Problem::not_found)?;
    let query = &call.request.query;
    let mut path = format!(
        "/internal/videos/users/{}/public?limit={}",
        account.id,
        query.limit()?
    );
    if let Some(cursor) = query.get("cursor") {
        let is_cursor = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !cursor.bytes().all(is_cursor) {
            return Err(Problem::invalid_cursor());
        }
        path.push_str("&cursor=");
        path.push_str(cursor);
    }
    let videos = context.videos().about(&account.id);
    let answer = videos.call(Method::GET, &path, &Value::Null).await;
    match answer {
        Err(PeerError::Refused { code, .. }) if code == "invalid_cursor" => {
            Err(Problem::invalid_cursor())
        }
        answer => {
            let page: Page<Video> = answer?;
            json(StatusCode::OK, &page)
        }
    }
}
