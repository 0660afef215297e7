//! The components of the application, compiled and with all that the manifest grants them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime::component::Linker;
use wasmtime::{Engine, component};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::allowed_hosts::AllowedHosts;
use crate::error::StartError;
use crate::instance::Guest;
use crate::key_value::Granted;
use crate::logs::LogFile;

/// One component, ready to be instantiated for each request.
pub(crate) struct Component {
    /// The id that the manifest gives it.
    pub(crate) id: String,
    /// The component with its imports resolved.
    pub(crate) pre: ProxyPre<Guest>,
    /// Its environment variables.
    pub(crate) environment: Vec<(String, String)>,
    /// Its application variables.
    pub(crate) variables: Arc<BTreeMap<String, String>>,
    /// The stores that it may open.
    pub(crate) stores: Granted,
    /// Where it may send requests.
    pub(crate) allowed_hosts: AllowedHosts,
    /// Its standard output.
    pub(crate) stdout: Arc<LogFile>,
    /// Its standard error.
    pub(crate) stderr: Arc<LogFile>,
    /// Bytes of linear memory that an instance may have; `None` is what WebAssembly allows.
    pub(crate) memory_limit: Option<usize>,
    /// The largest linear memory that an instance had, in bytes.
    pub(crate) peak_memory: AtomicUsize,
}

impl Component {
    /// Notes that an instance has a memory of this many bytes.
    pub(crate) fn note_memory(&self, bytes: usize) {
        // Most instances stay below the mark; a load is cheaper than an unconditional write to a shared line.
        if bytes > self.peak_memory.load(Ordering::Relaxed) {
            self.peak_memory.fetch_max(bytes, Ordering::Relaxed);
        }
    }
}

/// Compiles a component, or takes it from the cache, and resolves its imports. Blocks the thread.
pub(crate) fn compile(
    engine: &Engine,
    linker: &Linker<Guest>,
    id: &str,
    file: &Path,
) -> Result<ProxyPre<Guest>, StartError> {
    if !file.is_file() {
        return Err(StartError::ComponentMissing {
            component: id.to_owned(),
            path: file.to_owned(),
        });
    }
    let invalid = |error: wasmtime::Error| StartError::ComponentInvalid {
        component: id.to_owned(),
        path: file.to_owned(),
        message: format!("{error:#}"),
    };
    let component = component::Component::from_file(engine, file).map_err(invalid)?;
    let pre = linker.instantiate_pre(&component).map_err(invalid)?;
    ProxyPre::new(pre).map_err(invalid)
}
