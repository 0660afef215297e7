use std::rc::Rc;

use futures::future::LocalBoxFuture;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spinreel_api::internal::{AskStanding, Standing};
use spinreel_api::logs::LogEntry;
use spinreel_http::{Problem, problem, request_id};
use spinreel_identity::Jwks;
use spinreel_platform::Clock;

use crate::access::{Caller, authenticate, refuse_strangers};
use crate::context::{Context, new_id};
use crate::cors::{self, Cors};
use crate::hand_over::{self, Exchange};
use crate::inbound::Request;
use crate::protection;
use crate::respond::{Body, Response, send};
use crate::route::{Call, Found, Outcome, Route, Style, find, known};
use crate::routes;
use crate::settings::{SHARED, Settings, Variable};
use crate::store::WasiStore;
use crate::world::WasiClock;

/// The application's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A service: what [`serve`] needs to know of it.
#[derive(Debug)]
pub struct Service {
    /// The component's id.
    pub id: &'static str,
    /// The label of its store.
    pub store: &'static str,
    /// What its keys begin with.
    pub prefix: &'static str,
    /// The variables that it reads.
    pub variables: &'static [Variable],
    /// Its routes: literal paths before those with `:name` segments.
    pub routes: &'static [Route],
    /// Who knows whether an access token is good.
    pub authority: Authority,
    /// Where its log lines go.
    pub logs: LogSink,
}

/// Who knows whether an access token is good.
#[derive(Debug, Clone, Copy)]
pub enum Authority {
    /// user-service.
    UserService,
    /// The service itself: this is user-service.
    Own {
        /// The keys that tokens may be signed with.
        keys: for<'a> fn(&'a Context) -> LocalBoxFuture<'a, Result<Jwks, Problem>>,
        /// What a session is good for at this moment.
        standing: FindStanding,
    },
}

/// Finds what a session is good for at this moment.
pub type FindStanding =
    for<'a> fn(&'a Context, AskStanding) -> LocalBoxFuture<'a, Result<Standing, Problem>>;

/// Where log lines go.
#[derive(Debug, Clone, Copy)]
pub enum LogSink {
    /// logging-service.
    LoggingService,
    /// The service's own store: this is logging-service.
    Own(AppendLogs),
}

/// Appends lines to the service's own log.
pub type AppendLogs =
    for<'a> fn(&'a Context, Vec<LogEntry>) -> LocalBoxFuture<'a, Result<(), Problem>>;

/// Handles a request from its arrival to its last log line.
pub async fn serve(service: &'static Service, incoming: IncomingRequest, out: ResponseOutparam) {
    let began_ms = WasiClock.now_ms();
    let request = Request::from_wasi(incoming);
    let method = request.method.clone();
    let variables = SHARED.iter().chain(service.variables).copied();
    let settings = Settings::load(variables, |name| spin_sdk::variables::get(name).ok());
    let request_id = match request.header(&X_REQUEST_ID) {
        Some(id) if request_id::is_sane(id) => id.to_owned(),
        _ => new_id(),
    };
    let store = WasiStore::new(service.store);
    let client = protection::client_address(&request, &settings);
    let context = Rc::new(Context::new(service, request_id, settings, store, client));
    let cors = Cors::of(&context.settings, &request);
    let is_secure = protection::is_secure(&request);
    let rest_of_body = request.rest_of_body();
    let request_bytes = request.count_read();
    let (pattern, mut response) = answer(&context, request, &cors).await;
    let since_ms = || context.clock.now_ms().saturating_sub(began_ms);
    let status = response.status();
    let exchange = pattern.map(|pattern| Exchange {
        method: &method,
        pattern,
        status,
        request_bytes: request_bytes.get(),
        response_bytes: declared_length(&response),
        answered_ms: since_ms(),
        latency_ms: since_ms(),
    });
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        headers.insert(X_REQUEST_ID, id);
    }
    protection::protect(headers, is_secure);
    cors.apply(headers);
    if context.is_called() {
        // The caller hands them over, so they have to be there before the answer is.
        if let Some(exchange) = &exchange {
            exchange.log(&context);
        }
        hand_over::print(&context);
        hand_over::answer_with_lines(&context, response.headers_mut());
    }
    let sent = send(response, &method, out).await;
    let latency_ms = since_ms();
    let exchange = exchange.map(|exchange| Exchange {
        request_bytes: request_bytes.get(),
        response_bytes: sent,
        latency_ms,
        ..exchange
    });
    let drained = async {
        if let Some(body) = rest_of_body {
            body.drain().await;
        }
    };
    futures::join!(drained, finish(&context, exchange));
}

/// What is left to do when the answer has been sent; the client may still be sending meanwhile.
async fn finish(context: &Context, exchange: Option<Exchange<'_>>) {
    if let Some(exchange) = exchange.filter(|_| !context.is_called()) {
        exchange.log(context);
        hand_over::print(context);
    }
    for work in context.take_after() {
        work.await;
    }
    hand_over::hand_over(context).await;
}

/// How many bytes of its body an answer says that it has; 0 where it does not say.
fn declared_length(response: &Response) -> u64 {
    match response.body() {
        Body::Bytes(bytes) => bytes.len() as u64,
        _ => response
            .headers()
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse().ok())
            .unwrap_or(0),
    }
}

/// The route's pattern (`None` where its requests are not worth a line) and the answer.
async fn answer(
    context: &Rc<Context>,
    request: Request,
    cors: &Cors,
) -> (Option<&'static str>, Response) {
    if let Err(problem) = protection::check(&request) {
        return (Some("(none)"), render(context, Style::Problem, problem));
    }
    // What every service has comes first: a segment that may be anything must not hide it.
    let tables = [routes::OF_EVERY_SERVICE, context.service.routes];
    if cors.is_preflight()
        && let Some(known) = known(&tables, &request.path)
    {
        return (None, cors::preflight(&known.methods));
    }
    match find(&tables, &request.method, &request.path) {
        Found::Nothing => (
            Some("(none)"),
            render(context, Style::Problem, Problem::not_found()),
        ),
        Found::WrongMethod(known) => {
            let problem = Problem::method_not_allowed(&known.methods);
            (Some(known.pattern), render(context, known.style, problem))
        }
        Found::Route(route, parameters) => {
            let body = request.rest_of_body();
            let outcome = run(context, route, request, parameters).await;
            let mut response = outcome.unwrap_or_else(|mut problem| {
                // A handler that reads piece by piece may know no more than that the body was cut off.
                if problem.status.is_client_error() && body.is_some_and(|body| body.is_late()) {
                    let reason = problem.internal;
                    problem = Problem::request_timeout();
                    problem.internal = reason;
                }
                render(context, route.style, problem)
            });
            if let Some((name, value)) = route.header {
                let name = HeaderName::from_static(name);
                let value = HeaderValue::from_static(value);
                response.headers_mut().insert(name, value);
            }
            ((!route.quiet).then_some(route.pattern), response)
        }
    }
}

async fn run(
    context: &Rc<Context>,
    route: &Route,
    mut request: Request,
    parameters: spinreel_http::pattern::Parameters,
) -> Outcome {
    request.limit_body(route.body_limit, &context.settings)?;
    let wrong = context.settings.wrong();
    // Health says which variables are wrong, so it must get that far.
    if !wrong.is_empty() && !route.pattern.ends_with("/health") {
        let names = wrong.join(", ");
        return Err(Problem::internal(format!(
            "variables with wrong values: {names}"
        )));
    }
    refuse_strangers(route.access, &request)?;
    request.refuse_codings()?;
    if route.body_limit.is_some() {
        // Before the access is judged: whoever holds a body back may have lost the right to what it asks for.
        request.read_whole().await?;
    }
    let caller = authenticate(context, route.access, &request).await?;
    if matches!(caller, Caller::Service(_)) && hand_over::is_wanted(&request.headers) {
        context.note_called();
    }
    let call = Call {
        context: Rc::clone(context),
        request,
        caller,
        access: route.access,
        parameters,
    };
    (route.handler)(call).await
}

fn render(context: &Context, style: Style, problem: Problem) -> Response {
    context.log_problem(&problem);
    problem_response(style, problem, &context.request_id)
}

fn problem_response(style: Style, problem: Problem, request_id: &str) -> Response {
    let (body, content_type) = match style {
        Style::Problem => (problem.body(request_id), problem::CONTENT_TYPE),
        Style::Seed => {
            let error = match problem.status {
                StatusCode::UNAUTHORIZED => "Unauthorized",
                _ => &problem.detail,
            };
            (
                serde_json::json!({ "error": error })
                    .to_string()
                    .into_bytes(),
                "application/json",
            )
        }
    };
    let mut response = Response::new(Body::Bytes(body));
    *response.status_mut() = problem.status;
    let headers = response.headers_mut();
    headers.extend(problem.headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
