//! nginx, answering fixed bytes or proxying: what a web server costs that runs no code of its users.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::process::{Child, Command};

use crate::{client, tools};

/// How long starting, and stopping, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked to see that a server is up.
const READY: &str = "/ready";

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// A running nginx. Dropping it ends the master process and with it the workers.
pub(crate) struct Nginx {
    process: Child,
    program: PathBuf,
    prefix: PathBuf,
    urls: Vec<String>,
}

impl Nginx {
    /// Starts an nginx on a free port that answers every request with `body`; all its files are in `folder`.
    pub(crate) async fn answering(body: &str, folder: &Path) -> Result<Self> {
        ensure!(
            !body.contains(['"', '\\', '$']),
            "the body has characters that mean something in nginx's configuration"
        );
        let location = format!("location / {{ return 200 \"{body}\"; }}");
        Self::start(&[location], "", folder).await
    }

    /// Starts an nginx on a free port that answers every request with `body`, from a file of `folder`.
    pub(crate) async fn serving(body: &[u8], media_type: &str, folder: &Path) -> Result<Self> {
        let files = folder.join("served");
        std::fs::create_dir(&files)
            .and_then(|()| std::fs::write(files.join("body"), body))
            .with_context(|| format!("{} cannot be written", files.display()))?;
        let location = format!(
            "root \"{}\";
        open_file_cache max=10;
        default_type {media_type};
        location / {{ try_files /body =404; }}",
            files.display()
        );
        Self::start(&[location], "", folder).await
    }

    /// Starts an nginx that hands every request on to `origin`, on one free port for each entry of `settings`, which
    /// are directives for the location; all its files are in `folder`.
    pub(crate) async fn proxying(
        origin: SocketAddr,
        settings: &[&str],
        folder: &Path,
    ) -> Result<Self> {
        let locations: Vec<String> = settings
            .iter()
            .map(|settings| {
                // `/ready` is answered by nginx itself, to see that it is up.
                format!(
                    "location = {READY} {{ return 200; }}
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            {settings}
        }}"
                )
            })
            .collect();
        let upstream = format!("upstream origin {{ server {origin}; keepalive 16; }}");
        Self::start(&locations, &upstream, folder).await
    }

    /// Starts an nginx with a server for each of `servers`.
    async fn start(servers: &[String], upstream: &str, folder: &Path) -> Result<Self> {
        let program = tools::find_or_install("nginx").await?;
        let prefix = folder.join("nginx");
        std::fs::create_dir(&prefix)
            .with_context(|| format!("{} cannot be made", prefix.display()))?;
        let ports = free_ports(servers.len())?;
        let configuration = configuration(&ports, servers, upstream);
        std::fs::write(prefix.join("nginx.conf"), configuration)
            .with_context(|| format!("{} cannot be written to", prefix.display()))?;
        let process = command(&program, &prefix)
            .spawn()
            .context("nginx could not be started")?;
        let mut nginx = Self {
            process,
            program,
            prefix,
            urls: ports
                .iter()
                .map(|port| format!("http://127.0.0.1:{port}"))
                .collect(),
        };
        nginx.wait_until_it_answers().await?;
        Ok(nginx)
    }

    /// Where its servers answer, without a slash at the end.
    pub(crate) fn urls(&self) -> &[String] {
        &self.urls
    }

    async fn wait_until_it_answers(&mut self) -> Result<()> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait()? {
                anyhow::bail!("nginx did not start ({status}); its message is above");
            }
            match self.answers().await {
                Ok(()) => return Ok(()),
                Err(error) if started.elapsed() > PATIENCE => {
                    return Err(error.context("nginx does not answer"));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn answers(&self) -> Result<()> {
        for url in &self.urls {
            client::get(&format!("{url}{READY}")).await?;
        }
        Ok(())
    }
}

impl Drop for Nginx {
    /// A master that is killed leaves its workers behind, so it is asked first.
    fn drop(&mut self) {
        let asked = command(&self.program, &self.prefix)
            .args(["-s", "stop"])
            .stderr(Stdio::null())
            .as_std_mut()
            .status()
            .is_ok_and(|status| status.success());
        let started = Instant::now();
        while asked && started.elapsed() < PATIENCE {
            match self.process.try_wait() {
                Ok(None) => std::thread::sleep(PAUSE),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        // It has ended already, or will not: then there is nothing better to do.
        let _ = self.process.start_kill();
    }
}

fn command(program: &Path, prefix: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .arg("-p")
        .arg(prefix)
        .args(["-c", "nginx.conf", "-e", "stderr"])
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// Different ports that were free a moment ago.
fn free_ports(count: usize) -> Result<Vec<u16>> {
    let listeners = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port can be listened on"))
        .collect::<Result<Vec<_>>>()?;
    let port = |listener: &TcpListener| Ok(listener.local_addr()?.port());
    listeners.iter().map(port).collect()
}

/// nginx as one would set it up for this: a worker for each core, connections that are kept open, no log. Its
/// paths are relative to the prefix.
fn configuration(ports: &[u16], servers: &[String], upstream: &str) -> String {
    let servers: String = ports
        .iter()
        .zip(servers)
        .map(|(port, locations)| {
            format!(
                "    server {{
        listen 127.0.0.1:{port};
        {locations}
    }}
"
            )
        })
        .collect();
    format!(
        "daemon off;
worker_processes auto;
pid nginx.pid;
error_log stderr error;
events {{
    worker_connections 1024;
}}
http {{
    access_log off;
    default_type text/plain;
    keepalive_requests 1000000000;
    client_body_temp_path client_body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {upstream}
{servers}}}
"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_server_has_a_port_and_its_locations() {
        let locations = ["location / { return 200; }", "location / { return 204; }"];
        let configuration = configuration(&[8080, 8081], &locations.map(str::to_owned), "");
        for text in [
            "listen 127.0.0.1:8080;\n        location / { return 200; }\n",
            "listen 127.0.0.1:8081;\n        location / { return 204; }\n",
        ] {
            assert!(configuration.contains(text), "{configuration}");
        }
    }

    #[tokio::test]
    async fn a_body_that_nginx_would_read_otherwise_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for body in ["a \"quote\"", "back\\slash", "$host"] {
            let refused = Nginx::answering(body, folder.path()).await;
            assert!(refused.is_err(), "{body}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
