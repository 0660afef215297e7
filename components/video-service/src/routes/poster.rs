//! `/v1/videos/{id}/poster`: the picture that stands for a video.

use http::StatusCode;
use spinreel_http::{FieldError, Problem};
use spinreel_service::{Call, Outcome};

use crate::domain::beside::Which;
use crate::domain::picture::{PictureError, read};
use crate::routes::{beside, own_video, visible_video};

/// Stores a picture, told by its bytes.
pub(crate) async fn put(mut call: Call) -> Outcome {
    let bytes = call.request.bytes().await?;
    let record = own_video(&call).await?;
    let picture = read(&bytes).map_err(|error| match error {
        PictureError::Unknown => Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "A poster must be a JPEG, PNG or WebP picture.",
        ),
        error => Problem::invalid(vec![FieldError::new("body", error.to_string())]),
    })?;
    beside::store(
        &call.context,
        &record,
        Which::Poster,
        picture.content_type,
        bytes,
    )
    .await
}

/// The picture.
pub(crate) async fn get(call: Call) -> Outcome {
    let record = visible_video(&call).await?;
    let request = &call.request;
    beside::serve(
        &call.context,
        &record,
        Which::Poster,
        &request.method,
        &request.headers,
    )
    .await
}

/// Removes it.
pub(crate) async fn delete(call: Call) -> Outcome {
    let record = own_video(&call).await?;
    beside::remove(&call.context, &record, Which::Poster).await
}
