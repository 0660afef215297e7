//! `/_spinreel/faults`: adds, lists and clears the rules.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::rule::Rule;
use super::{Faults, Random};
use crate::body::RequestBody;
use crate::error::ApiError;
use crate::manage::{MAX_JSON, parse};
use crate::reply::{self, Response};

/// Its path.
pub(crate) const PATH: &str = "/_spinreel/faults";

/// What the paths begin with that no fault strikes.
pub(super) const FOLDER: &str = "/_spinreel/";

/// The most rules at a time.
const MOST: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Addition {
    faults: Vec<Rule>,
    /// What the random numbers start from.
    seed: Option<u64>,
}

impl Faults {
    /// Answers a request for the rules.
    ///
    /// # Errors
    /// 400 for rules that cannot be, of which none is added; 405 for other methods.
    pub(crate) async fn administer(
        &self,
        method: &Method,
        body: &mut RequestBody,
    ) -> Result<Response, ApiError> {
        match *method {
            Method::GET | Method::HEAD => {
                let state = self.lock();
                reply::json(StatusCode::OK, &json!({"faults": state.rules}))
            }
            Method::POST => {
                self.add(&body.whole(MAX_JSON).await?)?;
                Ok(reply::empty(StatusCode::NO_CONTENT))
            }
            Method::DELETE => {
                self.lock().rules.clear();
                Ok(reply::empty(StatusCode::NO_CONTENT))
            }
            _ => Err(ApiError::method_not_allowed("GET, HEAD, POST, DELETE")),
        }
    }

    /// Adds the rules in a JSON text.
    pub(super) fn add(&self, json: &[u8]) -> Result<(), ApiError> {
        let addition: Addition = parse(json)?;
        for rule in &addition.faults {
            rule.check().map_err(ApiError::invalid)?;
        }
        let mut state = self.lock();
        if state.rules.len() + addition.faults.len() > MOST {
            return Err(ApiError::invalid(format!(
                "There are {MOST} rules at most."
            )));
        }
        if let Some(seed) = addition.seed {
            state.random = Random(seed);
        }
        state.rules.extend(addition.faults);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn rules_that_cannot_be_are_refused_and_none_is_added() {
        let faults = Faults::new();
        let good = r#"{"do": {"reset": true}}"#;
        for bad in [
            r#"{}"#,
            r#"{"do": {}}"#,
            r#"{"do": {"reset": false}}"#,
            r#"{"do": {"reset": true, "stall_ms": 1}}"#,
            r#"{"do": {"retry_after": 1}}"#,
            r#"{"do": {"reset": true, "retry_after": 1}}"#,
            r#"{"do": {"status": 200}}"#,
            r#"{"do": {"status": 600}}"#,
            r#"{"do": {"status": "503"}}"#,
            r#"{"do": {"stall_ms": 600001}}"#,
            r#"{"do": {"cut_body": -1}}"#,
            r#"{"do": {"explode": true}}"#,
            r#"{"do": {"reset": true}, "times": 0}"#,
            r#"{"do": {"reset": true}, "times": -1}"#,
            r#"{"do": {"reset": true}, "probability": 1.1}"#,
            r#"{"do": {"reset": true}, "probability": -0.1}"#,
            r#"{"do": {"reset": true}, "method": "put"}"#,
            r#"{"do": {"reset": true}, "method": "P T"}"#,
            r#"{"do": {"reset": true}, "path": "/"}"#,
        ] {
            let both = format!(r#"{{"faults": [{good}, {bad}]}}"#);
            assert!(faults.add(both.as_bytes()).is_err(), "{bad}");
        }
        let many = vec![good; MOST + 1].join(",");
        let many = format!(r#"{{"faults": [{many}]}}"#);
        assert!(faults.add(many.as_bytes()).is_err());
        for bad in ["", "[]", "{", r#"{"faults": [], "seeds": 1}"#] {
            assert!(faults.add(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(faults.lock().rules.is_empty());
    }
}
