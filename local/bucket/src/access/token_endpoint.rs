//! `POST /token`: a service account's assertion against an access token (RFC 7523, section 2.1).

use http::StatusCode;
use serde_json::json;

use super::assertion::{self, Refusal};
use super::{Account, token};
use crate::body::RequestBody;
use crate::clock;
use crate::context::Context;
use crate::error::ApiError;
use crate::manage::MAX_JSON;
use crate::query::Query;
use crate::reply::{self, Response};

/// Its path.
pub(crate) const PATH: &str = "/token";

/// What Google's clients name as the audience whatever token URI is in the key; Google's endpoints take it
/// from each other, too. That the assertion is by this account's key is checked all the same.
const GOOGLE: [&str; 2] = [
    "https://oauth2.googleapis.com/token",
    "https://www.googleapis.com/oauth2/v4/token",
];

/// The only grant type there is.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

impl Account {
    /// Answers the token request of a service account.
    ///
    /// # Errors
    /// Those of reading the body. A refused assertion is an answer.
    pub(crate) async fn exchange(
        &self,
        context: &Context,
        body: &mut RequestBody,
    ) -> Result<Response, ApiError> {
        let form = body.whole(MAX_JSON).await?;
        let form = String::from_utf8(form)
            .map_err(|_| ApiError::invalid("The form is not UTF-8."))
            .and_then(|form| Query::parse(&form))?;
        // However the client addressed this server: it may be behind another name or port.
        let own = format!("{}{PATH}", context.origin);
        let audiences = [self.token_uri.as_str(), own.as_str(), GOOGLE[0], GOOGLE[1]];
        let result = match (form.text("grant_type"), form.text("assertion")) {
            (Some(GRANT), Some(jwt)) => {
                assertion::check(&self.key, jwt, &audiences, clock::seconds())
            }
            (Some(GRANT), None) => Err(Refusal {
                error: "invalid_request",
                description: "There is no assertion.",
            }),
            (Some(_), _) => Err(Refusal {
                error: "unsupported_grant_type",
                description: "The grant type is not that of JWT bearers.",
            }),
            (None, _) => Err(Refusal {
                error: "invalid_request",
                description: "There is no grant_type.",
            }),
        };
        match result {
            Ok(scope) => self.hand_out(scope),
            Err(Refusal { error, description }) => {
                tracing::debug!(error, description, "no token");
                let answer = json!({"error": error, "error_description": description});
                reply::json(StatusCode::BAD_REQUEST, &answer)
            }
        }
    }

    /// The answer with a new token (RFC 6749, section 5.1).
    pub(super) fn hand_out(&self, scope: token::Scope) -> Result<Response, ApiError> {
        let answer = json!({
            "access_token": self.token(scope, clock::seconds()),
            "expires_in": token::LIFETIME,
            "token_type": "Bearer",
        });
        reply::json(StatusCode::OK, &answer)
    }
}
