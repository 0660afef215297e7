//! The metadata server of Google's machines, as far as it gives out tokens
//! (<https://cloud.google.com/compute/docs/metadata/querying-metadata>).

use http::HeaderValue;

use super::{Account, Scope};
use crate::context::Context;
use crate::error::ApiError;
use crate::reply::Response;

/// Where a machine's token is.
pub(crate) const PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";

/// What requests and answers carry, so that neither comes about by accident.
const FLAVOR: &str = "metadata-flavor";

impl Account {
    /// Answers the token request of a machine.
    ///
    /// # Errors
    /// 403 without `Metadata-Flavor: Google`, or through a proxy.
    pub(crate) fn machine_token(&self, context: &Context) -> Result<Response, ApiError> {
        let flavor = context.headers.get(FLAVOR);
        if flavor.is_none_or(|flavor| flavor != "Google") {
            return Err(ApiError::forbidden(
                "The metadata server wants the header Metadata-Flavor: Google.",
            ));
        }
        if context.headers.contains_key("x-forwarded-for") {
            return Err(ApiError::forbidden(
                "The metadata server does not answer through proxies.",
            ));
        }
        let mut response = self.hand_out(Scope::ReadWrite)?;
        response
            .headers_mut()
            .insert(FLAVOR, HeaderValue::from_static("Google"));
        Ok(response)
    }
}
