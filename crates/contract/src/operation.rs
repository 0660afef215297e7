//! One operation of the document: a method and a path, and what may come of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

/// The media type of errors (RFC 9457).
const PROBLEM: &str = "application/problem+json";
/// The media type of everything else that is not said to be another.
const JSON: &str = "application/json";

/// The schemas that operations refer to, by name.
pub(crate) type Schemas = BTreeMap<String, Value>;

/// Who may call an operation, in the words of the lists of routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Everybody; a token that is sent must be good.
    Optional,
    /// A signed-in user.
    User,
    /// An admin.
    Admin,
    /// Another service.
    Service,
    /// An admin, or who knows `metrics_token`.
    Scraper,
}

impl Access {
    /// Its name in `GET /internal/{service}/routes`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Optional => "optional",
            Self::User => "user",
            Self::Admin => "admin",
            Self::Service => "service",
            Self::Scraper => "scraper",
        }
    }

    /// The security requirements (OpenAPI 3.1.1, section 4.8.30).
    fn security(self) -> Value {
        match self {
            Self::Open => json!([]),
            Self::Optional => json!([{}, {"accessToken": []}]),
            Self::User | Self::Admin => json!([{"accessToken": []}]),
            Self::Service => json!([{"serviceToken": []}]),
            Self::Scraper => json!([{"accessToken": []}, {"metricsToken": []}]),
        }
    }
}

/// A method and a path, who may call it, what it takes and what it answers.
#[derive(Debug, Clone)]
pub struct Operation {
    /// In capitals.
    pub method: &'static str,
    /// As in the lists of routes: `:name` for a segment that may be anything.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    legacy: bool,
    only_head: bool,
    members: Map<String, Value>,
    parameters: Vec<Value>,
    responses: BTreeMap<u16, Value>,
    schemas: Schemas,
}

impl Operation {
    /// The operation `id` of a group of the document. Answers that every operation may give are in it already.
    pub(crate) fn new(
        method: &'static str,
        path: &'static str,
        access: Access,
        id: &str,
        summary: &str,
    ) -> Self {
        let mut operation = Self {
            method,
            path,
            access,
            legacy: false,
            only_head: false,
            members: Map::new(),
            parameters: Vec::new(),
            responses: BTreeMap::new(),
            schemas: Schemas::new(),
        };
        operation
            .members
            .insert("operationId".to_owned(), json!(id));
        operation
            .members
            .insert("summary".to_owned(), json!(summary));
        operation
            .members
            .insert("security".to_owned(), access.security());
        for segment in path.split('/') {
            if let Some(name) = segment.strip_prefix(':') {
                operation.parameters.push(json!({
                    "name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}
                }));
            }
        }
        if !matches!(access, Access::Open) {
            operation = operation.refuses(
                401,
                &[
                    "token_required",
                    "token_invalid",
                    "token_expired",
                    "token_revoked",
                ],
                "There is no token, or it is not good (RFC 6750).",
            );
        }
        if matches!(access, Access::Admin | Access::Service | Access::Scraper) {
            operation = operation.refuses(403, &["forbidden"], "The token is not one for this.");
        }
        operation.refuses(
            503,
            &["unavailable"],
            "Something that is needed does not answer. `Retry-After` says when to ask again.",
        )
    }

    /// Errors are the legacy contract's `{"error": "…"}`.
    pub(crate) fn legacy(mut self) -> Self {
        self.legacy = true;
        self.schema::<spinreel_api::storage::ErrorMessage>();
        for response in self.responses.values_mut() {
            response["content"] =
                json!({ JSON: {"schema": {"$ref": "#/components/schemas/ErrorMessage"}} });
        }
        self
    }

    /// Is answered to HEAD alone, by the route for GET.
    pub(crate) fn only_head(mut self) -> Self {
        self.only_head = true;
        self
    }

    /// The operation's key in its path's object.
    pub(crate) fn key(&self) -> String {
        match self.only_head {
            true => "head".to_owned(),
            false => self.method.to_ascii_lowercase(),
        }
    }

    /// More than the summary says.
    pub(crate) fn describes(mut self, text: &str) -> Self {
        self.members.insert("description".to_owned(), json!(text));
        self
    }

    /// A query parameter that may be left out. One with an empty value counts as left out.
    pub(crate) fn query(mut self, name: &str, schema: Value, description: &str) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "query", "schema": {"anyOf": [schema, {"const": ""}]}, "description": description
        }));
        self
    }

    /// A header of the request.
    pub(crate) fn header(mut self, name: &str, is_required: bool, description: &str) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "header", "required": is_required, "schema": {"type": "string"},
            "description": description
        }));
        self
    }

    /// The parameters of a list, and what a wrong one comes to.
    pub(crate) fn list(self) -> Self {
        self.query(
            "limit",
            json!({"type": "integer", "minimum": 1, "maximum": 200, "default": 50}),
            "The most entries of a page.",
        )
        .query(
            "cursor",
            json!({"type": "string"}),
            "The `next_cursor` of the page before.",
        )
        .refuses(
            400,
            &["invalid_cursor"],
            "The cursor is not one of this list.",
        )
        .refuses(
            422,
            &["invalid_request"],
            "A parameter is not what it must be.",
        )
    }

    /// Takes a JSON body.
    pub(crate) fn takes<T: ToSchema>(mut self) -> Self {
        let schema = self.schema::<T>();
        self.takes_json(schema)
    }

    /// Takes a JSON body of a shape that has no name.
    pub(crate) fn takes_json(self, schema: Value) -> Self {
        let content = json!({ JSON: {"schema": schema} });
        self.body(content)
            .refuses(400, &["malformed_json"], "The body is no JSON.")
            .refuses(408, &["request_timeout"], "The body did not come in time.")
            .refuses(413, &["body_too_large"], "The body is too large.")
            .refuses(
                415,
                &["unsupported_media_type", "unsupported_content_coding"],
                "The body is not sent as JSON, or has a content coding.",
            )
            .refuses(
                422,
                &["invalid_request"],
                "A member is not what it must be.",
            )
    }

    /// Takes a body of other media types.
    pub(crate) fn takes_bytes(self, media_types: &[&str], description: &str) -> Self {
        let schema = json!({"type": "string", "format": "binary", "description": description});
        let content: Map<String, Value> = media_types
            .iter()
            .map(|media_type| ((*media_type).to_owned(), json!({"schema": schema})))
            .collect();
        self.body(Value::Object(content)).refuses(
            408,
            &["request_timeout"],
            "The body did not come in time.",
        )
    }

    /// The body may be left out.
    pub(crate) fn may_be_empty(mut self) -> Self {
        if let Some(body) = self.members.get_mut("requestBody") {
            body["required"] = json!(false);
        }
        self
    }

    /// Takes a form with a file besides what it takes already.
    pub(crate) fn takes_form_too(mut self, schema: Value) -> Self {
        if let Some(body) = self.members.get_mut("requestBody") {
            body["content"]["multipart/form-data"] = json!({"schema": schema});
        }
        self
    }

    /// Takes a form with a file.
    pub(crate) fn takes_form(self, schema: Value) -> Self {
        self.body(json!({ "multipart/form-data": {"schema": schema} }))
            .refuses(408, &["request_timeout"], "The body did not come in time.")
    }

    fn body(mut self, content: Value) -> Self {
        let body = json!({"required": true, "content": content});
        self.members.insert("requestBody".to_owned(), body);
        self
    }

    /// Answers with JSON.
    pub(crate) fn answers<T: ToSchema>(mut self, status: u16, description: &str) -> Self {
        let schema = self.schema::<T>();
        self.answers_json(status, description, schema)
    }

    /// Answers with JSON of a shape that has no name.
    pub(crate) fn answers_json(self, status: u16, description: &str, schema: Value) -> Self {
        self.answers_as(status, description, &[JSON], schema)
    }

    /// Answers with a page of a list.
    pub(crate) fn answers_page<T: ToSchema>(mut self, description: &str) -> Self {
        let item = self.schema::<T>();
        let page = json!({
            "type": "object",
            "required": ["items", "next_cursor"],
            "properties": {
                "items": {"type": "array", "items": item},
                "next_cursor": {"type": ["string", "null"], "description": "For the next page; null at the end."}
            }
        });
        self.answers_json(200, description, page)
    }

    /// Answers with bytes of other media types.
    pub(crate) fn answers_bytes(
        self,
        status: u16,
        description: &str,
        media_types: &[&str],
    ) -> Self {
        let schema = json!({"type": "string", "format": "binary"});
        self.answers_as(status, description, media_types, schema)
    }

    fn answers_as(
        mut self,
        status: u16,
        description: &str,
        media_types: &[&str],
        schema: Value,
    ) -> Self {
        let content: Map<String, Value> = media_types
            .iter()
            .map(|media_type| ((*media_type).to_owned(), json!({"schema": schema})))
            .collect();
        self.responses.insert(
            status,
            json!({"description": description, "content": content}),
        );
        self
    }

    /// Answers without a body.
    pub(crate) fn answers_nothing(mut self, status: u16, description: &str) -> Self {
        self.responses
            .insert(status, json!({"description": description}));
        self
    }

    /// Adds a header to an answer that was described before.
    pub(crate) fn with_header(mut self, status: u16, name: &str, description: &str) -> Self {
        if let Some(response) = self.responses.get_mut(&status) {
            response["headers"][name] =
                json!({"schema": {"type": "string"}, "description": description});
        }
        self
    }

    /// Refuses with one of these codes. A status that was described before gets the codes besides.
    pub(crate) fn refuses(mut self, status: u16, codes: &[&str], description: &str) -> Self {
        let response = self
            .responses
            .entry(status)
            .or_insert_with(|| refusal(self.legacy));
        let known = response["description"].as_str().unwrap_or_default();
        let codes: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
        let text = match self.legacy {
            true => description.to_owned(),
            false => format!("{}: {description}", codes.join(", ")),
        };
        let text = match known {
            "" => text,
            known => format!("{known} {text}"),
        };
        response["description"] = json!(text);
        self
    }

    /// The reference to a type's schema, which the document gets with all that it refers to.
    fn schema<T: ToSchema>(&mut self) -> Value {
        let mut found: Vec<(String, RefOr<Schema>)> = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        for (name, schema) in found {
            self.schemas.insert(name, json!(schema));
        }
        json!({"$ref": format!("#/components/schemas/{}", T::name())})
    }

    /// The path as OpenAPI writes it, and the operation's object.
    pub(crate) fn into_document(mut self, tag: &str, schemas: &mut Schemas) -> (String, Value) {
        schemas.append(&mut self.schemas);
        self.members.insert("tags".to_owned(), json!([tag]));
        if !self.parameters.is_empty() {
            self.members
                .insert("parameters".to_owned(), json!(self.parameters));
        }
        let responses: Map<String, Value> = self
            .responses
            .into_iter()
            .map(|(status, response)| (status.to_string(), response))
            .collect();
        self.members
            .insert("responses".to_owned(), Value::Object(responses));
        (template(self.path), Value::Object(self.members))
    }
}

/// An answer that refuses, without a word yet.
fn refusal(legacy: bool) -> Value {
    let (media_type, schema) = match legacy {
        true => (JSON, "ErrorMessage"),
        false => (PROBLEM, "Problem"),
    };
    let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
    json!({"description": "", "content": {media_type: {"schema": schema}}})
}

/// `/v1/users/:id` as `/v1/users/{id}`.
fn template(path: &str) -> String {
    let segments: Vec<String> = path
        .split('/')
        .map(|segment| match segment.strip_prefix(':') {
            Some(name) => format!("{{{name}}}"),
            None => segment.to_owned(),
        })
        .collect();
    segments.join("/")
}
