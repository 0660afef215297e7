//! What the clients asked for, and what they were told.

use std::sync::OnceLock;

use super::dice::Dice;
use super::requests::USERS;

/// How many different bytes there are.
const POOL: usize = 2 * 1024 * 1024;

/// A file's bytes: a stretch of a pool of random ones, so that no two files are alike and none is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Content {
    start: usize,
    length: usize,
}

impl Content {
    pub(super) fn roll(dice: &Dice, length: usize) -> Self {
        let start = dice.index(POOL - length);
        Self { start, length }
    }

    pub(super) fn bytes(self) -> &'static [u8] {
        static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
        let pool = BYTES.get_or_init(|| {
            let dice = Dice::new(0);
            (0..POOL / 8)
                .flat_map(|_| dice.roll().to_le_bytes())
                .collect()
        });
        &pool[self.start..self.start + self.length]
    }
}

/// An upload that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Tried {
    pub(super) user: usize,
    pub(super) name: String,
    pub(super) id: String,
    pub(super) content: Content,
    /// Whether the client sends all of it.
    pub(super) whole: bool,
    pub(super) began: u64,
    /// When the client was told that it is stored.
    pub(super) acknowledged: Option<u64>,
}

/// A deletion that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) user: usize,
    pub(super) name: String,
    pub(super) ended: Option<u64>,
    pub(super) answer: Option<Answer>,
}

/// What came of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The file with this id is gone.
    Deleted(String),
    /// There is none.
    NotFound,
    /// It is uncertain.
    Failed,
}

/// How far it is known of a user that everything is to go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purge {
    /// Nobody asked for it.
    #[default]
    None,
    /// Somebody asked.
    Asked,
    /// Somebody was told that it is done.
    Done,
}

/// Everything that was asked for.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) purges: [Purge; USERS.len()],
    pub(super) uploads: Vec<Tried>,
    pub(super) deletions: Vec<Asked>,
}

impl History {
    /// The upload with an id.
    pub(super) fn upload(&self, id: &str) -> Option<&Tried> {
        self.uploads.iter().find(|tried| tried.id == id)
    }

    /// The client was told that its file is stored.
    pub(super) fn acknowledge(&mut self, id: &str, step: u64) {
        if let Some(tried) = self.uploads.iter_mut().find(|tried| tried.id == id) {
            tried.acknowledged = Some(step);
        }
    }

    /// Somebody asks for a deletion; its index.
    pub(super) fn ask_deletion(&mut self, user: usize, name: &str) -> usize {
        self.deletions.push(Asked {
            user,
            name: name.to_owned(),
            ended: None,
            answer: None,
        });
        self.deletions.len() - 1
    }

    /// A deletion is answered.
    pub(super) fn end_deletion(&mut self, index: usize, step: u64, answer: Answer) {
        let asked = &mut self.deletions[index];
        asked.ended = Some(step);
        asked.answer = Some(answer);
    }

    /// Whether all other deletions of that name were over when this one began.
    pub(super) fn is_alone(&self, index: usize, began: u64) -> bool {
        let this = &self.deletions[index];
        self.deletions.iter().enumerate().all(|(other, asked)| {
            other == index
                || asked.user != this.user
                || asked.name != this.name
                || asked.ended.is_some_and(|ended| ended < began)
        })
    }

    /// Whether some deletion was answered like that.
    pub(super) fn is_answered(&self, answer: &Answer) -> bool {
        let mut answers = self
            .deletions
            .iter()
            .filter_map(|asked| asked.answer.as_ref());
        answers.any(|given| given == answer)
    }

    /// Whether somebody may have deleted what this upload stored.
    pub(super) fn may_be_deleted(&self, tried: &Tried) -> bool {
        self.deletions.iter().any(|asked| {
            asked.user == tried.user
                && asked.name == tried.name
                && asked.ended.is_none_or(|ended| ended > tried.began)
        })
    }

    /// The ids of the user's files that are there for certain, since before `step` until now.
    pub(super) fn certain(&self, user: usize, name: Option<&str>, step: u64) -> Vec<String> {
        let uploads = self.uploads.iter().filter(|tried| {
            tried.user == user
                && name.is_none_or(|name| tried.name == name)
                && tried
                    .acknowledged
                    .is_some_and(|acknowledged| acknowledged < step)
                && !self.may_be_deleted(tried)
        });
        uploads.map(|tried| tried.id.clone()).collect()
    }
}
