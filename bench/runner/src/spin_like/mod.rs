//! `spin-like`: what small requests cost where a durable write takes what it takes on Spin, and where there are no more
//! instances than on Spin. The components of this folder, or beside them those of an older build, on hosts of one profile
//! or of both, each in a process of its own.
//!
//! - `build`: which components, and their manifest
//! - `server`: the application in a process of its own
//! - `site`: such a process with the users and files that are asked for
//! - `loads`: what is asked for; `uploads`: the load that wrk cannot send
//! - `results`: the table and the JSON

mod build;
mod loads;
mod results;
mod server;
mod site;
mod uploads;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;

use self::build::Build;
use self::loads::LOADS;
use self::results::{Measured, Results};
pub(crate) use self::server::{Arguments, serve};
use self::site::Site;
use crate::profile::Profile;
use crate::report::Report;
use crate::step;
use crate::wrk::Wrk;

/// What `spin-like` is told.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Options of spin-like")]
pub(crate) struct Settings {
    /// How long each request is sent.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// A folder with an older build: its `spin.toml`, `runtime-config.toml` and `*_service.wasm`. It is measured beside the
    /// present one, by the present routes.
    #[arg(long, value_name = "DIR")]
    components: Option<PathBuf>,
    /// The hosts that it is measured on.
    #[arg(long, value_enum, default_value_t = Profiles::AsSpin)]
    profile: Profiles,
}

/// One profile or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Profiles {
    Ordinary,
    AsSpin,
    Both,
}

impl Profiles {
    fn list(self) -> &'static [Profile] {
        match self {
            Self::Ordinary => &[Profile::Ordinary],
            Self::AsSpin => &[Profile::AsSpin],
            Self::Both => &[Profile::AsSpin, Profile::Ordinary],
        }
    }
}

/// Measures every request, on each host one after another before the next request.
pub(crate) async fn run(settings: &Settings) -> Result<Report> {
    // Declared first, so that it is removed last.
    let folder = tempfile::tempdir()?;
    let wrk = Wrk::new(folder.path()).await?;
    let seconds = Duration::from_secs(settings.seconds);
    let mut builds = Vec::new();
    if let Some(old) = &settings.components {
        builds.push(Build::old(old, folder.path())?);
    }
    builds.push(Build::present());
    let mut sites = Vec::new();
    for &profile in settings.profile.list() {
        for build in &builds {
            step(&format!(
                "Starting the {} build, {}",
                build.name,
                profile.name()
            ));
            sites.push(Site::start(build, profile, folder.path()).await?);
        }
    }
    let mut measured = Vec::new();
    for (number, load) in LOADS.iter().enumerate() {
        for site in &mut sites {
            step(&format!("{}: {}", site.name(), load.title));
            measured.push(Measured {
                load: number,
                build: site.build,
                profile: site.profile,
                figures: site.measure(load, &wrk, seconds).await?,
            });
        }
    }
    let results = Results {
        seconds: settings.seconds,
        measured,
    };
    Ok(results.report())
}
