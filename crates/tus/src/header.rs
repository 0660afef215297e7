//! The names of the protocol's header fields.

use http::HeaderName;

/// The version that a message speaks.
pub const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
/// The versions that a server speaks.
pub const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
/// The extensions that a server has.
pub const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
/// The largest upload, in bytes.
pub const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
/// The algorithms of [`UPLOAD_CHECKSUM`].
pub const TUS_CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
/// How many bytes of an upload are there.
pub const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
/// How many bytes an upload has when it is whole.
pub const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
/// `1`: the length is said later.
pub const UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
/// What the client says of the file.
pub const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
/// What an upload is to others: a part of one, or made of them.
pub const UPLOAD_CONCAT: HeaderName = HeaderName::from_static("upload-concat");
/// The digest of a request's body.
pub const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
/// When an unfinished upload goes, as an HTTP date.
pub const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
/// The method that a `POST` stands for.
pub const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
/// Which version of the IETF's draft a message speaks.
pub const UPLOAD_DRAFT_INTEROP_VERSION: HeaderName =
    HeaderName::from_static("upload-draft-interop-version");
/// Whether an upload ends with this message.
pub const UPLOAD_COMPLETE: HeaderName = HeaderName::from_static("upload-complete");
/// What an upload may be at most.
pub const UPLOAD_LIMIT: HeaderName = HeaderName::from_static("upload-limit");
/// The media types that `PATCH` takes (RFC 5789, section 3.1).
pub const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
/// The digest of a message's content (RFC 9530, section 2).
pub const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
/// The digest of a whole representation (RFC 9530, section 3).
pub const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
