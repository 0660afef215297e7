//! The domain's [`Peers`] over HTTP.

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use spinreel_api::actions;
use spinreel_api::alerts::RaiseAlert;
use spinreel_api::internal::{AnnounceVideo, Direction, KnownVideo, Reservation, Reserve, Settle};
use spinreel_api::logs::Level;
use spinreel_api::usage::Action;
use spinreel_api::videos::Details;
use spinreel_http::Problem;
use spinreel_service::{Context, PeerError};

use crate::domain::peers::{Announced, PeerFailure, Peers, is_for_good};
use crate::domain::record::is_user_id;

/// The other services, as the request's context reaches them.
#[derive(Debug, Clone, Copy)]
pub struct HttpPeers<'a> {
    /// The request's surroundings.
    pub context: &'a Context,
    offline: bool,
}

impl<'a> HttpPeers<'a> {
    /// For a request beside which others are at work.
    pub fn new(context: &'a Context) -> Self {
        Self {
            context,
            offline: false,
        }
    }

    /// For one whose caller vouches that nobody else is at work: the catalogue need not wait for locks of the dead.
    #[must_use]
    pub fn offline(self) -> Self {
        Self {
            offline: true,
            ..self
        }
    }
}

impl Peers for HttpPeers<'_> {
    async fn reserve_bandwidth(
        &self,
        user_id: &str,
        bytes: u64,
    ) -> Result<Option<Reservation>, PeerFailure> {
        let reserve = Reserve {
            user_id: user_id.to_owned(),
            direction: Direction::In,
            bytes,
            playback: None,
        };
        let usage = self.context.usage().about(user_id);
        let answer = usage
            .call(Method::POST, "/internal/usage/reservations", &reserve)
            .await;
        match answer {
            Ok(reservation) => Ok(Some(reservation)),
            Err(PeerError::Refused { code, .. }) if code == "bandwidth_exceeded" => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    }

    async fn settle_bandwidth(
        &self,
        user_id: &str,
        reservations: &[Reservation],
        moved: u64,
        action: Option<Action>,
    ) -> Result<(), PeerFailure> {
        let settle = Settle {
            user_id: user_id.to_owned(),
            reservations: reservations.to_vec(),
            moved,
            action,
        };
        self.context
            .usage()
            .about(user_id)
            .call::<Value>(Method::POST, "/internal/usage/settlements", &settle)
            .await
            .map(drop)
            .map_err(|error| failure(&error))
    }

    async fn announce(&self, id: &str, video: &AnnounceVideo) -> Result<Announced, PeerFailure> {
        let may_be_unwanted = video.expected || video.replaces.is_some();
        let path = format!("/internal/videos/{id}?offline={}", self.offline);
        let videos = self.context.videos().about(&video.stored.owner);
        match videos.call::<Value>(Method::PUT, &path, video).await {
            Err(PeerError::Refused { code, .. }) if may_be_unwanted && code == "video_gone" => {
                Ok(Announced::Unwanted)
            }
            answer => self.told(id, answer).map(|()| Announced::Taken),
        }
    }

    async fn withdraw(&self, id: &str, user_id: &str, location: &str) -> Result<(), PeerFailure> {
        // A location has no character that a query would need encoded.
        let path = format!(
            "/internal/videos/{id}?location={location}&offline={}",
            self.offline
        );
        let videos = self.context.videos().about(user_id);
        let answer = videos
            .call::<Value>(Method::DELETE, &path, &Value::Null)
            .await;
        self.told(id, answer)
    }

    async fn report_alert(&self, id: &str, alert: &RaiseAlert) -> Result<(), PeerFailure> {
        self.context
            .usage()
            .about(&alert.user_id)
            .call::<Value>(Method::PUT, &format!("/internal/usage/alerts/{id}"), alert)
            .await
            .map(drop)
            .map_err(|error| failure(&error))
    }
}

impl HttpPeers<'_> {
    /// What the catalogue knows of a video of the user; `None` where that is nothing.
    pub async fn video(&self, user_id: &str, id: &str) -> Result<Option<KnownVideo>, Problem> {
        if !is_user_id(id) {
            return Ok(None);
        }
        let path = format!("/internal/videos/{id}");
        let videos = self.context.videos().about(user_id);
        match videos.call(Method::GET, &path, &()).await {
            Ok(known) => Ok(Some(known)),
            Err(PeerError::Refused { status, .. }) if status == StatusCode::NOT_FOUND => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What a client says of a video, as the catalogue would keep it: 422 where that cannot be said.
    pub async fn check_details(
        &self,
        user_id: &str,
        said: &Map<String, Value>,
    ) -> Result<Details, Problem> {
        let videos = self.context.videos().about(user_id);
        let checked = videos
            .call(Method::POST, "/internal/videos/details", said)
            .await;
        checked.map_err(|error| error.passed_on(&["invalid_request"]))
    }

    /// What it means to have told the catalogue.
    fn told(&self, id: &str, answer: Result<Value, PeerError>) -> Result<(), PeerFailure> {
        match answer {
            Ok(_) => Ok(()),
            // Said again and again, it would keep everything else of the user from being brought to its end.
            Err(error @ PeerError::Refused { status, .. }) if is_for_good(status) => {
                self.context.log.internal(
                    Level::Error,
                    actions::Action::CatalogueRefused,
                    error.to_string(),
                    json!({ "video.id": id }),
                );
                Ok(())
            }
            Err(error) => Err(failure(&error)),
        }
    }
}

fn failure(error: &PeerError) -> PeerFailure {
    PeerFailure(error.to_string())
}
