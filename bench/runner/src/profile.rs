//! The profile of an embedded host, as a word on a command line.

use clap::ValueEnum;

/// What `spinreel_host` calls a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// As fast as the machine allows.
    Ordinary,
    /// Never better than Spin.
    AsSpin,
}

impl Profile {
    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::AsSpin => "as-spin",
        }
    }
}

impl From<Profile> for spinreel_host::Profile {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Ordinary => Self::Ordinary,
            Profile::AsSpin => Self::AsSpin,
        }
    }
}
