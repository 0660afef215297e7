//! What must be true when everything is over: nothing goes wrong any more, every lease has ended, and what was left
//! half-done is settled.

use std::collections::BTreeMap;

use spinreel_gcs::WRITE_ID;
use spinreel_ledger::Patience;

use super::clients::{delete, owner, purge, read_whole, storage, upload};
use super::history::{Answer, Content, Purge};
use super::requests::{NAMES, Sending, USERS};
use super::store::KeyValues;
use super::world::{EFFECT_MS, World};
use crate::domain::reconcile::Place;
use crate::domain::record::{FILE_NUMBER, FileRecord, Record};
use crate::domain::tidy::Eagerness;

/// Longer than every lease and every call, in milliseconds.
const LONG_MS: u64 = 400_000;
/// Longer than every call, in milliseconds.
const CALLS_MS: u64 = EFFECT_MS + 1;
/// In so many rounds everything is settled.
const ROUNDS: usize = 6;
/// How many keys a user has besides those of files: heads, counters, marks, the alert, maps of the dead, a place in the
/// list of users.
const FIXED_KEYS: usize = 12;
/// How many keys a file has: its entry, and its name.
const KEYS_OF_A_FILE: usize = 2;

/// Lets everything be settled, and says what is wrong then.
pub(super) async fn check(world: &World) {
    // Nobody is at work any more, and whoever knows that need not wait for leases.
    let eagerness = world.dice.pick(&[Eagerness::Now, Eagerness::Offline]);
    world.trace(format_args!("all is calm, {eagerness:?}"));
    settle(world, eagerness).await;
    if world.is_violated() {
        return;
    }
    check_state(world);
    check_reading(world).await;
    check_reconcile(world).await;
    // A lock whose holder died is in the way until its time is over.
    world.pause(LONG_MS).await;
    check_names(world).await;
    settle(world, Eagerness::Now).await;
    check_state(world);
    check_keys(world);
    check_purge(world).await;
}

/// What time, the users' own requests and the sweep do for what was left half-done.
async fn settle(world: &World, eagerness: Eagerness) {
    for _ in 0..ROUNDS {
        let wait_ms = match eagerness {
            Eagerness::Offline => CALLS_MS,
            Eagerness::Now | Eagerness::InPassing(_) => LONG_MS,
        };
        world.pause(wait_ms).await;
        let mut cursor = None;
        let mut pending = 0;
        loop {
            match storage(world).sweep(cursor, eagerness).await {
                Ok(swept) => {
                    pending += swept.pending;
                    cursor = swept.next;
                }
                Err(error) => return world.violated(format!("the sweep fails: {error}")),
            }
            if cursor.is_none() {
                break;
            }
        }
        if pending == 0 && intents(world).is_empty() {
            return;
        }
    }
    world.violated(format!("never settled: {:?}", intents(world)));
}

/// The intents that are left.
fn intents(world: &World) -> Vec<String> {
    let store = world.store.borrow();
    let keys = store.values().keys();
    keys.filter(|key| {
        let is_numbered = number_of(key).is_some();
        is_numbered && matches!(record(&store, key), Some(Record::Intent(_)))
    })
    .cloned()
    .collect()
}

/// The number in a key `storage/{user}/files/{number}`.
fn number_of(key: &str) -> Option<u64> {
    let mut parts = key.split('/').skip(2);
    (parts.next() == Some("files")).then_some(())?;
    let number = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some(number)
}

fn record(store: &KeyValues, key: &str) -> Option<Record> {
    let record = serde_json::from_slice(store.bytes(key)?);
    Some(record.expect("a record can be read"))
}

/// The user's files by number.
pub(super) fn files(world: &World, user: usize) -> BTreeMap<u64, FileRecord> {
    let store = world.store.borrow();
    let prefix = format!("storage/{}/files/", USERS[user].0);
    let keys = store.values().range(prefix.clone()..).map(|(key, _)| key);
    keys.take_while(|key| key.starts_with(&prefix))
        .filter_map(|key| {
            let number = number_of(key)?;
            match record(&store, key)? {
                Record::File(file) => Some((number, file)),
                Record::Intent(_) => None,
            }
        })
        .collect()
}

/// Entries, objects, the counter and the catalogue say the same, and it is what clients were told.
fn check_state(world: &World) {
    let mut objects = world.bucket.borrow().objects().clone();
    let mut catalogue = world.services.borrow().catalogue.clone();
    let history = world.history.borrow();
    let mut present = Vec::new();
    for (user, (user_id, _)) in USERS.iter().enumerate() {
        let mut sum = 0;
        if files(world, user).len() as u64 > world.profile.files_per_user {
            world.violated(format!("{user_id} has too many files"));
        }
        for (number, file) in files(world, user) {
            let id = &file.head.id;
            let Some(tried) = history.upload(id) else {
                world.violated(format!("{id} is a file that nobody uploaded"));
                continue;
            };
            sum += file.object.size.cast_signed();
            if !tried.whole {
                world.violated(format!("{id} is a file, and its client went away"));
            }
            match objects.remove(&owner(user).object_name(&tried.name)) {
                None => world.violated(format!("{id} has no object")),
                Some(object) => {
                    if object.generation != file.object.generation
                        || object.metadata(WRITE_ID) != Some(id)
                        || object.metadata(FILE_NUMBER) != Some(&number.to_string())
                    {
                        let generation = object.generation;
                        world.violated(format!("the object of {id} is another one: {generation}"));
                    } else if object.size != file.object.size
                        || !object.holds(tried.content.bytes())
                    {
                        world.violated(format!("the bytes of {id} are others"));
                    }
                }
            }
            match catalogue.remove(id) {
                None => world.violated(format!("the catalogue does not know {id}")),
                Some(video) if video.size != file.object.size => {
                    world.violated(format!("the catalogue has a wrong size of {id}"));
                }
                Some(_) => {}
            }
            present.push(id.clone());
        }
        let key = format!("storage/{user_id}/used");
        let used = world.store.borrow().counter(&key);
        if used != sum {
            world.violated(format!("{key} is {used}, the files have {sum} bytes"));
        }
    }
    if let Some(name) = objects.keys().next() {
        world.violated(format!("the object {name} belongs to no file"));
    }
    if let Some(id) = catalogue.keys().next() {
        world.violated(format!("the catalogue knows {id}, which is no file"));
    }
    for (user, purge) in history.purges.into_iter().enumerate() {
        if purge == Purge::Done && !files(world, user).is_empty() {
            world.violated(format!("{} has files, and is gone", USERS[user].0));
        }
    }
    for tried in &history.uploads {
        let is_certain = tried.acknowledged.is_some() && !history.may_be_deleted(tried);
        if is_certain && !present.contains(&tried.id) {
            world.violated(format!("{} was acknowledged and is gone", tried.id));
        }
    }
    for asked in &history.deletions {
        if let Some(Answer::Deleted(id)) = &asked.answer
            && present.contains(id)
        {
            world.violated(format!("{id} was deleted and is there"));
        }
    }
}

/// Every file that somebody relies on can be read to its end.
async fn check_reading(world: &World) {
    let certain: Vec<String> = (0..USERS.len())
        .flat_map(|user| world.history.borrow().certain(user, None, u64::MAX))
        .collect();
    for id in certain {
        if read_whole(world, &id).await != Some(true) {
            world.violated(format!("{id} cannot be read"));
        }
    }
}

/// A reconciliation has nothing to find.
async fn check_reconcile(world: &World) {
    let mut place = Some(Place::Users(None));
    while let Some(at) = place {
        match storage(world).reconcile(at, false, Patience::Leases).await {
            Ok(reconciled) => {
                if let Some(finding) = reconciled.findings.first() {
                    world.violated(format!("a reconciliation finds {finding:?}"));
                }
                place = reconciled.next;
            }
            Err(error) => return world.violated(format!("the reconciliation fails: {error}")),
        }
    }
}

/// A user who has something can be removed, and then has nothing but numbers and a tombstone, whatever comes late.
async fn check_purge(world: &World) {
    for user in 0..USERS.len() {
        upload(world, small(world, user, NAMES[0])).await;
        let mut rounds = 0;
        while !purge(world, user).await {
            rounds += 1;
            if rounds == ROUNDS {
                return world.violated("a user cannot be removed".to_owned());
            }
            world.pause(LONG_MS).await;
        }
        upload(world, small(world, user, NAMES[1])).await;
    }
    check_state(world);
    let numbers = ["files/head", "files/dead/0/0", "files/mark", "used", "user"];
    let store = world.store.borrow();
    for (user_id, _) in USERS {
        let prefix = format!("storage/{user_id}/");
        let keys = store.values().keys();
        let mut more = keys
            .filter_map(|key| key.strip_prefix(&prefix))
            .filter(|key| {
                // Of these, nobody knows whether they are there.
                !numbers.contains(key) && !key.starts_with("lock/") && !key.starts_with("name/")
            });
        if let Some(key) = more.next() {
            world.violated(format!("{key} is left of {user_id}, who is removed"));
        }
    }
}

/// A file that fits.
fn small(world: &World, user: usize, name: &'static str) -> Sending {
    let length = 10;
    Sending {
        user,
        name,
        content: Content::roll(&world.dice, length),
        expected: length as u64,
        piece: length,
        cut_off: None,
    }
}

/// Whether a user has a tombstone: somebody asked for a purge, and need not have been told that it was done.
fn is_buried(world: &World, user: usize) -> bool {
    let key = format!("storage/{}/user", USERS[user].0);
    world.store.borrow().bytes(&key) == Some(&b"\"gone\""[..])
}

/// Every name can be deleted where it is taken, and is free then: for a file that takes the whole quota.
async fn check_names(world: &World) {
    for user in (0..USERS.len()).filter(|user| !is_buried(world, *user)) {
        // Whoever died with nothing but a number takes a place until a lease after somebody looked.
        upload(world, small(world, user, NAMES[3])).await;
        world.pause(LONG_MS).await;
        for file in files(world, user).into_values() {
            delete(world, user, &file.head.name).await;
        }
        if !files(world, user).is_empty() {
            return world.violated("a file cannot be deleted".to_owned());
        }
        let whole = usize::try_from(world.profile.limit).unwrap_or(usize::MAX);
        for (index, name) in NAMES.into_iter().enumerate() {
            let length = if index == 0 && !world.profile.large_files {
                whole
            } else {
                10
            };
            let content = Content::roll(&world.dice, length);
            let sending = Sending {
                user,
                name,
                content,
                expected: length as u64,
                piece: length,
                cut_off: None,
            };
            upload(world, sending).await;
            if files(world, user)
                .values()
                .all(|file| file.head.name != name)
            {
                return world.violated(format!("{name} cannot be uploaded"));
            }
            delete(world, user, name).await;
            if !files(world, user).is_empty() {
                return world.violated(format!("{name} cannot be deleted"));
            }
        }
    }
}

/// What is left of all that was deleted does not grow.
fn check_keys(world: &World) {
    let store = world.store.borrow();
    for (user, (user_id, _)) in USERS.iter().enumerate() {
        let prefix = format!("storage/{user_id}/");
        let locks = format!("{prefix}lock/");
        let keys = store.values().keys().filter(|key| key.starts_with(&prefix));
        // A holder of a lock that died leaves its key.
        let (locks, keys): (Vec<&String>, Vec<&String>) =
            keys.partition(|key| key.starts_with(&locks));
        let bound = FIXED_KEYS + KEYS_OF_A_FILE * files(world, user).len();
        if keys.len() > bound {
            world.violated(format!("{} keys are left: {keys:?}", keys.len()));
        }
        if locks.len() as u64 > world.troubles.get() {
            world.violated(format!("{} locks are left: {locks:?}", locks.len()));
        }
    }
}
