use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::net::IpAddr;

use futures::future::LocalBoxFuture;
use spinreel_api::actions::Action;
use spinreel_api::logs::Level;
use spinreel_http::Problem;
use spinreel_platform::Random;
use uuid::Uuid;

use crate::log::Log;
use crate::outbound::WasiHttp;
use crate::peer::Peer;
use crate::serve::Service;
use crate::settings::Settings;
use crate::shipping::LOG_BEHIND;
use crate::store::WasiStore;
use crate::world::{WasiClock, WasiRandom};
use spinreel_platform::Clock;

/// A request's surroundings.
pub struct Context {
    /// The service that runs.
    pub service: &'static Service,
    /// The id of the request, in every log line and in calls to other services.
    pub request_id: String,
    /// The component's variables.
    pub settings: Settings,
    /// The request's log.
    pub log: Log,
    /// The service's own store.
    pub store: WasiStore,
    /// Requests to anybody.
    pub http: WasiHttp,
    /// The wall clock.
    pub clock: WasiClock,
    /// Unpredictable bytes.
    pub random: WasiRandom,
    client: Option<IpAddr>,
    is_called: Cell<bool>,
    after: RefCell<Vec<LocalBoxFuture<'static, ()>>>,
}

impl Context {
    pub(crate) fn new(
        service: &'static Service,
        request_id: String,
        settings: Settings,
        store: WasiStore,
        client: Option<IpAddr>,
    ) -> Self {
        Self {
            service,
            log: Log::new(service.id, request_id.clone()),
            request_id,
            settings,
            store,
            http: WasiHttp,
            clock: WasiClock,
            random: WasiRandom,
            client,
            is_called: Cell::new(false),
            after: RefCell::new(Vec::new()),
        }
    }

    /// The address of the client, as text; `None` for calls of other services.
    pub fn client_address(&self) -> Option<String> {
        self.client.map(|address| address.to_string())
    }

    /// Whether the request is a call of another service, which showed its token.
    pub(crate) fn is_called(&self) -> bool {
        self.is_called.get()
    }

    /// Notes that it is.
    pub(crate) fn note_called(&self) {
        self.is_called.set(true);
    }

    /// Writes down what matters for the security of an account: who did what, from where. Never pass a secret.
    pub fn audit(&self, action: Action, message: impl Into<String>, fields: serde_json::Value) {
        self.audit_as(Level::Info, action, message, fields);
    }

    /// As [`audit`](Self::audit), with a level.
    pub fn audit_as(
        &self,
        level: Level,
        action: Action,
        message: impl Into<String>,
        mut fields: serde_json::Value,
    ) {
        if let Some(address) = self.client_address() {
            fields["client.address"] = address.into();
        }
        self.log.line(level, action, message, fields);
    }

    /// Does something when the answer has been sent: work that the client need not wait for.
    pub fn after_answer(&self, work: impl Future<Output = ()> + 'static) {
        self.after.borrow_mut().push(Box::pin(work));
    }

    pub(crate) fn take_after(&self) -> Vec<LocalBoxFuture<'static, ()>> {
        std::mem::take(&mut self.after.borrow_mut())
    }

    /// A new time-ordered id (UUID version 7, RFC 9562).
    pub fn new_id(&self) -> String {
        new_id()
    }

    /// user-service.
    pub fn users(&self) -> Peer<'_> {
        Peer::new(self, "user-service", "user_service_url")
    }

    /// video-service.
    pub fn videos(&self) -> Peer<'_> {
        Peer::new(self, "video-service", "video_service_url")
    }

    /// storage-service.
    pub fn storage(&self) -> Peer<'_> {
        Peer::new(self, "storage-service", "storage_service_url")
    }

    /// usage-service.
    pub fn usage(&self) -> Peer<'_> {
        Peer::new(self, "usage-service", "usage_service_url")
    }

    /// logging-service.
    pub fn logging(&self) -> Peer<'_> {
        Peer::new(self, "logging-service", "logging_service_url")
    }

    /// Writes a problem's internal reason to the log: once, here, where it becomes an answer.
    pub(crate) fn log_problem(&self, problem: &Problem) {
        // A log that has too much to do must not give itself more.
        if problem.code == LOG_BEHIND {
            return;
        }
        let fields = serde_json::json!({
            "problem.code": problem.code,
            "http.status": problem.status.as_u16(),
        });
        let reason = problem.internal.as_deref().unwrap_or(&problem.detail);
        if problem.status.is_server_error() {
            self.log
                .internal(Level::Error, Action::RequestFailed, reason, fields);
        } else if problem.internal.is_some() {
            self.log
                .internal(Level::Info, Action::RequestRefused, reason, fields);
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("service", &self.service.id)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

pub(crate) fn new_id() -> String {
    let mut random = [0; 10];
    WasiRandom.fill(&mut random);
    uuid::Builder::from_unix_timestamp_millis(WasiClock.now_ms(), &random)
        .into_uuid()
        .as_hyphenated()
        .encode_lower(&mut Uuid::encode_buffer())
        .to_owned()
}
