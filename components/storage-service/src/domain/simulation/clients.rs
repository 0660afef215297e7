//! The clients: they ask the domain's own code, and remember what they are told.

use bytes::Bytes;
use futures::future::join_all;
use spinreel_gcs::{Client, Credentials, Endpoint, RetryPolicy};
use spinreel_ledger::Patience;
use spinreel_platform::ReadBody as _;

use super::check::files;
use super::handle::Handle;
use super::history::{Answer, Content, Purge, Tried};
use super::requests::{NAMES, Planned, Request, Sending, USERS};
use super::scheduler::Mortal;
use super::world::World;
use crate::domain::content::ContentError;
use crate::domain::delete::DeleteError;
use crate::domain::peers::Peers as _;
use crate::domain::reconcile::Place;
use crate::domain::record::{Owner, Purpose, UserFiles, VideoHead};
use crate::domain::status::Status;
use crate::domain::storage::Storage;
use crate::domain::testing::rules;
use crate::domain::tidy::Eagerness;
use crate::domain::upload::{FileSource, NewFile, SourceError, UploadError};

/// The storage, as one request sees it.
pub(super) type Simulated<'w> = Storage<Handle<'w>, Handle<'w>, Handle<'w>, Handle<'w>, Handle<'w>>;

/// A user.
pub(super) fn owner(user: usize) -> Owner {
    let (user_id, username) = USERS[user];
    Owner {
        user_id: user_id.to_owned(),
        username: username.to_owned(),
    }
}

/// The keys of a user.
pub(super) fn files_of(user: usize) -> UserFiles {
    UserFiles::new(USERS[user].0)
}

/// The storage on the simulated world.
pub(super) fn storage(world: &World) -> Simulated<'_> {
    let handle = Handle::new(world);
    let endpoint = Endpoint::new("http://bucket.test", "spinreel").expect("it is valid");
    let policy = RetryPolicy {
        attempts: world.profile.attempts,
        ..RetryPolicy::default()
    };
    let client = Client::new(handle, handle, handle, endpoint, Credentials::Anonymous);
    Storage {
        store: handle,
        bucket: client.with_retry_policy(policy),
        clock: handle,
        peers: handle,
        limit: world.profile.limit,
        files_per_user: world.profile.files_per_user,
        chunk: spinreel_gcs::CHUNK_QUANTUM,
        resumable: rules(),
    }
}

/// One client's requests, one after the other.
pub(super) async fn client(world: &World, plan: Vec<Planned>) {
    for planned in plan {
        world.pause(planned.after_ms).await;
        let copies = (0..planned.copies).map(|_| {
            let request = planned.request.clone();
            Mortal::new(world, perform(world, request))
        });
        join_all(copies).await;
    }
}

async fn perform(world: &World, request: Request) {
    world.trace(format_args!("{request:?}"));
    match request {
        Request::Upload(sending) => upload(world, sending).await,
        Request::Delete { user, name } => delete(world, user, name).await,
        Request::Status { user } => status(world, user).await,
        Request::Read { user } => read(world, user).await,
        Request::Tidy { user } => {
            let _ = storage(world).tidy(&files_of(user), Eagerness::Now).await;
        }
        Request::Purge { user } => {
            purge(world, user).await;
        }
        Request::Sweep => {
            let _ = storage(world).sweep(None, Eagerness::Now).await;
        }
        Request::Reconcile { repair } => reconcile(world, repair).await,
    }
}

/// What the service does after it has answered what had this number.
async fn after_answer(world: &World, user: usize, number: u64) {
    let _ = storage(world)
        .tidy(&files_of(user), Eagerness::InPassing(number))
        .await;
}

/// Compares what there is; what goes on meanwhile may look like a difference.
async fn reconcile(world: &World, repair: bool) {
    let mut place = Some(Place::first(repair, false));
    while let Some(at) = place {
        let reconciled = storage(world).reconcile(at, repair, Patience::Leases).await;
        place = reconciled.ok().and_then(|reconciled| reconciled.next);
    }
}

/// Stores a file; whoever is told that it is stored relies on it.
pub(super) async fn upload(world: &World, sending: Sending) {
    let began = world.step();
    let id = format!("{began:08}");
    let file = NewFile {
        id: id.clone(),
        name: sending.name.to_owned(),
        purpose: Purpose::Video,
        video: VideoHead::default(),
        content_type: "video/mp4".to_owned(),
        expected: sending.expected,
    };
    let tried = Tried {
        user: sending.user,
        name: sending.name.to_owned(),
        id: id.clone(),
        content: sending.content,
        whole: sending.cut_off.is_none(),
        began,
        acknowledged: None,
    };
    world.history.borrow_mut().uploads.push(tried);
    let mut source = Source {
        world,
        rest: sending.content.bytes(),
        piece: sending.piece,
        until_cut: sending.cut_off,
    };
    let owner = owner(sending.user);
    let is_gone = world.history.borrow().purges[sending.user] == Purge::Done;
    let uploaded = storage(world).upload(&owner, file, &mut source).await;
    world.trace(format_args!("{id} is answered {uploaded:?}"));
    let uploaded = match uploaded {
        Ok(uploaded) => uploaded,
        Err(error) => return doubt_refusal(world, &sending, &id, &error),
    };
    if is_gone {
        world.violated(format!("{id} is stored, and its user was gone before"));
    }
    let (number, size) = (uploaded.number, uploaded.file.object.size);
    if size != sending.content.bytes().len() as u64 || sending.cut_off.is_some() {
        world.violated(format!("{id} was stored with {size} bytes: {sending:?}"));
    }
    world.history.borrow_mut().acknowledge(&id, world.step());
    let _ = Handle::new(world)
        .settle_bandwidth(&owner.user_id, &uploaded.reservations, size, None)
        .await;
    let _ = storage(world).report_use(&files_of(sending.user)).await;
    after_answer(world, sending.user, number).await;
}

/// Whether a refusal can be right.
fn doubt_refusal(world: &World, sending: &Sending, id: &str, error: &UploadError) {
    let history = world.history.borrow();
    let mut others = history
        .uploads
        .iter()
        .filter(|tried| tried.user == sending.user && tried.id != id);
    match error {
        UploadError::NameTaken if !others.any(|tried| tried.name == sending.name) => {
            world.violated(format!(
                "{id}: the name is taken, and nobody ever asked for it"
            ));
        }
        UploadError::TooManyFiles => {
            // A number that nobody got the answer of counts for a while, too.
            let head = format!("storage/{}/files/head", USERS[sending.user].0);
            let given = world.store.borrow().counter(&head);
            if given.unsigned_abs() <= world.profile.files_per_user {
                world.violated(format!("{id}: there cannot be too many files"));
            }
        }
        UploadError::UserGone if history.purges[sending.user] == Purge::None => {
            world.violated(format!("{id}: nobody purged the user"));
        }
        UploadError::StorageExceeded => {
            let length = |content: Content| content.bytes().len() as u64;
            // An estimate counts until the file is there: at most twice its length, see `requests`.
            let others: u64 = others.map(|tried| length(tried.content) * 2).sum();
            let own = length(sending.content).max(sending.expected);
            if others + own <= world.profile.limit.unsigned_abs() {
                world.violated(format!(
                    "{id}: the quota is exceeded, and nobody can have used it"
                ));
            }
        }
        _ => {}
    }
}

/// A file as its client sends it.
struct Source<'w> {
    world: &'w World,
    rest: &'static [u8],
    piece: usize,
    until_cut: Option<usize>,
}

impl FileSource for Source<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        let wait_ms = match self.world.happens(self.world.profile.slow_clients) {
            true => self.world.dice.below(300_000),
            false => self.world.dice.below(3),
        };
        self.world.pause(wait_ms).await;
        let length = self.piece.min(self.rest.len());
        if let Some(left) = &mut self.until_cut {
            if *left < length || length == 0 {
                return Err(SourceError("the client went away".to_owned()));
            }
            *left -= length;
        }
        if length == 0 {
            return Ok(None);
        }
        let (piece, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(Some(Bytes::from_static(piece)))
    }
}

/// The ids of the files that have a name.
fn entries(world: &World, user: usize, name: &str) -> Vec<String> {
    let files = files(world, user).into_values();
    let named = files.filter(|file| file.head.name == name);
    named.map(|file| file.head.id).collect()
}

/// Deletes a file; whoever is told that it is gone relies on it.
pub(super) async fn delete(world: &World, user: usize, name: &str) {
    let began = world.step();
    let listed = entries(world, user, name);
    let certain = world.history.borrow().certain(user, Some(name), began);
    let index = world.history.borrow_mut().ask_deletion(user, name);
    let deleted = storage(world).delete(&owner(user), name).await;
    world.trace(format_args!("the deletion is answered {deleted:?}"));
    let operation = deleted.as_ref().map(|deleted| deleted.operation).ok();
    let answer = match deleted {
        Ok(deleted) => Answer::Deleted(deleted.id),
        Err(DeleteError::NotFound) => Answer::NotFound,
        Err(_) => Answer::Failed,
    };
    let still_listed = entries(world, user, name);
    let listed = listed.iter().filter(|id| still_listed.contains(id));
    let there = certain.iter().chain(listed).next();
    check_deletion(world, index, began, there, &answer);
    let ended = world.step();
    world
        .history
        .borrow_mut()
        .end_deletion(index, ended, answer);
    if let Some(operation) = operation {
        after_answer(world, user, operation).await;
    }
}

/// Whether an answer to a deletion can be right; `there` is a file that was there all the time, if nobody else deleted
/// it.
fn check_deletion(
    world: &World,
    index: usize,
    began: u64,
    there: Option<&String>,
    answer: &Answer,
) {
    let history = world.history.borrow();
    match (answer, there) {
        (Answer::NotFound, Some(id)) if history.is_alone(index, began) => {
            world.violated(format!(
                "{id} is stored, and cannot be found for its deletion"
            ));
        }
        (Answer::Deleted(id), _) if history.is_answered(answer) => {
            world.violated(format!("{id} was deleted twice"));
        }
        _ => {}
    }
}

/// Removes what a user has, a part of it; whoever is told that this was all relies on it.
pub(super) async fn purge(world: &World, user: usize) -> bool {
    let began = world.step();
    let asked = NAMES.map(|name| world.history.borrow_mut().ask_deletion(user, name));
    note_purge(world, user, Purge::Asked);
    let purged = storage(world).purge(&files_of(user)).await;
    world.trace(format_args!("the purge is answered {purged:?}"));
    let done = purged.is_ok_and(|purged| purged.done);
    if done {
        note_purge(world, user, Purge::Done);
        check_purged(world, user, began);
    }
    for index in asked {
        let ended = world.step();
        let mut history = world.history.borrow_mut();
        history.end_deletion(index, ended, Answer::Failed);
    }
    done
}

fn note_purge(world: &World, user: usize, purge: Purge) {
    let known = &mut world.history.borrow_mut().purges[user];
    *known = purge.max(*known);
}

/// Nothing is left of what was there before the step `began`.
fn check_purged(world: &World, user: usize, began: u64) {
    let history = world.history.borrow();
    for file in files(world, user).into_values() {
        let id = &file.head.id;
        let acknowledged = history.upload(id).and_then(|tried| tried.acknowledged);
        if acknowledged.is_some_and(|acknowledged| acknowledged < began) {
            world.violated(format!("{id} is there, and the purge is done"));
        }
    }
}

async fn status(world: &World, user: usize) {
    let began = world.step();
    let Ok(status) = storage(world).status(&owner(user)).await else {
        return;
    };
    check_listed(world, user, began, &status);
    let _ = storage(world)
        .tidy_left(&files_of(user), &status.left)
        .await;
}

/// Whether a status that was asked for at the step `began` lists all that is there for certain.
fn check_listed(world: &World, user: usize, began: u64, status: &Status) {
    let history = world.history.borrow();
    for id in history.certain(user, None, began) {
        let listed = history.upload(&id).is_some_and(|tried| {
            let filename = owner(user).object_name(&tried.name);
            let size = tried.content.bytes().len() as u64;
            let mut files = status.body.files.iter();
            files.any(|file| file.filename == filename && file.size == size)
        });
        if !listed {
            world.violated(format!("{id} is stored and not listed"));
        }
    }
}

/// Reads a file that must be there.
async fn read(world: &World, user: usize) {
    let began = world.step();
    let certain = world.history.borrow().certain(user, None, began);
    for id in certain {
        let read = read_whole(world, &id).await;
        let history = world.history.borrow();
        let still_there = history.certain(user, None, began).contains(&id);
        if read == Some(false) && still_there {
            world.violated(format!("{id} is stored and cannot be read"));
        }
    }
}

/// Whether the file of an upload can be read, byte by byte; `None` where that cannot be told now.
pub(super) async fn read_whole(world: &World, id: &str) -> Option<bool> {
    let content = world.history.borrow().upload(id)?.content;
    let location = world.services.borrow().locations.get(id)?.clone();
    let mut download = match storage(world).open(&location, None).await {
        Ok(download) => download,
        Err(ContentError::NotFound) => return Some(false),
        Err(_) => return None,
    };
    let mut rest = content.bytes();
    while let Ok(Some(piece)) = download.body.read().await {
        match rest.strip_prefix(piece.as_ref()) {
            Some(end) => rest = end,
            None => return Some(false),
        }
    }
    Some(rest.is_empty())
}
