#![forbid(unsafe_code)]
//! Tokens: who a user is, and which service calls.
//!
//! - An **access token** names a user. It is a JWT in the profile of RFC 9068, signed with Ed25519 by the one service
//!   that has the [`SigningKey`]s; everybody else checks it with [`verify_access`] against the public [`Jwks`].
//! - A **service token** names a service that calls another one. It is a JWT under the secret that all services
//!   share (HS256), good for a minute, one audience and one method and path: [`sign_service`], [`verify_service`].
//! - [`Trusted`] is what a service knows about access tokens beside themselves: the keys, and whose may be revoked.
//! - A [`Sealer`] hides what a service stores and nobody may read there.
//!
//! Nothing about how a token is checked is taken from the token (RFC 8725, section 3.1): algorithm, type, issuer
//! and audience are pinned, so that neither kind passes for the other. Time is always an argument, in seconds since
//! the Unix epoch.
//!
//! # Layout
//! - `access`: access tokens. `service`: service tokens.
//! - `keys`: signing keys and their public halves.
//! - `trust`, `suspects`: users whose tokens may be revoked, and how services learn of them.
//! - `seal`: sealing under a key made of a secret.
//! - `token`: what both kinds are checked for.

mod access;
mod keys;
mod seal;
mod service;
mod suspects;
mod token;
mod trust;

pub use access::{AUDIENCE, CLIENT_ID, NewAccessToken, User, verify_access};
pub use keys::{InvalidKey, Jwk, Jwks, SigningKey};
pub use seal::Sealer;
pub use service::{
    SERVICE_TOKEN_SECONDS, Service, ServiceCall, ServiceSecret, WeakSecret, sign_service,
    verify_service,
};
pub use suspects::Suspects;
pub use token::{ISSUER, LEEWAY_SECONDS, MAX_TOKEN_LENGTH, TokenError, key_id};
pub use trust::{Freshness, Trust, Trusted};
