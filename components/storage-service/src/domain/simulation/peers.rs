//! The other services: usage-service's bandwidth and alerts, video-service's catalogue.

use std::collections::{BTreeMap, BTreeSet};

use spinreel_api::internal::StoredVideo;

use super::effect::Answer;
use super::world::World;

/// A call to another service.
#[derive(Debug, Clone)]
pub(super) enum ServiceCall {
    Reserve,
    Settle,
    Announce { id: String, video: Box<StoredVideo> },
    Withdraw { id: String },
    Alert { id: String },
}

/// What the other services know.
#[derive(Debug, Default)]
pub(super) struct Services {
    /// The videos by id.
    pub(super) catalogue: BTreeMap<String, StoredVideo>,
    /// What the storage calls the files that it ever spoke of, by id.
    pub(super) locations: BTreeMap<String, String>,
    /// The ids of alerts.
    pub(super) alerts: BTreeSet<String>,
}

impl Services {
    pub(super) fn apply(&mut self, call: &ServiceCall, world: &World) -> Answer {
        match call {
            ServiceCall::Reserve => {
                return Answer::Granted(!world.happens(world.profile.bandwidth_refusals));
            }
            ServiceCall::Settle => {}
            ServiceCall::Announce { id, video } => {
                self.locations.insert(id.clone(), video.location.clone());
                self.catalogue.insert(id.clone(), (**video).clone());
            }
            ServiceCall::Withdraw { id } => {
                self.catalogue.remove(id);
            }
            ServiceCall::Alert { id } => {
                self.alerts.insert(id.clone());
            }
        }
        Answer::Done
    }
}
