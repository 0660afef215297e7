//! One instance: a guest that handles one request and may go on working after it has answered.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime::{ResourceLimiter, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::p2::types::{HostIncomingRequest, HostResponseOutparam};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::app::{App, Entry};
use crate::component::Component;
use crate::key_value::KeyValueView;
use crate::logs::InstanceLog;
use crate::options::Profile;
use crate::outbound::Outgoing;
use crate::variables::ComponentVariables;

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
    let mut guest = RunningGuest {
        entry: Some(app.running.enter_guest()),
        work: Some(match app.profile {
            Profile::Ordinary => Box::pin(work),
            Profile::AsSpin => Box::pin(GuestTask(tokio::spawn(work))),
        }),
    };
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
            .map_err(InvokeError::Trap),
        Err(error) => Err(InvokeError::Instantiate(error)),
    };
    if let Err(error) = &outcome {
        tracing::error!(component = component.id, "{error}");
        // Before the store goes, and with it the response body: its reader shall see an error, not an end.
        trapped.store(true, Ordering::Release);
    }
    outcome
}

type Work = Pin<Box<dyn Future<Output = Result<(), InvokeError>> + Send>>;

/// A guest that runs in the task of its caller until it has answered, which saves small requests the way
/// through another task. When the caller drops it, it goes on in a task of its own.
struct RunningGuest {
    work: Option<Work>,
    entry: Option<Entry>,
}

impl RunningGuest {
    /// Lets the guest work. Once it has ended it must not be polled again.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), InvokeError>> {
        let Some(work) = &mut self.work else {
            return Poll::Pending;
        };
        let outcome = ready!(work.as_mut().poll(context));
        self.work = None;
        Poll::Ready(outcome)
    }
}

impl Drop for RunningGuest {
    fn drop(&mut self) {
        if let (Some(work), Some(entry)) = (self.work.take(), self.entry.take())
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                tokio::select! {
                    // Its errors are in the log.
                    _ = work => {}
                    () = entry.killed() => {}
                }
            });
        }
    }
}

/// A guest that runs in a task of its own from the start, as on Spin. Dropping this ends it.
struct GuestTask(JoinHandle<Result<(), InvokeError>>);

impl Future for GuestTask {
    type Output = Result<(), InvokeError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let ended = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(ended.unwrap_or_else(|error| Err(InvokeError::Trap(error.into()))))
    }
}

impl Drop for GuestTask {
    fn drop(&mut self) {
        self.0.abort();
    }
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
