use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use http::{HeaderValue, StatusCode};
use sha2::{Digest, Sha256};
use spinreel_http::Problem;
use spinreel_service::{Body, Call, Outcome, empty, json};

use crate::routes::visible_video;

/// `GET /v1/videos/{id}`: a video that the caller may see, with the entity tag of this representation.
pub(crate) async fn get(call: Call) -> Outcome {
    let record = visible_video(&call).await?;
    let mut response = json(StatusCode::OK, &record.to_video())?;
    let tag = match response.body() {
        Body::Bytes(bytes) => entity_tag(bytes)?,
        Body::Empty | Body::Relay(_) | Body::Spliced(_) | Body::Pieces(_) => return Ok(response),
    };
    if call
        .request
        .headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .any(|known| known == tag)
    {
        response = empty(StatusCode::NOT_MODIFIED);
    }
    let headers = response.headers_mut();
    headers.insert(ETAG, tag);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// A strong tag: the same for the same bytes only.
fn entity_tag(bytes: &[u8]) -> Result<HeaderValue, Problem> {
    let digest = URL_SAFE_NO_PAD.encode(&Sha256::digest(bytes)[..16]);
    HeaderValue::from_str(&format!("\"{digest}\"")).map_err(Problem::internal)
}
