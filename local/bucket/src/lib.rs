#![forbid(unsafe_code)]
//! An embedded bucket that speaks the parts of Google Cloud Storage's JSON and XML APIs that Spinreel uses,
//! and keeps its objects in a folder.
//!
//! # What it promises
//! - An object is visible whole or not at all, whenever the process is killed: the bytes are written and
//!   synced first, then one small record is renamed into place. See `storage`.
//! - Resumable uploads survive a restart.
//! - Bodies are streamed: memory does not grow with the size of an object.
//! - Preconditions decide atomically: of several creators with `ifGenerationMatch=0` one wins.
//!
//! - Everything that a request can get wrong is refused with Google's status and in Google's form.
//!
//! # Who may do what
//! With [`Access::Open`] everybody may do everything, and credentials are not looked at. With
//! [`Access::ServiceAccount`] a request has one of these, or is refused:
//! - `Authorization: Bearer` with a token of this server. `POST /token` gives it for an assertion that is signed
//!   with the service account's key (RFC 7523), and so does `/computeMetadata/v1/instance/service-accounts/default/token`,
//!   where machines of Google's find theirs. A token lasts an hour, restarts included, and those for a
//!   read-only scope read only.
//! - A V4 signature in the query, by the account's key or by its HMAC key, of a path of either API.
//! - The URL of a resumable upload, for that upload.
//!
//! The secrets are in the folder: `service-account.json` in Google's form, `hmac.json`, `token-key`.
//!
//! # The XML API
//! `/{bucket}/{object}` with GET, HEAD, PUT, DELETE, and POST to start a resumable upload: what signed URLs are
//! made for. Preconditions, checksums, metadata and `x-goog-content-length-range` are in headers, errors are XML. `response-content-type` and
//! `response-content-disposition` in the query are told in place of the object's.
//!
//! # Faults and limits
//! With [`Options::faults`], rules that are sent to `/_spinreel/faults` make requests fail:
//! ```text
//! POST   {"seed": 7, "faults": [{"method": "PUT", "path_contains": "upload_id=", "times": 3, "probability": 0.5,
//!                                "do": {"status": 503, "retry_after": 1}}]}     adds
//! GET                                                                           lists
//! DELETE                                                                        clears
//! ```
//! Of the rules that fit a request, by method and by a part of its path and query, the first that strikes
//! counts. It does one of `{"status": 400 to 599, "retry_after": seconds}`, `{"reset": true}` before the request
//! has an effect, `{"reset_after_effect": true}`, `{"stall_ms": …}` and then all as usual, even if the client has
//! gone, or `{"cut_body": bytes}`: at most so many bytes of the answer's body come before the connection ends.
//! Nobody is asked for a credential there, and no rule fits there.
//!
//! With [`Options::one_write_a_second`], a name that was written less than a second ago is refused with 429.
//!
//! # Transcoding
//! An object whose `contentEncoding` is gzip, and which is gzip, is decompressed for a client that does not take gzip: all of it,
//! without a length, with `Warning: 214 UploadServer gunzipped`. `x-goog-hash` stays that of what is stored. With
//! `no-transform` in its `cacheControl` it is served as it is stored.
//!
//! # What it leaves out
//! Several accounts with different rights, object versions, copying and composing, access lists, notifications,
//! HTTPS. The MD5 is known only of objects whose client sent one. It is meant for a loopback address.
//!
//! # Layout
//! - `server` accepts connections and lets faults strike, `dispatch` checks credentials (`access`) and makes the
//!   call that `route` names;
//! - `read`, `list`, `manage` and `upload` are the calls;
//! - `context`, `object`, `preconditions`, `checksum`, `range`, `query`, `names` are the vocabulary of both APIs;
//! - `storage` is the folder. It is synchronous and knows no HTTP.

mod access;
mod body;
mod checksum;
mod clock;
mod compose;
mod context;
mod cors;
mod dispatch;
mod error;
mod faults;
mod gunzip;
mod list;
mod manage;
mod names;
mod object;
mod options;
mod preconditions;
mod query;
mod range;
mod read;
mod reply;
mod route;
mod server;
mod socket;
mod storage;
mod upload;

pub use access::{HmacKey, generate_service_account_key};
pub use options::{Access, Options, StartError};
pub use server::Bucket;
