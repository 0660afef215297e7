//! The handlers: from a request to the domain and back.

pub mod attachments;
pub mod content;
pub mod delete_file;
pub mod expected;
pub mod form;
pub mod health;
pub mod limit;
pub mod purge;
pub mod reconcile;
pub mod storage_status;
pub mod sweep;
pub mod upload;
pub mod uploads;

use serde_json::json;
use spinreel_api::actions::Action;
use spinreel_api::logs::Level;
use spinreel_gcs::{Client, Credentials, Endpoint, Error as BucketError, RetryPolicy};
use spinreel_http::Problem;
use spinreel_identity::User;
use spinreel_ledger::LedgerError;
use spinreel_service::{Call, Context, WasiClock, WasiHttp, WasiRandom, WasiStore};

use crate::bucket_token::SealedToken;
use crate::domain::record::{Owner, UserFiles, is_user_id};
use crate::domain::resumable::Rules;
use crate::domain::storage::Storage;
use crate::domain::tidy::{Eagerness, Tidied};
use crate::domain::upload::CHUNK;
use crate::peers::HttpPeers;

/// The storage over WASI.
pub(crate) type WasiStorage<'a> =
    Storage<&'a WasiStore, WasiHttp, WasiClock, WasiRandom, HttpPeers<'a>, SealedToken<'a>>;

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
        peers: HttpPeers::new(context),
        limit: context.settings.number("storage_limit_bytes"),
        files_per_user: context.settings.number("files_per_user").unsigned_abs(),
        chunk: CHUNK,
        resumable: Rules {
            most: number(context, "uploads_per_user"),
            expiry_ms: number(context, "upload_expiry_seconds").saturating_mul(1_000),
            patience_ms: 1_000,
            secret: context.settings.text("service_secret").to_owned(),
        },
    })
}

fn number(context: &Context, name: &str) -> u64 {
    u64::try_from(context.settings.number(name)).unwrap_or(0)
}

/// The bucket's client.
pub(crate) fn bucket(
    context: &Context,
    retries: RetryPolicy,
) -> Result<Client<WasiHttp, WasiClock, WasiRandom, SealedToken<'_>>, Problem> {
    let settings = &context.settings;
    let endpoint = Endpoint::new(settings.text("gcs_endpoint"), settings.text("gcs_bucket"))
        .map_err(Problem::internal)?;
    let credentials = Credentials::from_setting(settings.text("gcs_credentials"))
        .map_err(|error| Problem::internal(format!("gcs_credentials: {error}")))?;
    let client = Client::new(
        context.http,
        context.clock,
        context.random,
        endpoint,
        credentials,
    );
    let tokens = SealedToken(context);
    Ok(client.with_retry_policy(retries).with_token_cache(tokens))
}

/// Whether a value of `gcs_credentials` can be used.
pub(crate) fn are_credentials(value: &str) -> bool {
    Credentials::from_setting(value).is_ok()
}

/// The owner that a user's token names.
pub(crate) fn owner(user: &User) -> Owner {
    Owner {
        user_id: user.user_id.clone(),
        username: user.username.clone(),
    }
}

/// The user that a service speaks of. An id that no user can have is a path that does not exist.
fn user_in_path(call: &Call) -> Result<&str, Problem> {
    let id = call.parameters.get("id");
    match is_user_id(id) {
        true => Ok(id),
        false => Err(Problem::not_found()),
    }
}

/// Says so where most of the quota is used.
pub(crate) async fn report_use(context: &Context, user_id: &str) {
    let Ok(storage) = storage(context) else {
        return;
    };
    if let Err(error) = storage.report_use(&UserFiles::new(user_id)).await {
        context.log.internal(
            Level::Warn,
            Action::AlertUnsent,
            error.to_string(),
            json!({}),
        );
    }
}

/// What nobody waits for after the operation of a number: a look for what the user's requests left half-done.
pub(crate) async fn tidy_after(context: &Context, user_id: &str, number: u64) {
    let Ok(storage) = storage(context) else {
        return;
    };
    let files = UserFiles::new(user_id);
    let eagerness = Eagerness::InPassing(number);
    log_tidied(context, storage.tidy(&files, eagerness).await);
}

/// Says in the log what came of a look.
pub(crate) fn log_tidied(context: &Context, tidied: Result<Tidied, LedgerError>) {
    match tidied {
        Ok(tidied) if tidied.settled > 0 || tidied.recounted => context.log.info(
            Action::StorageSettled,
            format!(
                "Settled {} operations that were left half-done",
                tidied.settled
            ),
            json!({ "operation.count": tidied.settled, "storage.recounted": tidied.recounted }),
        ),
        Ok(_) => {}
        Err(error) => context.log.internal(
            Level::Warn,
            Action::StorageUnsettled,
            error.to_string(),
            json!({}),
        ),
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
