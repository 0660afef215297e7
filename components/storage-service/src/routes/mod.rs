//! The handlers: from a request to the domain and back.

pub mod content;
pub mod delete_file;
pub mod health;
pub mod storage_status;
pub mod upload;

use spinreel_gcs::{Client, Credentials, Endpoint, Error as BucketError, RetryPolicy};
use spinreel_http::Problem;
use spinreel_identity::User;
use spinreel_service::{Context, WasiClock, WasiHttp, WasiRandom, WasiStore};

use crate::domain::record::Owner;
use crate::domain::storage::Storage;
use crate::peers::HttpPeers;

/// The storage over WASI.
pub(crate) type WasiStorage<'a> =
    Storage<&'a WasiStore, WasiHttp, WasiClock, WasiRandom, HttpPeers<'a>>;

/// How long a client waits for a bucket that does not answer.
const RETRIES: RetryPolicy = RetryPolicy {
    attempts: 4,
    total_ms: 10_000,
    first_pause_ms: 200,
    longest_pause_ms: 2_000,
};

/// The storage for one request.
pub(crate) fn storage(context: &Context) -> Result<WasiStorage<'_>, Problem> {
    Ok(Storage {
        store: &context.store,
        bucket: bucket(context, RETRIES)?,
        clock: context.clock,
        peers: HttpPeers(context),
        limit: context.settings.number("storage_limit_bytes"),
    })
}

/// The bucket's client.
pub(crate) fn bucket(
    context: &Context,
    retries: RetryPolicy,
) -> Result<Client<WasiHttp, WasiClock, WasiRandom>, Problem> {
    let settings = &context.settings;
    let endpoint = Endpoint::new(settings.text("gcs_endpoint"), settings.text("gcs_bucket"))
        .map_err(Problem::internal)?;
    let client = Client::new(
        context.http,
        context.clock,
        context.random,
        endpoint,
        Credentials::Anonymous,
    );
    Ok(client.with_retry_policy(retries))
}

/// The owner that a user's token names.
pub(crate) fn owner(user: &User) -> Owner {
    Owner {
        user_id: user.user_id.clone(),
        username: user.username.clone(),
    }
}

/// What a client is told when the bucket fails: 503 where it may go better later, else 500.
pub(crate) fn bucket_problem(error: &BucketError) -> Problem {
    if error.is_temporary() {
        Problem::unavailable(error)
    } else {
        Problem::internal(error)
    }
}
