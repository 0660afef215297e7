//! One instance: a guest that handles one request and may go on working after it has answered.
//!
//! - `running`: the task in which it runs

mod running;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tokio::sync::oneshot;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime::{PoolConcurrencyLimitError, ResourceLimiter, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::p2::types::{HostIncomingRequest, HostResponseOutparam};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::app::App;
use crate::component::Component;
use crate::key_value::KeyValueView;
use crate::logs::InstanceLog;
use crate::options::Profile;
use crate::outbound::Outgoing;
use crate::variables::ComponentVariables;
use running::RunningGuest;

/// The state of one instance.
pub(crate) struct Guest {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outgoing: Outgoing,
    open_stores: usize,
    memory: MemoryGauge,
}

impl Guest {
    fn new(app: Arc<App>, component: Arc<Component>) -> Guest {
        let wasi = WasiCtx::builder()
            .envs(&component.environment)
            .wall_clock(app.clock.clone())
            .stdout(InstanceLog::new(component.stdout.clone()))
            .stderr(InstanceLog::new(component.stderr.clone()))
            .build();
        Guest {
            table: ResourceTable::new(),
            wasi,
            http: WasiHttpCtx::new(),
            memory: MemoryGauge(component.clone()),
            outgoing: Outgoing { app, component },
            open_stores: 0,
        }
    }

    /// What the key-value interfaces need.
    pub(crate) fn key_value(&mut self) -> KeyValueView<'_> {
        KeyValueView {
            table: &mut self.table,
            granted: &self.outgoing.component.stores,
            open: &mut self.open_stores,
        }
    }

    /// What the variables interface needs.
    pub(crate) fn variables(&mut self) -> ComponentVariables {
        ComponentVariables(self.outgoing.component.variables.clone())
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.outgoing,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

/// Watches, and where the options say so limits, the linear memory of an instance.
struct MemoryGauge(Arc<Component>);

impl ResourceLimiter for MemoryGauge {
    fn memory_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if self.0.memory_limit.is_some_and(|limit| desired > limit) {
            return Ok(false);
        }
        self.0.note_memory(desired);
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

/// Why an instance gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvokeError {
    /// There is no room for another instance, or its start failed.
    #[error("no instance: {0:#}")]
    Instantiate(wasmtime::Error),
    /// The guest trapped.
    #[error("the guest trapped: {0:#}")]
    Trap(wasmtime::Error),
    /// The guest answered with an error instead of a response.
    #[error("the guest answered with the error {0}")]
    Refused(ErrorCode),
    /// The guest returned without an answer.
    #[error("the guest returned without setting a response")]
    NoResponse,
    /// The request cannot be given to a guest.
    #[error("the request: {0:#}")]
    Request(wasmtime::Error),
}

impl InvokeError {
    /// What the client is told. Where there was no room for an instance nothing has happened, and it may come again; Spin
    /// says 500 then, too.
    pub(crate) fn status(&self, profile: Profile) -> StatusCode {
        match (self, profile) {
            (InvokeError::Instantiate(_), Profile::Ordinary) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The work that Spin 4.1 does for an instance and this host does not: it collects what each of two dozen factors gives the
/// component, opens two log files, writes the headers anew, keeps spans for telemetry, and runs guests by the machinery for
/// concurrent calls. Not looked up but measured as a whole: Spin answered the hello component of `bench/hello` 8,434 times a
/// second on two processors, which is 237 µs of both for each (its process computes for 160 of them, and waits); this host,
/// with all else that the profile does, needed about 100 µs.
const SPIN_INSTANCE_WORK: Duration = Duration::from_micros(140);

/// Keeps the processor busy for so long.
fn work_for(time: Duration) {
    let started = Instant::now();
    while started.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Runs a component on a request until it answers. The guest then goes on by itself until it returns; nobody
/// waits for it, and a client that goes away does not end it.
///
/// Why there was no answer is in the host's log when this returns an error.
pub(crate) async fn invoke<B>(
    app: &Arc<App>,
    component: &Arc<Component>,
    request: Request<B>,
) -> Result<Response<GuestBody>, InvokeError>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<wasmtime_wasi_http::Error>,
{
    let outcome = answer(app, component, request).await;
    if let Err(
        error @ (InvokeError::Refused(_) | InvokeError::NoResponse | InvokeError::Request(_)),
    ) = &outcome
    {
        tracing::error!(component = component.id, "{error}");
    }
    outcome
}

async fn answer<B>(
    app: &Arc<App>,
    component: &Arc<Component>,
    request: Request<B>,
) -> Result<Response<GuestBody>, InvokeError>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<wasmtime_wasi_http::Error>,
{
    if app.profile == Profile::AsSpin {
        work_for(SPIN_INSTANCE_WORK);
    }
    let mut store = Store::new(
        component.pre.engine(),
        Guest::new(app.clone(), component.clone()),
    );
    store.limiter(|guest| &mut guest.memory);
    match app.profile {
        Profile::Ordinary => {
            store.set_epoch_deadline(1);
            store.epoch_deadline_async_yield_and_update(1);
        }
        Profile::AsSpin => store.set_epoch_deadline(u64::MAX / 2),
    }
    let (sender, mut answered) = oneshot::channel();
    let mut http = store.data_mut().http();
    let request = http
        .new_incoming_request(Scheme::Http, request)
        .map_err(InvokeError::Request)?;
    let outparam = http
        .new_response_outparam(sender)
        .map_err(InvokeError::Request)?;

    let trapped = Arc::new(AtomicBool::new(false));
    let work = handle(component.clone(), store, request, outparam, trapped.clone());
    let mut guest = RunningGuest::start(app.profile, app.running.enter_guest(), work);
    let mut dropped = false;
    let response = poll_fn(|context| {
        let ended = guest.poll(context);
        if !dropped {
            match Pin::new(&mut answered).poll(context) {
                Poll::Ready(Ok(response)) => {
                    return Poll::Ready(response.map_err(InvokeError::Refused));
                }
                // The guest gave its chance to answer away, or it has ended and the chance went with it.
                Poll::Ready(Err(_)) => dropped = true,
                Poll::Pending => return Poll::Pending,
            }
        }
        ended.map(|outcome| Err(outcome.err().unwrap_or(InvokeError::NoResponse)))
    })
    .await?;
    Ok(response.map(|body| GuestBody { body, trapped }))
}

/// Calls the guest's handler, until it returns.
async fn handle(
    component: Arc<Component>,
    mut store: Store<Guest>,
    request: Resource<HostIncomingRequest>,
    outparam: Resource<HostResponseOutparam>,
    trapped: Arc<AtomicBool>,
) -> Result<(), InvokeError> {
    let outcome = match component.pre.instantiate_async(&mut store).await {
        Ok(proxy) => proxy
            .wasi_http_incoming_handler()
            .call_handle(&mut store, request, outparam)
            .await
            .map_err(|error| match error.is::<PoolConcurrencyLimitError>() {
                // Another start took the stack that this one had, and the guest has not run.
                true => InvokeError::Instantiate(error),
                false => InvokeError::Trap(error),
            }),
        Err(error) => Err(InvokeError::Instantiate(error)),
    };
    if let Err(error) = &outcome {
        tracing::error!(component = component.id, "{error}");
        // Before the store goes, and with it the response body: its reader shall see an error, not an end.
        trapped.store(true, Ordering::Release);
    }
    outcome
}

/// The body of a guest's response. If the guest traps before it has finished the body, the body ends with an
/// error, so that nobody takes what is there for the whole.
pub(crate) struct GuestBody {
    body: HyperOutgoingBody,
    trapped: Arc<AtomicBool>,
}

impl Body for GuestBody {
    type Data = Bytes;
    type Error = wasmtime_wasi_http::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() && self.trapped.load(Ordering::Acquire) {
            return Poll::Ready(Some(Err(Self::Error::HttpResponseIncomplete)));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
