use http::StatusCode;
use serde_json::json as fields;
use spinreel_api::actions::Action;
use spinreel_api::operations::{RotateKeys, RotatedKeys};
use spinreel_service::{Call, Outcome, json};

use super::{actor, keys, no_key};

/// `POST /internal/users/keys/rotate`: a new key for access tokens.
pub(crate) async fn rotate(mut call: Call) -> Outcome {
    let rotate: RotateKeys = call.request.json_or_default().await?;
    let context = &call.context;
    let rotated = keys(context)
        .rotate(rotate.emergency)
        .await
        .map_err(no_key)?;
    if rotated.is_new {
        let message = if rotate.emergency {
            "The signing keys were replaced: all access tokens are worth nothing"
        } else {
            "There is a new signing key"
        };
        let fields = fields!({
            "key.id": rotated.kid,
            "key.active_from": rotated.active_from,
            "key.emergency": rotate.emergency,
            "actor.id": actor(&call.caller),
        });
        context.audit(Action::KeysRotated, message, fields);
    }
    let answer = RotatedKeys {
        kid: rotated.kid,
        active_from: rotated.active_from,
    };
    json(StatusCode::OK, &answer)
}
