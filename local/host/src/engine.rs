//! The WebAssembly engine and what it gives to guests.

use std::path::Path;
use std::time::Duration;

use wasmtime::component::Linker;
use wasmtime::{
    Cache, CacheConfig, Config, Enabled, Engine, InstanceAllocationStrategy,
    PoolingAllocationConfig,
};

use crate::error::StartError;
use crate::instance::Guest;
use crate::key_value::HasKeyValue;
use crate::options::{Allocator, Profile};
use crate::variables::ComponentVariables;
use crate::{bindings, outbound};

/// Instances that may exist at a time, as in Spin.
pub(crate) const MAX_INSTANCES: u32 = 1_000;

/// Core instances, memories and tables that components are made of: a component of `wasm32-wasip2` has one
/// memory, two tables, and besides its own module two small ones that `wasm-component-ld` adds.
const CORE_INSTANCES_PER_INSTANCE: u32 = 4;
const TABLES_PER_INSTANCE: u32 = 3;

/// How much of a memory slot is cleared by writing zeros, instead of giving its pages back to the system and
/// faulting them in again. This alone doubles the small requests a second.
const MEMORY_KEPT: usize = 4 * 1024 * 1024;

/// The same for tables, in bytes.
const TABLE_KEPT: usize = 64 * 1024;

/// The same in Spin.
const SPIN_MEMORY_KEPT: usize = 2 * 1024 * 1024;
const SPIN_TABLE_KEPT: usize = 512 * 1024;
const SPIN_TABLES_PER_INSTANCE: u32 = 2;

/// How long a guest computes before other requests on its thread have a turn. The runtime looks for new input
/// only every few dozen turns, so a longer slice would make others wait long behind guests that only compute.
const TIME_SLICE: Duration = Duration::from_millis(2);

/// Makes the engine; compiled components are kept in `cache_dir`.
pub(crate) fn new_engine(
    allocator: Allocator,
    profile: Profile,
    cache_dir: &Path,
) -> Result<Engine, StartError> {
    let failed = |error: wasmtime::Error| StartError::Engine(format!("{error:#}"));
    let mut cache = CacheConfig::new();
    cache.with_directory(cache_dir);
    let mut config = Config::new();
    config.cache(Some(Cache::new(cache).map_err(failed)?));
    config.epoch_interruption(true);
    config.allocation_strategy(match (allocator, profile) {
        (Allocator::Pooling, Profile::Ordinary) => InstanceAllocationStrategy::Pooling(pool()),
        (Allocator::Pooling, Profile::AsSpin) => {
            InstanceAllocationStrategy::Pooling(pool_as_spin())
        }
        (Allocator::OnDemand, _) => InstanceAllocationStrategy::OnDemand,
    });
    Engine::new(&config).map_err(failed)
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(MAX_INSTANCES)
        .total_core_instances(MAX_INSTANCES * CORE_INSTANCES_PER_INSTANCE)
        .total_memories(MAX_INSTANCES)
        .total_tables(MAX_INSTANCES * TABLES_PER_INSTANCE)
        .total_stacks(MAX_INSTANCES)
        .linear_memory_keep_resident(MEMORY_KEPT)
        .table_keep_resident(TABLE_KEPT)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// The pool of Spin 4.1 (`crates/core`), as far as it differs from wasmtime's defaults and components of this host can
/// notice. It keeps memory resident but does not scan for touched pages: up to [`SPIN_MEMORY_KEPT`] of every used slot are
/// written over, touched or not.
fn pool_as_spin() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(MAX_INSTANCES)
        .total_core_instances(MAX_INSTANCES * CORE_INSTANCES_PER_INSTANCE)
        .total_memories(MAX_INSTANCES)
        .total_tables(MAX_INSTANCES * SPIN_TABLES_PER_INSTANCE)
        .total_stacks(MAX_INSTANCES)
        .table_elements(100_000)
        .linear_memory_keep_resident(SPIN_MEMORY_KEPT)
        .table_keep_resident(SPIN_TABLE_KEPT);
    pool
}

/// Starts the clock by which guests yield. It stops when the engine is gone.
pub(crate) fn start_clock(engine: &Engine) {
    let engine = engine.weak();
    std::thread::spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TIME_SLICE);
        }
    });
}

/// Everything that a component may import: WASI 0.2, HTTP, key-value and variables.
pub(crate) fn new_linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    use wasmtime_wasi_http::WasiHttpView;
    use wasmtime_wasi_http::p2::bindings::http;

    let mut linker = Linker::new(engine);
    let l = &mut linker;
    wasmtime_wasi::p2::add_to_linker_async(l)?;
    http::types::add_to_linker::<_, wasmtime_wasi_http::WasiHttp>(
        l,
        &http::types::LinkOptions::default(),
        Guest::http,
    )?;
    outbound::add_to_linker(l)?;
    bindings::wasi::keyvalue::store::add_to_linker::<_, HasKeyValue>(l, Guest::key_value)?;
    bindings::wasi::keyvalue::batch::add_to_linker::<_, HasKeyValue>(l, Guest::key_value)?;
    bindings::wasi::keyvalue::atomics::add_to_linker::<_, HasKeyValue>(l, Guest::key_value)?;
    bindings::fermyon::spin::key_value::add_to_linker::<_, HasKeyValue>(l, Guest::key_value)?;
    bindings::fermyon::spin::variables::add_to_linker::<_, ComponentVariables>(
        l,
        Guest::variables,
    )?;
    Ok(linker)
}
