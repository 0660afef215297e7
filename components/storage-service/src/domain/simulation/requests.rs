//! What clients ask for, and the seed's choice of it.

use super::dice::Dice;
use super::history::Content;
use super::profile::Profile;

/// The users, as `Owner` has them.
pub(super) const USERS: [(&str, &str); 2] = [("u-1", "ada"), ("u-2", "bob")];
/// The names of files.
pub(super) const NAMES: [&str; 4] = ["a.mp4", "b.mp4", "c.mp4", "d.mp4"];

/// A file on its way.
#[derive(Debug, Clone)]
pub(super) struct Sending {
    pub(super) user: usize,
    pub(super) name: &'static str,
    pub(super) content: Content,
    /// What the request tells of its length.
    pub(super) expected: u64,
    /// The most bytes of a piece.
    pub(super) piece: usize,
    /// After how many bytes the client goes away.
    pub(super) cut_off: Option<usize>,
}

/// What a client asks for.
#[derive(Debug, Clone)]
pub(super) enum Request {
    Upload(Sending),
    Delete { user: usize, name: &'static str },
    Status { user: usize },
    Read { user: usize },
    Tidy { user: usize },
    Purge { user: usize },
    Sweep,
    Reconcile { repair: bool },
}

/// A request, when it comes, and how often at once.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) after_ms: u64,
    pub(super) copies: usize,
    pub(super) request: Request,
}

/// What one client does in a run.
pub(super) fn plan(dice: &Dice, profile: &Profile) -> Vec<Planned> {
    let count = 1 + dice.index(profile.requests);
    (0..count)
        .map(|_| Planned {
            after_ms: match dice.below(12) {
                0 => dice.below(400_000),
                1..=3 => dice.below(30_000),
                _ => dice.below(500),
            },
            copies: if dice.below(12) == 0 { 2 } else { 1 },
            request: request(dice, profile),
        })
        .collect()
}

fn request(dice: &Dice, profile: &Profile) -> Request {
    // Most of the time it is one user, so that there is something to contend for.
    let user = usize::from(dice.below(4) == 0);
    let name = NAMES[dice.index(NAMES.len()).min(dice.index(NAMES.len()))];
    match dice.below(100) {
        0..46 => Request::Upload(sending(dice, profile, user, name)),
        46..76 => Request::Delete { user, name },
        76..84 => Request::Status { user },
        84..88 => Request::Read { user },
        88..91 => Request::Tidy { user },
        91..93 => Request::Purge { user },
        93..96 => Request::Sweep,
        _ => Request::Reconcile {
            repair: dice.below(3) > 0,
        },
    }
}

fn sending(dice: &Dice, profile: &Profile, user: usize, name: &'static str) -> Sending {
    let limit = profile.limit as usize;
    let (length, piece) = match profile.large_files && dice.below(2) == 0 {
        true => (200_000 + dice.index(700_000), 150_000),
        false => {
            let length = dice.index(limit.min(50_000) * 3 / 4);
            (length, (length / 2).max(1))
        }
    };
    let known = length as u64;
    Sending {
        user,
        name,
        content: Content::roll(dice, length),
        expected: match dice.below(8) {
            0 => 0,
            1 => dice.below(known * 2 + 1),
            _ => known,
        },
        piece,
        cut_off: (dice.below(10) == 0).then(|| dice.index(length + 1)),
    }
}
