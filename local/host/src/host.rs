//! Starting and stopping.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use wasmtime::Engine;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::allowed_hosts::{AllowedHosts, Rule};
use crate::app::{App, Running, Target};
use crate::component::{Component, compile};
use crate::engine;
use crate::error::StartError;
use crate::headers::RouteHeaders;
use crate::instance::Guest;
use crate::key_value::{Database, Store};
use crate::logs::LogFile;
use crate::manifest::{ComponentManifest, Manifest};
use crate::options::{Options, Profile};
use crate::outbound::Client;
use crate::routes::Router;
use crate::runtime_config::RuntimeConfig;
use crate::server;
use crate::state::StateDir;
use crate::store_calls::StoreCalls;
use crate::stores::Stores;
use crate::variables;

/// How long requests that are under way may take to finish when the host is shut down.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running application. Dropping it ends all requests at once; [`Host::shutdown`] lets them finish.
pub struct Host {
    app: Arc<App>,
    routes: Vec<RouteInfo>,
    stores: Vec<Store>,
    databases: Vec<Arc<Database>>,
    server: JoinHandle<()>,
}

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteInfo {
    /// The route as the manifest has it; `None` for a private one.
    pub pattern: Option<String>,
    /// The id of the component that answers.
    pub component: String,
}

impl Host {
    /// Reads the configuration, opens the stores, compiles the components and serves them in tasks of the
    /// current tokio runtime. When this returns, connections are accepted.
    pub async fn start(options: Options) -> Result<Host, StartError> {
        let manifest = Manifest::load(&options.manifest)?;
        let config = RuntimeConfig::load(options.runtime_config.as_deref(), &options.manifest)?;
        let values = variables::resolve(&manifest.variables, &options.variables, |name| {
            options
                .read_environment
                .then(|| std::env::var(name).ok())
                .flatten()
        })?;
        let served = served_components(&manifest);
        check_limits(&options, &served)?;
        let allowed_hosts = allowed_hosts(&manifest, &served, &values)?;
        let client = Client::new(&config.outbound)?;
        check_stores(&config, &served)?;

        let state = StateDir::open(&options.state_dir)?;
        let listener = listen(options.listen).await?;
        let address = listener.local_addr().map_err(|error| StartError::Listen {
            address: options.listen,
            error,
        })?;
        let compiled = compile_all(&options, &state, &served).await?;
        let mut stores = Stores::new(options.profile);
        let logs = state.folder("logs")?;

        let mut components = HashMap::new();
        for ((id, manifest), (pre, allowed_hosts)) in
            served.iter().zip(compiled.into_iter().zip(allowed_hosts))
        {
            let log = |stream, echo| LogFile::open(&logs, id, stream, echo).map(Arc::new);
            let component = Component {
                id: (*id).to_owned(),
                pre,
                environment: manifest.environment.clone().into_iter().collect(),
                variables: Arc::new(render_all(manifest, &values)),
                stores: stores.grant(&config, &state, &manifest.key_value_stores)?,
                allowed_hosts,
                stdout: log("stdout", false)?,
                stderr: log("stderr", options.log_to_stderr)?,
                memory_limit: options.memory_limits.get(*id).copied(),
                peak_memory: AtomicUsize::new(0),
            };
            components.insert(component.id.clone(), Arc::new(component));
        }

        let app = Arc::new(App {
            address,
            router: router(&manifest, &components)?,
            components,
            client,
            info: info(&manifest),
            clock: options.clock.clone(),
            profile: options.profile,
            header_timeout: server::header_timeout(options.profile),
            client_timeout: (options.profile == Profile::Ordinary)
                .then_some(options.client_timeout),
            running: Running::new(),
        });
        let (stores, databases) = stores.into_parts();
        Ok(Host {
            server: tokio::spawn(server::serve(app.clone(), listener)),
            routes: manifest
                .triggers
                .iter()
                .map(|trigger| RouteInfo {
                    pattern: trigger.route.as_ref().map(|route| route.raw().to_owned()),
                    component: trigger.component.clone(),
                })
                .collect(),
            stores,
            databases,
            app,
        })
    }

    /// How many guests run at this moment: those that have answered and go on working, too.
    pub fn guests(&self) -> usize {
        self.app.running.guests()
    }

    /// The address that the host listens on, with the port that was taken if the options said 0.
    pub fn address(&self) -> SocketAddr {
        self.app.address
    }

    /// The routes, in the order of the manifest.
    pub fn routes(&self) -> &[RouteInfo] {
        &self.routes
    }

    /// The largest linear memory, in bytes, that an instance of the component has had since the start; 0 if it
    /// had none or there is no such component.
    pub fn peak_memory(&self, component: &str) -> usize {
        self.app
            .components
            .get(component)
            .map_or(0, |component| component.peak_memory.load(Ordering::Relaxed))
    }

    /// How often the components have called their key-value stores since the start. Take the difference of two looks
    /// ([`StoreCalls::since`]) to see what something in between cost.
    pub fn store_calls(&self) -> StoreCalls {
        Store::calls(&self.stores)
    }

    /// Stops accepting connections, lets requests that are under way finish for up to five seconds, ends the
    /// rest, and closes the stores.
    pub async fn shutdown(mut self) {
        self.app.running.finish(PATIENCE).await;
        if let Err(error) = (&mut self.server).await {
            tracing::error!(%error, "the server ended badly");
        }
        let databases = std::mem::take(&mut self.databases);
        let closed = tokio::task::spawn_blocking(move || {
            for database in databases {
                database.close();
            }
        });
        if let Err(error) = closed.await {
            tracing::error!(%error, "the key-value stores were not closed");
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.app.running.kill();
    }
}

/// The components that a trigger names; Spin does not load others either.
type Served<'a> = BTreeMap<&'a str, &'a ComponentManifest>;

fn served_components(manifest: &Manifest) -> Served<'_> {
    manifest
        .components
        .iter()
        .filter(|(id, _)| {
            manifest
                .triggers
                .iter()
                .any(|trigger| trigger.component == **id)
        })
        .map(|(id, component)| (id.as_str(), component))
        .collect()
}

fn check_limits(options: &Options, served: &Served<'_>) -> Result<(), StartError> {
    match options
        .memory_limits
        .keys()
        .find(|id| !served.contains_key(id.as_str()))
    {
        Some(id) => Err(StartError::LimitUnknown {
            component: id.clone(),
        }),
        None => Ok(()),
    }
}

fn check_stores(config: &RuntimeConfig, served: &Served<'_>) -> Result<(), StartError> {
    for (id, component) in served {
        if let Some(label) = component
            .key_value_stores
            .iter()
            .find(|label| config.store(label).is_none())
        {
            return Err(StartError::StoreUnknown {
                component: (*id).to_owned(),
                label: label.clone(),
                config: config.path.clone(),
            });
        }
    }
    Ok(())
}

fn allowed_hosts(
    manifest: &Manifest,
    served: &Served<'_>,
    values: &BTreeMap<String, String>,
) -> Result<Vec<AllowedHosts>, StartError> {
    served
        .values()
        .map(|component| {
            component
                .allowed_outbound_hosts
                .iter()
                .map(|entry| {
                    Rule::parse(&entry.value.render(values)).map_err(|message| {
                        manifest.error(entry.line, format!("allowed_outbound_hosts: {message}"))
                    })
                })
                .collect::<Result<_, _>>()
                .map(AllowedHosts)
        })
        .collect()
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| StartError::Listen { address, error })
}

/// Compiles all components on a thread where that may take its time.
async fn compile_all(
    options: &Options,
    state: &StateDir,
    served: &Served<'_>,
) -> Result<Vec<ProxyPre<Guest>>, StartError> {
    let cache = match &options.cache_dir {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(|error| StartError::file(folder, error))?;
            folder.clone()
        }
        None => state.folder("cache")?,
    };
    let cache = cache
        .canonicalize()
        .map_err(|error| StartError::file(&cache, error))?;
    let (allocator, profile) = (options.allocator, options.profile);
    let sources: Vec<(String, PathBuf)> = served
        .iter()
        .map(|(id, component)| ((*id).to_owned(), component.source.clone()))
        .collect();
    let work = move || -> Result<(Engine, Vec<_>), StartError> {
        let engine = engine::new_engine(allocator, profile, &cache)?;
        let linker = engine::new_linker(&engine)
            .map_err(|error| StartError::Engine(format!("{error:#}")))?;
        let compiled = sources
            .iter()
            .map(|(id, file)| compile(&engine, &linker, id, file))
            .collect::<Result<_, _>>()?;
        Ok((engine, compiled))
    };
    let (engine, compiled) = tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StartError::Engine(error.to_string()))??;
    if profile == Profile::Ordinary {
        engine::start_clock(&engine);
    }
    Ok(compiled)
}

fn render_all(
    component: &ComponentManifest,
    values: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    component
        .variables
        .iter()
        .map(|(name, template)| (name.clone(), template.render(values)))
        .collect()
}

fn router(
    manifest: &Manifest,
    components: &HashMap<String, Arc<Component>>,
) -> Result<Router<Target>, StartError> {
    let mut routes = Vec::new();
    for trigger in &manifest.triggers {
        let (Some(route), Some(component)) = (&trigger.route, components.get(&trigger.component))
        else {
            continue;
        };
        let headers = RouteHeaders::new(route).map_err(|_| {
            manifest.error(1, format!("route `{}` has control characters", route.raw()))
        })?;
        let target = Target {
            component: component.clone(),
            headers,
        };
        routes.push((route.clone(), target));
    }
    Ok(Router::new(routes))
}

fn info(manifest: &Manifest) -> Bytes {
    let info = serde_json::json!({ "name": manifest.name, "version": manifest.version });
    Bytes::from(info.to_string())
}

#[cfg(test)]
mod tests;
