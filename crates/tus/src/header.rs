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
/// The digest of a request's body.
pub const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
/// When an unfinished upload goes, as an HTTP date.
pub const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
/// The method that a `POST` stands for.
pub const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
