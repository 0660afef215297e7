//! Protective steps that can be taken out: at the seams, so that the domain's own code stays as it is.

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use spinreel_ledger::LEASE_MS;

use super::effect::Answer;
use super::peers::ServiceCall;
use super::store::Operation;
use super::world::{EFFECT_MS, World};

/// A protective step that is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutation {
    /// Objects are written whether there is one or not.
    InsertsReplace,
    /// Objects are deleted whatever their generation.
    DeletionsTakeAnyGeneration,
    /// Whoever asks for a lock gets it.
    LocksAreAlwaysGranted,
    /// Uploads do not write down what they do.
    IntentsAreNotWritten,
    /// Uncertain moves of the counter are not written down.
    RecountsAreNotWritten,
    /// Whoever reserves does not see what others reserved at the same time.
    SumsAreNotLookedAt,
    /// The sessions of dead uploads go on.
    SessionsAreNotCancelled,
    /// Uploads give no sign of life.
    HeartbeatsAreDropped,
    /// Whatever is found is taken for dead.
    LeasesAreIgnored,
    /// Two get the same number.
    NumbersAreGivenTwice,
    /// Quota is never given back.
    RefundsAreDropped,
    /// The catalogue is not told of deletions.
    WithdrawalsAreDropped,
    /// The catalogue is not told of files.
    AnnouncementsAreDropped,
    /// Nobody waits for what may still have its effect.
    LateEffectsAreNotAwaited,
    /// Operations that go on are passed as if they were over.
    MarksRunAhead,
    /// Sweeps do not hear of users.
    RegistrationsAreDropped,
    /// What the catalogue has not heard is not written down.
    NoticesAreNotWritten,
    /// Every deletion is told that it deleted the object.
    DeletionsAllSucceed,
    /// A deletion that is told that the object was gone takes the others for dead.
    RivalsAreNotAwaited,
    /// The intent of a deletion goes in the same call as its file.
    IntentsGoWithTheirFiles,
    /// Numbers are struck that have files.
    MapsStrikeTheLiving,
    /// A user who is gone is forgotten as well.
    TombstonesAreRemoved,
}

/// All of them.
pub(super) const ALL: [Mutation; 22] = [
    Mutation::InsertsReplace,
    Mutation::DeletionsTakeAnyGeneration,
    Mutation::LocksAreAlwaysGranted,
    Mutation::IntentsAreNotWritten,
    Mutation::RecountsAreNotWritten,
    Mutation::SumsAreNotLookedAt,
    Mutation::SessionsAreNotCancelled,
    Mutation::HeartbeatsAreDropped,
    Mutation::LeasesAreIgnored,
    Mutation::NumbersAreGivenTwice,
    Mutation::RefundsAreDropped,
    Mutation::WithdrawalsAreDropped,
    Mutation::AnnouncementsAreDropped,
    Mutation::LateEffectsAreNotAwaited,
    Mutation::MarksRunAhead,
    Mutation::RegistrationsAreDropped,
    Mutation::NoticesAreNotWritten,
    Mutation::DeletionsAllSucceed,
    Mutation::RivalsAreNotAwaited,
    Mutation::IntentsGoWithTheirFiles,
    Mutation::MapsStrikeTheLiving,
    Mutation::TombstonesAreRemoved,
];

/// The longest pause between two tries of the same, in milliseconds.
const PAUSES_MS: u64 = 8_001;

/// What becomes of a call to the store.
pub(super) enum Instead {
    Do(Operation),
    Answer(Answer),
}

/// Before a call to the store.
pub(super) fn operation(world: &World, operation: Operation) -> Instead {
    let Some(mutation) = world.mutation else {
        return Instead::Do(operation);
    };
    match (mutation, &operation) {
        (Mutation::IntentsAreNotWritten, Operation::Set(pairs))
            if pairs.iter().all(|(key, value)| is_intent(key, value)) =>
        {
            Instead::Answer(Answer::Done)
        }
        (Mutation::RecountsAreNotWritten, Operation::Set(pairs))
            if pairs.iter().any(|(key, value)| is_intent(key, value)) =>
        {
            Instead::Do(without(pairs, "recount", false.into()))
        }
        (Mutation::NoticesAreNotWritten, Operation::Set(pairs))
            if pairs.iter().any(|(key, value)| is_intent(key, value)) =>
        {
            Instead::Do(without(pairs, "notice", serde_json::Value::Null))
        }
        (Mutation::IntentsGoWithTheirFiles, Operation::Delete(keys)) => {
            let mut keys = keys.clone();
            keys.extend(intents_of_deletions(world, &keys));
            Instead::Do(Operation::Delete(keys))
        }
        (Mutation::TombstonesAreRemoved, Operation::Delete(keys)) => {
            let mut keys = keys.clone();
            let tombstones = keys.iter().filter_map(|key| key.strip_suffix("/leaving"));
            let tombstones: Vec<String> = tombstones.map(str::to_owned).collect();
            keys.extend(tombstones);
            Instead::Do(Operation::Delete(keys))
        }
        (Mutation::MapsStrikeTheLiving, Operation::Set(pairs))
            if pairs.iter().any(|(key, _)| key.contains("/files/dead/")) =>
        {
            let struck = pairs.iter().map(|(key, value)| {
                let is_map = key.contains("/files/dead/");
                let value = if is_map {
                    vec![1, 255, 255]
                } else {
                    value.clone()
                };
                (key.clone(), value)
            });
            Instead::Do(Operation::Set(struck.collect()))
        }
        (Mutation::HeartbeatsAreDropped, Operation::Set(pairs))
            if pairs
                .iter()
                .any(|(key, value)| is_heartbeat(world, key, value)) =>
        {
            Instead::Answer(Answer::Done)
        }
        (Mutation::MarksRunAhead, Operation::Set(pairs))
            if pairs.iter().any(|(key, _)| key.ends_with("/files/mark")) =>
        {
            let ahead = pairs
                .iter()
                .map(|(key, value)| (key.clone(), run_ahead(value)));
            Instead::Do(Operation::Set(ahead.collect()))
        }
        (Mutation::RegistrationsAreDropped, Operation::Set(pairs))
            if pairs
                .iter()
                .any(|(key, _)| key.starts_with("storage/users/")) =>
        {
            Instead::Answer(Answer::Done)
        }
        (Mutation::RefundsAreDropped, Operation::Increment { key, delta })
            if key.ends_with("/used") && *delta < 0 =>
        {
            let key = key.clone();
            Instead::Do(Operation::Increment { key, delta: 0 })
        }
        (Mutation::NumbersAreGivenTwice, Operation::Increment { key, .. })
            if key.ends_with("/head") && world.dice.below(3) == 0 =>
        {
            let key = key.clone();
            Instead::Do(Operation::Increment { key, delta: 0 })
        }
        _ => Instead::Do(operation),
    }
}

/// What a read of the store gives.
pub(super) fn value(world: &World, key: &str, value: Option<Vec<u8>>) -> Option<Vec<u8>> {
    match world.mutation {
        Some(Mutation::LocksAreAlwaysGranted) if key.contains("/lock/") => None,
        Some(Mutation::LeasesAreIgnored) if is_intent(key, value.as_deref()?) => {
            abandoned(value.as_deref()?)
        }
        Some(Mutation::RivalsAreNotAwaited) if is_deletion(key, value.as_deref()?) => {
            abandoned(value.as_deref()?)
        }
        _ => value,
    }
}

/// What an increment gives.
pub(super) fn sum(world: &World, key: &str, delta: i64, sum: i64) -> i64 {
    match world.mutation {
        Some(Mutation::LocksAreAlwaysGranted) if key.contains("/lock/") => 1,
        Some(Mutation::SumsAreNotLookedAt) if key.ends_with("/used") && delta > 0 => delta,
        _ => sum,
    }
}

/// Whether somebody does not wait: for a request that may still be on its way, not for a try of its own.
pub(super) fn is_skipped(world: &World, ms: u64) -> bool {
    world.mutation == Some(Mutation::LateEffectsAreNotAwaited)
        && (PAUSES_MS..=2 * EFFECT_MS).contains(&ms)
        && ms != LEASE_MS / 4
}

/// Before a request to the bucket: what is sent, or what is answered instead.
pub(super) fn request(
    world: &World,
    request: Request<Vec<Bytes>>,
) -> Result<Request<Vec<Bytes>>, StatusCode> {
    let is_session = uri_has(&request, "upload_id=");
    match world.mutation {
        Some(Mutation::InsertsReplace) if *request.method() == Method::POST => {
            Ok(unconditional(request))
        }
        Some(Mutation::DeletionsTakeAnyGeneration) if is_deletion_of_object(&request) => {
            Ok(unconditional(request))
        }
        Some(Mutation::SessionsAreNotCancelled)
            if *request.method() == Method::DELETE && is_session =>
        {
            Err(StatusCode::GONE)
        }
        _ => Ok(request),
    }
}

/// Whether a request is to delete an object, and not to end a session.
pub(super) fn is_deletion_of_object(request: &Request<Vec<Bytes>>) -> bool {
    *request.method() == Method::DELETE && !uri_has(request, "upload_id=")
}

/// What a request to the bucket is answered.
pub(super) fn status(world: &World, is_deletion: bool, status: StatusCode) -> StatusCode {
    match world.mutation {
        Some(Mutation::DeletionsAllSucceed) if is_deletion && status.is_client_error() => {
            StatusCode::NO_CONTENT
        }
        _ => status,
    }
}

/// Whether another service does not hear of this.
pub(super) fn is_untold(world: &World, call: &ServiceCall) -> bool {
    matches!(
        (world.mutation, call),
        (
            Some(Mutation::WithdrawalsAreDropped),
            ServiceCall::Withdraw { .. }
        ) | (
            Some(Mutation::AnnouncementsAreDropped),
            ServiceCall::Announce { .. }
        )
    )
}

/// Whether a key is a number's, and what it gets is an intent.
fn is_intent(key: &str, value: &[u8]) -> bool {
    let number = key.rsplit_once("/files/").map(|(_, number)| number);
    number.is_some_and(|number| number.parse::<u64>().is_ok())
        && parse(value).is_some_and(|record| record["record"] == "intent")
}

fn parse(value: &[u8]) -> Option<serde_json::Value> {
    serde_json::from_slice(value).ok()
}

/// A mark that says that all that was ever seen is over.
fn run_ahead(mark: &[u8]) -> Vec<u8> {
    let Some(mut ahead) = parse(mark) else {
        return mark.to_vec();
    };
    ahead["over"] = ahead["head"].clone();
    ahead.to_string().into_bytes()
}

/// The same intent, as others see it when its lease is over.
fn abandoned(value: &[u8]) -> Option<Vec<u8>> {
    let mut intent = parse(value)?;
    intent["until_ms"] = 0.into();
    Some(intent.to_string().into_bytes())
}

fn is_deletion(key: &str, value: &[u8]) -> bool {
    is_intent(key, value) && parse(value).is_some_and(|intent| intent["operation"] == "deletion")
}

/// The same intents, with a field of what is left undone that says that nothing is.
fn without(pairs: &[(String, Vec<u8>)], field: &str, nothing: serde_json::Value) -> Operation {
    let pairs = pairs.iter().map(|(key, value)| {
        let Some(mut intent) = parse(value).filter(|_| is_intent(key, value)) else {
            return (key.clone(), value.clone());
        };
        if intent.get(field).is_some() {
            intent[field] = nothing.clone();
        }
        if intent["rest"].get(field).is_some() {
            intent["rest"][field] = nothing.clone();
        }
        (key.clone(), intent.to_string().into_bytes())
    });
    Operation::Set(pairs.collect())
}

/// The intents of the deletions whose files are among `keys`.
fn intents_of_deletions(world: &World, keys: &[String]) -> Vec<String> {
    let store = world.store.borrow();
    let is_its = |key: &String| {
        let value = store.bytes(key).filter(|value| is_deletion(key, value));
        let Some(intent) = value.and_then(parse) else {
            return false;
        };
        let files = key.rsplit_once('/').map(|(files, _)| files);
        files.is_some_and(|files| keys.contains(&format!("{files}/{}", intent["number"])))
    };
    store
        .values()
        .keys()
        .filter(|key| is_its(key))
        .cloned()
        .collect()
}

/// Whether nothing but the time changes.
fn is_heartbeat(world: &World, key: &str, value: &[u8]) -> bool {
    let store = world.store.borrow();
    let timeless = |value: &[u8]| {
        let mut intent = parse(value)?;
        intent["until_ms"] = 0.into();
        Some(intent)
    };
    is_intent(key, value)
        && store
            .bytes(key)
            .is_some_and(|old| timeless(old) == timeless(value))
}

fn uri_has(request: &Request<Vec<Bytes>>, parameter: &str) -> bool {
    let query = request.uri().query();
    query.is_some_and(|query| query.contains(parameter))
}

/// The same request without its precondition.
fn unconditional(mut request: Request<Vec<Bytes>>) -> Request<Vec<Bytes>> {
    let uri = request
        .uri()
        .to_string()
        .replace("ifGenerationMatch=", "x=");
    *request.uri_mut() = uri.parse::<Uri>().expect("it was one");
    request
}
