#![allow(missing_docs)]
#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    tracing_subscriber::fmt().with_env_filter(std::env::var("RUST_LOG").unwrap_or("info".into())).init();
    let mut o = spinreel_host::Options::new(&args[1], &args[2]);
    o.listen = args[3].parse().unwrap();
    if args.get(4).map(String::as_str) == Some("ondemand") { o.allocator = spinreel_host::Allocator::OnDemand; }
    for a in &args[4.min(args.len())..] { if let Some((k, v)) = a.split_once('=') { if let Some(k) = k.strip_prefix("mem:") { o.memory_limits.insert(k.into(), v.parse().unwrap()); } else { o.variables.insert(k.into(), v.into()); } } }
    o.log_to_stderr = true;
    let t = std::time::Instant::now();
    let host = match spinreel_host::Host::start(o).await { Ok(h) => h, Err(e) => { eprintln!("{e}"); std::process::exit(1) } };
    eprintln!("{} {:?} {:?}", host.address(), host.routes(), t.elapsed());
    tokio::signal::ctrl_c().await.unwrap();
    for r in host.routes() { eprintln!("{} {}", r.component, host.peak_memory(&r.component)); }
    host.shutdown().await;
}
