use std::cell::Cell;
use std::rc::Rc;

use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::de::DeserializeOwned;
use spin_sdk::http::IncomingRequest;
use spinreel_http::query::Query;
use spinreel_http::{FieldError, Problem};
use spinreel_platform::{TransportError, collect};

use crate::pace::Pace;
use crate::request_body::RequestBody;
use crate::settings::Settings;
use crate::wait::now_ns;

/// The largest JSON body that a route takes unless it says otherwise, in bytes.
pub const JSON_LIMIT: usize = 64 * 1024;

/// A request, its body still arriving.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path, not decoded.
    pub path: String,
    /// The query, decoded.
    pub query: Query,
    /// The bytes of path and query.
    pub(crate) target_length: usize,
    /// The headers as the client (and, after it, the host) sent them.
    pub headers: HeaderMap,
    body: Option<RequestBody>,
    /// The body, where it was read before the handler was called.
    whole: Option<Vec<u8>>,
    body_limit: usize,
    read: Rc<Cell<u64>>,
}

impl Request {
    /// A second handle on the body, to see how reading it went and to read what is left of it.
    pub(crate) fn rest_of_body(&self) -> Option<RequestBody> {
        self.body
            .as_ref()
            .filter(|body| body.arrives())
            .map(RequestBody::share)
    }

    /// Counts the bytes of the body that were read, now and later.
    pub(crate) fn count_read(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.read)
    }

    pub(crate) fn from_wasi(request: IncomingRequest) -> Self {
        let method =
            Method::from_bytes(request.method().to_string().as_bytes()).unwrap_or_default();
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut headers = HeaderMap::new();
        for (name, value) in request.headers().entries() {
            if let (Ok(name), Ok(value)) = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_bytes(&value),
            ) {
                headers.append(name, value);
            }
        }
        let read = Rc::new(Cell::new(0));
        let body = match method {
            // Content there has no meaning (RFC 9110, section 9.3.1), and most requests are these.
            Method::GET | Method::HEAD => Some(RequestBody::empty()),
            _ => RequestBody::of(request, Rc::clone(&read)),
        };
        Self {
            method,
            path: path.to_owned(),
            query: Query::parse(query),
            target_length: target.len(),
            headers,
            body,
            whole: None,
            body_limit: JSON_LIMIT,
            read,
        }
    }

    /// Refuses a body that is announced to be larger than its route takes; others are refused when they are read. From
    /// here on the client is held to a pace: all of a body with a limit in ten seconds, a streamed one at the least rate
    /// of the settings.
    pub(crate) fn limit_body(
        &mut self,
        limit: Option<usize>,
        settings: &Settings,
    ) -> Result<(), Problem> {
        self.body_limit = limit.unwrap_or(usize::MAX);
        if let Some(body) = &self.body {
            body.hold_to(match limit {
                Some(_) => Pace::whole(now_ns()),
                None => Pace::streamed(settings),
            });
        }
        match self.content_length() {
            Some(length) if length > self.body_limit as u64 => {
                Err(Problem::body_too_large(self.body_limit))
            }
            _ => Ok(()),
        }
    }

    /// Takes a body of at most [`JSON_LIMIT`] bytes in ten seconds, of a route that takes others of any size.
    pub fn expect_json(&mut self, settings: &Settings) -> Result<(), Problem> {
        self.limit_body(Some(JSON_LIMIT), settings)
    }

    /// Refuses a body that is coded, as by gzip: nothing here decodes any (RFC 9110, section 15.5.16).
    pub(crate) fn refuse_codings(&self) -> Result<(), Problem> {
        match is_coded(&self.headers) && !matches!(self.method, Method::GET | Method::HEAD) {
            true => Err(Problem::unsupported_content_coding()),
            false => Ok(()),
        }
    }

    /// Reads the whole body now, for [`bytes`](Self::bytes) to give later.
    pub(crate) async fn read_whole(&mut self) -> Result<(), Problem> {
        self.whole = Some(self.collect().await?);
        Ok(())
    }

    /// A header's value, where it is text.
    pub fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `Content-Length`, where the client sent one.
    pub fn content_length(&self) -> Option<u64> {
        self.header(http::header::CONTENT_LENGTH)?.parse().ok()
    }

    /// The body, for reading piece by piece; once.
    pub fn take_body(&mut self) -> Result<RequestBody, Problem> {
        self.body
            .take()
            .ok_or_else(|| Problem::internal("the request's body was taken twice"))
    }

    /// The whole body as bytes, at most as many as the route takes.
    pub async fn bytes(&mut self) -> Result<Vec<u8>, Problem> {
        match self.whole.take() {
            Some(bytes) => Ok(bytes),
            None => self.collect().await,
        }
    }

    async fn collect(&mut self) -> Result<Vec<u8>, Problem> {
        let limit = self.body_limit;
        match collect(&mut self.take_body()?, limit).await {
            Ok(bytes) => Ok(bytes),
            Err(TransportError::TooLong { limit }) => Err(Problem::body_too_large(limit)),
            Err(TransportError::Timeout) => Err(Problem::request_timeout()),
            Err(error) => Err(Problem::malformed("The body ended early.").because(error)),
        }
    }

    /// The body as JSON, at most as many bytes as the route takes.
    ///
    /// Text that is no JSON is 400; JSON of another shape is 422 and names the member.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        let bytes = self.bytes().await?;
        parse_json(&bytes)
    }

    /// As [`json`](Self::json), for bodies that may be left out.
    pub async fn json_or_default<T: DeserializeOwned + Default>(&mut self) -> Result<T, Problem> {
        let bytes = self.bytes().await?;
        if bytes.is_empty() {
            return Ok(T::default());
        }
        parse_json(&bytes)
    }
}

/// Whether the content has a coding besides `identity` (RFC 9110, section 8.4).
fn is_coded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|codings| {
        codings
            .as_bytes()
            .split(|byte| *byte == b',')
            .any(|coding| {
                let coding = coding.trim_ascii();
                !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")
            })
    })
}

/// Reads JSON as [`Request::json`] does.
pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let value = spinreel_http::json::read(bytes)?;
    if value.is_array() {
        // Else its items would be taken for the members, in their order.
        let fault = FieldError::new("", "must be an object");
        return Err(Problem::invalid(vec![fault]));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        // A missing member's name is in the message only.
        let field = match message.strip_prefix("missing field `") {
            Some(rest) => rest.split('`').next().unwrap_or_default().to_owned(),
            None => path,
        };
        Problem::invalid(vec![FieldError::new(field, message)])
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::{Value, json};
    use spinreel_api::accounts::{ChangePassword, ChangeUser, Credentials, NewUser};
    use spinreel_api::internal::{Reserve, StoredVideo};

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Shape {
        #[expect(dead_code, reason = "only its type matters")]
        name: String,
    }

    #[test]
    fn a_body_is_coded_where_any_coding_is_not_identity() {
        let coded = |values: &[&'static str]| {
            let values = values.iter().map(|value| HeaderValue::from_static(value));
            is_coded(&values.map(|value| (CONTENT_ENCODING, value)).collect())
        };
        for values in [
            &["gzip"][..],
            &["identity, br"],
            &["", "x"],
            &["identity", "GZIP"],
        ] {
            assert!(coded(values), "{values:?}");
        }
        for values in [&[][..], &["identity"], &[" Identity ,, "], &[""]] {
            assert!(!coded(values), "{values:?}");
        }
    }

    #[test]
    fn text_that_is_no_json_is_400() {
        let problem = parse_json::<Shape>(b"{\"name\"").unwrap_err();
        assert_eq!(
            (problem.status.as_u16(), problem.code),
            (400, "malformed_json")
        );
    }

    #[test]
    fn json_of_another_shape_is_422_and_names_the_member() {
        for body in ["{\"name\": 5}", "{}", "{\"name\": null}"] {
            let problem = parse_json::<Shape>(body.as_bytes()).unwrap_err();
            assert_eq!(problem.status.as_u16(), 422, "{body}");
            assert_eq!(problem.errors[0].field, "name", "{body}");
        }
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let body = "[".repeat(100_000);
        assert_eq!(
            parse_json::<Shape>(body.as_bytes()).unwrap_err().code,
            "malformed_json"
        );
    }

    #[test]
    fn a_member_that_comes_twice_is_400_and_said_so() {
        let body = b"{\"name\": \"a\", \"more\": [{\"x\": 1, \"x\": 2}]}";
        let problem = parse_json::<Shape>(body).unwrap_err();
        assert_eq!(
            (problem.status.as_u16(), problem.code),
            (400, "malformed_json")
        );
        assert!(problem.detail.contains("same name"), "{}", problem.detail);
    }

    /// What [`parse_json`] says of a body: nothing, 400 `malformed_json`, or 422 that names one member.
    fn refuses<T: DeserializeOwned>(body: &[u8]) -> Result<(), TestCaseError> {
        let Err(problem) = parse_json::<T>(body) else {
            return Ok(());
        };
        match problem.status.as_u16() {
            400 => prop_assert_eq!(problem.code, "malformed_json"),
            status => {
                prop_assert_eq!((status, problem.errors.len()), (422, 1));
                prop_assert!(!problem.errors[0].field.is_empty());
            }
        }
        Ok(())
    }

    fn every_body_refuses(body: &[u8]) -> Result<(), TestCaseError> {
        refuses::<NewUser>(body)?;
        refuses::<Credentials>(body)?;
        refuses::<ChangePassword>(body)?;
        refuses::<ChangeUser>(body)?;
        refuses::<Reserve>(body)?;
        refuses::<StoredVideo>(body)
    }

    fn scalar() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,20}".prop_map(Value::from),
            Just(json!([])),
            Just(json!({})),
        ]
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_body_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            every_body_refuses(&body)?;
        }

        #[test]
        fn any_members_are_a_body_or_refused(
            members in proptest::collection::btree_map(
                "email|password|current_password|username|role|disabled|storage_limit|bandwidth_limit|user_id|bytes|.{0,8}",
                scalar(),
                0..6,
            ),
        ) {
            let body = Value::from(members.into_iter().collect::<serde_json::Map<_, _>>());
            every_body_refuses(body.to_string().as_bytes())?;
        }

        #[test]
        fn a_new_user_is_read_as_it_was_written(email in ".*", password in ".*", username in ".*", more in scalar()) {
            let body = json!({ "email": email, "password": password, "username": username, "more": more });
            let new: NewUser = parse_json(body.to_string().as_bytes()).unwrap();
            prop_assert_eq!((new.email, new.password, new.username), (email, password, username));
        }
    }
}
