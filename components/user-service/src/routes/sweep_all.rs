use std::rc::Rc;

use futures::future::join4;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use spinreel_api::operations::{
    Sweep, SweepAll, Swept, SweptAll, SweptUsage, SweptUsers, SweptVideos,
};
use spinreel_http::Problem;
use spinreel_http::query::{decode_cursor, encode_cursor};
use spinreel_ledger::Cell;
use spinreel_service::{Call, Context, Outcome, json};

use super::{sweep, unavailable};

/// The list's name in cursors.
const LIST: &str = "sweep";

/// How far a round through all users is. A hint: where it is lost, or two calls race, some are looked at twice. All who send no
/// cursor share one, which is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Round {
    storage: Progress,
    users: Progress,
}

/// How far one service is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Progress {
    #[default]
    Start,
    /// The cursor of the next page.
    At(String),
    /// It waits for the others to end the round.
    Done,
}

impl Progress {
    fn cursor(&self) -> Option<String> {
        match self {
            Self::At(cursor) => Some(cursor.clone()),
            Self::Start | Self::Done => None,
        }
    }

    /// After a page that gave this cursor.
    fn after(cursor: &Option<String>) -> Self {
        cursor.clone().map_or(Self::Done, Self::At)
    }
}

fn round() -> Cell<Round> {
    Cell::new("users/sweep")
}

/// `POST /internal/sweep`: does a page of what is due in each service, of the shared round or of the caller's own. One that cannot be reached keeps none of the others
/// from theirs, and makes the answer 503.
pub(crate) async fn sweep_all(mut call: Call) -> Outcome {
    let request: SweepAll = call.request.json_or_default().await?;
    let context = &call.context;
    let begin = match (&request.cursor, request.from_start) {
        (Some(cursor), _) => decode_cursor(LIST, cursor)?,
        (None, true) => Round::default(),
        (None, false) => {
            let shared = round().get(&context.store).await.map_err(unavailable)?;
            shared.unwrap_or_default()
        }
    };
    let is_shared = request.cursor.is_none() && !request.from_start;
    let page = |progress: &Progress| Sweep {
        cursor: progress.cursor(),
        offline: request.offline,
    };
    let (storage, users, usage, videos) = join4(
        sweep_storage(context, &begin.storage, page(&begin.storage)),
        sweep_users(context, &begin.users, page(&begin.users)),
        sweep_usage(context, page(&Progress::Start)),
        sweep_videos(context, page(&Progress::Start)),
    )
    .await;
    let after = Round {
        storage: progress(&storage, &begin.storage, |swept| &swept.next_cursor),
        users: progress(&users, &begin.users, |swept| &swept.next_cursor),
    };
    let is_over = after.storage == Progress::Done && after.users == Progress::Done;
    if is_shared {
        let next = match is_over {
            true => Round::default(),
            false => after.clone(),
        };
        // A round that fits one page writes nothing.
        if next != begin {
            round()
                .set(&context.store, &next)
                .await
                .map_err(unavailable)?;
        }
    }
    let (usage, videos) = (usage?, videos?);
    let more = !is_over || usage.more || videos.more;
    let swept = SweptAll {
        storage: storage?,
        users: users?,
        usage,
        videos,
        more,
        next_cursor: (more && !is_shared).then(|| encode_cursor(LIST, &after)),
    };
    json(StatusCode::OK, &swept)
}

async fn sweep_storage(
    context: &Context,
    progress: &Progress,
    page: Sweep,
) -> Result<Swept, Problem> {
    if *progress == Progress::Done {
        return Ok(Swept::default());
    }
    let storage = context.storage();
    Ok(storage
        .call(Method::POST, "/internal/storage/sweep", &page)
        .await?)
}

async fn sweep_users(
    context: &Rc<Context>,
    progress: &Progress,
    page: Sweep,
) -> Result<SweptUsers, Problem> {
    match progress {
        Progress::Done => Ok(SweptUsers::default()),
        _ => sweep::page(context, page).await,
    }
}

async fn sweep_usage(context: &Context, page: Sweep) -> Result<SweptUsage, Problem> {
    let usage = context.usage();
    Ok(usage
        .call(Method::POST, "/internal/usage/sweep", &page)
        .await?)
}

async fn sweep_videos(context: &Context, page: Sweep) -> Result<SweptVideos, Problem> {
    let videos = context.videos();
    Ok(videos
        .call(Method::POST, "/internal/videos/sweep", &page)
        .await?)
}

/// How far a service is after a page: where it began, if that failed.
fn progress<T>(
    swept: &Result<T, Problem>,
    begin: &Progress,
    cursor: impl Fn(&T) -> &Option<String>,
) -> Progress {
    match swept {
        Ok(swept) => Progress::after(cursor(swept)),
        Err(_) => begin.clone(),
    }
}
