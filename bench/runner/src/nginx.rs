//! nginx answering fixed bytes: what a web server costs that runs no code of its users.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::process::{Child, Command};

use crate::{http, tools};

/// How long starting, and stopping, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// A running nginx. Dropping it ends the master process and with it the workers.
pub(crate) struct Nginx {
    process: Child,
    program: PathBuf,
    prefix: PathBuf,
    url: String,
}

impl Nginx {
    /// Starts an nginx on a free port that answers every request with `body`; all its files are in `folder`.
    pub(crate) async fn start(body: &str, folder: &Path) -> Result<Self> {
        let program = tools::find_or_install("nginx").await?;
        let prefix = folder.join("nginx");
        std::fs::create_dir(&prefix)
            .with_context(|| format!("{} cannot be made", prefix.display()))?;
        let port = free_port()?;
        std::fs::write(prefix.join("nginx.conf"), configuration(port, body)?)
            .with_context(|| format!("{} cannot be written to", prefix.display()))?;
        let process = command(&program, &prefix)
            .spawn()
            .context("nginx could not be started")?;
        let mut nginx = Self {
            process,
            program,
            prefix,
            url: format!("http://127.0.0.1:{port}/"),
        };
        nginx.wait_until_it_answers().await?;
        Ok(nginx)
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    async fn wait_until_it_answers(&mut self) -> Result<()> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait()? {
                anyhow::bail!("nginx did not start ({status}); its message is above");
            }
            match http::get(&self.url).await {
                Ok(_) => return Ok(()),
                Err(error) if started.elapsed() > PATIENCE => {
                    return Err(error.context("nginx does not answer"));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
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

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port can be listened on")?;
    Ok(listener.local_addr()?.port())
}

/// nginx as one would set it up for this: a worker for each core, connections that are kept open, no log. Its
/// paths are relative to the prefix.
fn configuration(port: u16, body: &str) -> Result<String> {
    ensure!(
        !body.contains(['"', '\\', '$']),
        "the body has characters that mean something in nginx's configuration"
    );
    Ok(format!(
        r#"daemon off;
worker_processes auto;
pid nginx.pid;
error_log stderr warn;
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
    server {{
        listen 127.0.0.1:{port};
        location / {{
            return 200 "{body}";
        }}
    }}
}}
"#
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::hello_server::BODY;

    #[test]
    fn the_configuration_holds_the_body_as_it_is() {
        let configuration = configuration(8080, BODY).unwrap();
        assert!(configuration.contains(&format!("return 200 \"{BODY}\";")));
        assert!(configuration.contains("listen 127.0.0.1:8080;"));
    }

    #[test]
    fn a_body_that_nginx_would_read_otherwise_is_refused() {
        for body in ["a \"quote\"", "back\\slash", "$host"] {
            assert!(configuration(8080, body).is_err(), "{body}");
        }
    }
}
