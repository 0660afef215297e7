//! What is asked for.

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Load {
    /// For programs.
    pub(super) name: &'static str,
    /// For people.
    pub(super) title: &'static str,
    /// How it is sent.
    pub(super) kind: Kind,
}

/// How requests of a kind are sent, and the one right status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// To the hello component.
    Hello,
    /// A path that anybody may ask for: 200.
    Open(&'static str),
    /// A path that a user asks for: 200.
    User(&'static str),
    /// The one video of the user: 200.
    Video,
    /// [`RANGE`] of its bytes: 206.
    Range,
    /// A page of the videos of a user who has [`PAGE`]: 200.
    Page,
    /// A new file of [`UPLOAD`] bytes, by a user for each client: 200.
    Upload,
    /// The files of the uploads: 200.
    Delete,
}

/// The bytes of the one video.
pub(super) const VIDEO: u64 = 1024 * 1024;

/// 64 KiB in its middle.
pub(super) const RANGE: &str = "bytes=524288-589823";

/// Videos of a page.
pub(super) const PAGE: usize = 10;

/// The bytes of an upload.
pub(super) const UPLOAD: u64 = 100_000;

/// All of them, in the table's order. Deletions need what was uploaded before them.
pub(super) const LOADS: [Load; 10] = [
    load("hello", "hello component", Kind::Hello),
    load(
        "health",
        "GET /v1/users/health",
        Kind::Open("/v1/users/health"),
    ),
    load(
        "jwks",
        "GET /.well-known/jwks.json",
        Kind::Open("/.well-known/jwks.json"),
    ),
    load(
        "storage_status",
        "GET /storage-status, 1 file",
        Kind::User("/storage-status"),
    ),
    load("users_me", "GET /v1/users/me", Kind::User("/v1/users/me")),
    load("video", "GET /v1/videos/{id}", Kind::Video),
    load("page", "GET /v1/videos?limit=10", Kind::Page),
    load("range", "64 KiB of a video of 1 MiB", Kind::Range),
    load("upload", "upload of 100 kB", Kind::Upload),
    load("deletion", "its deletion", Kind::Delete),
];

const fn load(name: &'static str, title: &'static str, kind: Kind) -> Load {
    Load { name, title, kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_with_comes_first_and_uploads_before_deletions() {
        let place = |kind| LOADS.iter().position(|load| load.kind == kind);
        assert_eq!(place(Kind::Hello), Some(0));
        assert!(place(Kind::Upload) < place(Kind::Delete));
    }
}
