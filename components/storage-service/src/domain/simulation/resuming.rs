//! Clients whose uploads resume: in pieces, some of them twice at once, some as parts that are joined, some that give up.

use std::cell::Cell;

use futures::future::join_all;

use super::clients::{after_answer, files_of, owner, source, storage};
use super::dice::Dice;
use super::handle::Handle;
use super::history::{Content, Tried};
use super::profile::Profile;
use super::requests::{Planned, Request, Sending, request, sending, user_and_name};
use super::scheduler::Mortal;
use super::world::World;
use crate::domain::peers::Peers as _;
use crate::domain::record::VideoHead;
use crate::domain::resumable::{
    Appended, Bytes, Joined, NewFinal, NewUpload, ResumableError, Status, UploadId,
};
use crate::domain::testing::rules;
use crate::domain::upload::Uploaded;

/// So often a client tries to go on.
const TRIES: usize = 12;

/// An upload over many requests.
#[derive(Debug, Clone)]
pub(super) struct Resuming {
    pub(super) sending: Sending,
    /// How many clients send it at once.
    senders: usize,
    /// Of how many parts it is made; 1: it is none.
    parts: usize,
    /// Whether its length is said with its creation.
    is_long_known: bool,
    /// Whether the final upload is created before its parts.
    is_final_first: bool,
}

/// What one client does in a run: half of it are uploads that resume.
pub(super) fn plan(dice: &Dice, profile: &Profile) -> Vec<Planned> {
    let count = 1 + dice.index(profile.requests);
    (0..count)
        .map(|_| Planned {
            after_ms: match dice.below(12) {
                0 => dice.below(400_000),
                1..=3 => dice.below(30_000),
                _ => dice.below(500),
            },
            copies: 1,
            request: match dice.below(2) {
                0 => Request::Resume(resuming(dice, profile)),
                _ => request(dice, profile),
            },
        })
        .collect()
}

fn resuming(dice: &Dice, profile: &Profile) -> Resuming {
    let (user, name) = user_and_name(dice);
    let mut sending = sending(dice, profile, user, name);
    sending.piece = sending.piece.min(1 + sending.content.bytes().len() / 3);
    Resuming {
        sending,
        senders: 1 + usize::from(dice.below(4) == 0),
        parts: dice.pick(&[1, 1, 2, 3]),
        is_long_known: dice.below(4) > 0,
        is_final_first: dice.below(3) == 0,
    }
}

/// How long the uploads of a run may be open, in milliseconds.
pub(super) fn longest_ms() -> u64 {
    rules().expiry_ms * 2
}

/// A request on an instance that may die at it: nobody hears of it then.
async fn ask<D>(world: &World, work: impl Future<Output = D>) -> Option<D> {
    let answer = Cell::new(None);
    let work = async { answer.set(Some(work.await)) };
    Mortal::new(world, work).await;
    answer.into_inner()
}

/// Does all that an upload takes, as a client does that goes on after any failure.
pub(super) async fn resume(world: &World, resuming: Resuming) {
    if resuming.parts == 1 {
        let id = try_file(world, &resuming.sending);
        if let Some(upload) = create(world, &resuming, &id, resuming.sending.content, false).await {
            send(world, &resuming, &upload, resuming.sending.content).await;
        }
        return;
    }
    // Its parts take of the quota before there is a file.
    try_file(world, &resuming.sending);
    let contents = resuming.sending.content.split(resuming.parts);
    let mut parts = Vec::new();
    for content in &contents {
        let id = format!("{:08}", world.step());
        match create(world, &resuming, &id, *content, true).await {
            Some(part) => parts.push(part),
            None => return,
        }
    }
    if resuming.is_final_first {
        join(world, &resuming, &parts).await;
    }
    for (part, content) in parts.iter().zip(&contents) {
        send(world, &resuming, part, *content).await;
    }
    for _ in 0..3 {
        if join(world, &resuming, &parts).await {
            return;
        }
        world.pause(world.dice.below(150_000)).await;
    }
}

/// Notes that a file is tried; its id.
fn try_file(world: &World, sending: &Sending) -> String {
    let began = world.step();
    let id = format!("{began:08}");
    world.history.borrow_mut().uploads.push(Tried {
        user: sending.user,
        name: sending.name.to_owned(),
        id: id.clone(),
        content: sending.content,
        whole: sending.cut_off.is_none(),
        began,
        acknowledged: None,
    });
    id
}

async fn create(
    world: &World,
    resuming: &Resuming,
    id: &str,
    content: Content,
    is_part: bool,
) -> Option<UploadId> {
    let sending = &resuming.sending;
    let length = content.bytes().len() as u64;
    let new = NewUpload {
        id: id.to_owned(),
        name: sending.name.to_owned(),
        content_type: "video/mp4".to_owned(),
        length: resuming.is_long_known.then_some(length),
        metadata: String::new(),
        video: VideoHead::default(),
        direct: None,
        ends_by_word: false,
        is_part,
    };
    let owner = owner(sending.user);
    let created = ask(world, async {
        storage(world).create_upload(&owner, new).await
    });
    let created = created.await;
    world.trace(format_args!("{id} is created: {created:?}"));
    Some(created?.ok()?.id)
}

/// Sends what is missing, by all of the clients at once.
async fn send(world: &World, resuming: &Resuming, upload: &UploadId, content: Content) {
    let acknowledged = Cell::new(0);
    let senders = (0..resuming.senders).map(|_| {
        let sender = send_alone(world, resuming, upload, content, &acknowledged);
        Box::pin(sender)
    });
    join_all(senders).await;
}

/// `acknowledged`: the highest offset that anybody was told.
async fn send_alone(
    world: &World,
    resuming: &Resuming,
    upload: &UploadId,
    content: Content,
    acknowledged: &Cell<u64>,
) {
    let sending = &resuming.sending;
    let owner = owner(sending.user);
    let whole = content.bytes();
    for _ in 0..TRIES {
        world.pause(world.dice.below(2_000)).await;
        let floor = acknowledged.get();
        let status = ask(world, async {
            storage(world).upload_status(&owner.user_id, upload).await
        });
        let offset = match status.await {
            Some(Ok(Status::Open { offset, .. })) => offset,
            Some(Ok(Status::Finished(file))) => {
                world
                    .history
                    .borrow_mut()
                    .acknowledge(&file.head.id, world.step());
                return;
            }
            Some(Err(ResumableError::NotFound | ResumableError::Gone)) => return,
            Some(Ok(Status::Waiting { .. })) => {
                return world.violated(format!("{upload} is no final upload"));
            }
            Some(Err(_)) | None => continue,
        };
        if offset < floor {
            return world.violated(format!(
                "{upload} is at {offset}, and {floor} was acknowledged"
            ));
        }
        let at = offset as usize;
        let end = whole.len().min(at + sending.piece);
        if sending.cut_off.is_some() && end == whole.len() {
            // It gives up before the last piece.
            return;
        }
        if at == whole.len() && (at > 0 || resuming.is_long_known) {
            // A part that is whole.
            return;
        }
        let is_last = end == whole.len();
        let said = Bytes {
            offset,
            size: (world.dice.below(4) > 0).then_some((end - at) as u64),
            length: (is_last && !resuming.is_long_known).then_some(whole.len() as u64),
            ..Bytes::default()
        };
        let mut source = source(world, &whole[at..end], sending.piece);
        let appended = ask(world, async {
            let storage = storage(world);
            let storing = async || Ok(true);
            let appended = storage.append_to_upload(&owner, upload, said, &mut source, storing);
            let appended = appended.await;
            match &appended {
                Ok(Appended::Finished { uploaded, moved }) => {
                    finished(world, sending, uploaded, *moved).await;
                }
                Ok(Appended::Whole { .. }) => {
                    for uploaded in storage
                        .join_waiting(&owner.user_id)
                        .await
                        .unwrap_or_default()
                    {
                        finished(world, sending, &uploaded, 0).await;
                    }
                }
                _ => {}
            }
            appended
        });
        let appended = appended.await;
        world.trace(format_args!("{upload} at {offset}: {appended:?}"));
        match appended {
            Some(Ok(Appended::Open { offset, .. } | Appended::Whole { offset, .. })) => {
                acknowledged.set(acknowledged.get().max(offset));
            }
            Some(Ok(Appended::Finished { .. })) => return,
            Some(Err(_)) | None => {}
        }
    }
}

/// Joins parts; whether there is nothing more to try.
async fn join(world: &World, resuming: &Resuming, parts: &[UploadId]) -> bool {
    let sending = &resuming.sending;
    let id = try_file(world, sending);
    let new = NewFinal {
        id: id.clone(),
        name: sending.name.to_owned(),
        content_type: "video/mp4".to_owned(),
        metadata: String::new(),
        video: VideoHead::default(),
        concat: "final;".to_owned(),
        parts: parts.to_vec(),
    };
    let owner = owner(sending.user);
    let joined = ask(world, async {
        let joined = storage(world).create_final(&owner, new).await;
        if let Ok((_, Joined::File(uploaded))) = &joined {
            finished(world, sending, uploaded, 0).await;
        }
        joined
    });
    let joined = joined.await;
    world.trace(format_args!("{id} is joined: {joined:?}"));
    matches!(
        joined,
        Some(Ok(_) | Err(ResumableError::NoPart | ResumableError::NameTaken))
    )
}

/// Whoever is told that a file is stored relies on it.
async fn finished(world: &World, sending: &Sending, uploaded: &Uploaded, moved: u64) {
    let id = uploaded.file.head.id.clone();
    world.history.borrow_mut().acknowledge(&id, world.step());
    let handle = Handle::new(world);
    let user_id = owner(sending.user).user_id;
    let _ = handle
        .settle_bandwidth(&user_id, &uploaded.reservations, moved, None)
        .await;
    let _ = storage(world).report_use(&files_of(sending.user)).await;
    after_answer(world, sending.user, uploaded.number).await;
}
