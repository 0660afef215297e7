//! The actions of log lines: all that the services log, in one place. `docs/api.md` has the same list.

use std::fmt;

/// Makes the enum, its names and the list of all from one table.
macro_rules! actions {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal,)+) => {
        /// What a line of the log tells of. Each is logged by one service or a few; names stay what they are, since
        /// people filter by them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $($(#[$doc])+ $variant,)+
        }

        impl Action {
            /// All actions.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The action with this name; `None` where this version knows none.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The name in a line: lower-case words with dots between them, 64 bytes at most.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

actions! {
    /// A request was answered.
    Request = "request",
    /// A request failed by a fault of the services; the line has the reason.
    RequestFailed = "request.failed",
    /// A request was refused for a reason that its client was not told.
    RequestRefused = "request.refused",
    /// Lines could not be delivered: the first batch that got through again tells how many.
    LogsLost = "logs.lost",
    /// Removing old lines, or sealing a stretch of them, failed.
    LogsTidyFailed = "logs.tidy_failed",

    /// Somebody signed up.
    UserRegistered = "user.registered",
    /// Somebody changed the password.
    UserPasswordChanged = "user.password_changed",
    /// A password was not changed, since the current one was wrong.
    UserPasswordChangeFailed = "user.password_change_failed",
    /// Somebody asked for a token to set a forgotten password.
    PasswordResetRequested = "password.reset_requested",
    /// A request for such a token was refused, or nothing came of it; `failure.reason` says why.
    PasswordResetRefused = "password.reset_refused",
    /// An admin made such a token.
    PasswordResetIssued = "password.reset_issued",
    /// Such a token reached the webhook's receiver.
    PasswordResetDelivered = "password.reset_delivered",
    /// The webhook's receiver did not take such a token.
    PasswordResetUndelivered = "password.reset_undelivered",
    /// A forgotten password was replaced, which ended all sessions.
    PasswordResetCompleted = "password.reset_completed",
    /// A password was not replaced, since the token was not good.
    PasswordResetFailed = "password.reset_failed",
    /// An admin gave a user another role.
    UserRoleChanged = "user.role_changed",
    /// An admin disabled an account.
    UserDisabled = "user.disabled",
    /// An admin enabled an account again.
    UserEnabled = "user.enabled",
    /// An admin changed a user's limits.
    UserLimitsChanged = "user.limits_changed",
    /// Somebody deleted the account.
    UserDeleted = "user.deleted",
    /// Everything of a deleted account is gone.
    UserDeparted = "user.departed",
    /// Removing what a deleted account left stopped half-way; a sweep goes on with it.
    UserDepartureFailed = "user.departure_failed",
    /// Somebody signed in.
    SessionCreated = "session.created",
    /// A sign-in was refused.
    SessionFailed = "session.failed",
    /// A refresh token was exchanged.
    SessionRefreshed = "session.refreshed",
    /// A refresh token was used twice, which ended its session.
    SessionRefreshReused = "session.refresh_reused",
    /// Somebody signed out, or a service ended a session.
    SessionEnded = "session.ended",
    /// Somebody signed out everywhere.
    SessionEndedAll = "session.ended_all",
    /// There is a new key for access tokens.
    KeysRotated = "keys.rotated",

    /// A video came into the catalogue.
    VideoRecorded = "video.recorded",
    /// A video left the catalogue.
    VideoRemoved = "video.removed",
    /// Title, description, tags or visibility of a video were changed.
    VideoChanged = "video.changed",
    /// A video was moved to the trash.
    VideoTrashed = "video.trashed",
    /// A video came out of the trash.
    VideoRestored = "video.restored",
    /// All playback links of a video ended, since somebody said so.
    VideoLinksEnded = "video.links_ended",
    /// A video ends for good: nobody sees it any more, its files are being deleted.
    VideoEnding = "video.ending",
    /// A video could not be brought to its end; the next look or a sweep tries again.
    VideoUnended = "video.unended",
    /// A video has another poster, or none any more.
    VideoPosterChanged = "video.poster_changed",
    /// A video has other captions in a language, or none any more.
    VideoCaptionsChanged = "video.captions_changed",
    /// A file that no video names any more could not be deleted.
    VideoFileLeft = "video.file_left",
    /// The views of a day could not be brought into a video's record; the next look at it tries again.
    VideoViewsUnfolded = "video.views_unfolded",
    /// What a file is as a video could not be found out; the next request for the video tries again.
    VideoUninspected = "video.uninspected",
    /// A page of the videos of a deleted account was removed.
    VideoPurged = "video.purged",

    /// An upload was created that resumes: its bytes come with other requests.
    UploadCreated = "upload.created",
    /// An upload that resumes was ended by its client before it was a file.
    UploadTerminated = "upload.terminated",
    /// A file was stored.
    FileUploaded = "file.uploaded",
    /// An upload was refused; `upload.reason` is the code of the refusal.
    UploadRefused = "upload.refused",
    /// An upload was cut off, or the bucket or a service that it needs failed; `upload.reason` is the code.
    UploadFailed = "upload.failed",
    /// A file was deleted.
    FileDeleted = "file.deleted",
    /// A user's half-done operations were brought to their end in passing.
    StorageSettled = "storage.settled",
    /// Bringing a user's half-done operations to their end failed; the next request or a sweep tries again.
    StorageUnsettled = "storage.unsettled",
    /// A sweep brought half-done operations to their end.
    StorageSwept = "storage.swept",
    /// Store and bucket were compared, and differed.
    StorageReconciled = "storage.reconciled",
    /// A page of the files of a deleted account was removed.
    StoragePurged = "storage.purged",
    /// video-service refused for good what it was told of a file, and is not told it again.
    CatalogueRefused = "catalogue.refused",

    /// A transfer was refused, since it would exceed the day's bandwidth.
    BandwidthExceeded = "bandwidth.exceeded",
    /// usage-service was not told what a transfer came to; what it reserved stays taken until midnight.
    UsageUnsettled = "usage.unsettled",
    /// Sealing an old stretch of a user's actions or alerts failed.
    UsageSealFailed = "usage.seal_failed",
    /// A page of the entries of a deleted account was removed.
    UsagePurged = "usage.purged",
    /// A user's stored bytes crossed a share of the limit.
    AlertStorage = "alert.storage",
    /// A user's bandwidth of the day crossed a share of the limit.
    AlertBandwidth = "alert.bandwidth",
    /// An alert could not be raised; the next look at the user's use tries again.
    AlertUnsent = "alert.unsent",
    /// An alert reached the webhook's receiver.
    AlertDelivered = "alert.delivered",
    /// The webhook's receiver did not take an alert; the line says when it is sent again.
    AlertDeliveryFailed = "alert.delivery_failed",
    /// An alert was not taken for a day; it is sent no more.
    AlertGaveUp = "alert.gave_up",
    /// The webhook's receiver says that it is gone: nothing is sent to it any more.
    AlertEndpointGone = "alert.endpoint_gone",
    /// Looking after deliveries failed; the next request or a sweep tries again.
    AlertDeliveriesFailed = "alert.deliveries_failed",
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn is_word(word: &str) -> bool {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    }

    #[test]
    fn names_are_short_dotted_and_of_one_action_each() {
        let names: BTreeSet<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
        assert_eq!(names.len(), Action::ALL.len());
        assert!(
            Action::ALL
                .iter()
                .all(|action| Action::named(action.as_str()) == Some(*action))
        );
        for name in names {
            assert!(name.split('.').all(is_word) && name.len() <= 64, "{name}");
        }
    }

    #[test]
    fn the_documentation_has_the_same_list() {
        let (_, section) = include_str!("../../../docs/api.md")
            .split_once("### Actions\n")
            .unwrap_or_default();
        let (section, _) = section.split_once("\n## ").unwrap_or((section, ""));
        let documented: Vec<&str> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
            .collect();
        let names: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
        assert_eq!(documented, names);
    }
}
