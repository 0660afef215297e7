#![forbid(unsafe_code)]
//! The domain of video-service, the same source files, as a library: a million videos are recorded natively by the very
//! code that the component has. A component itself cannot be linked to, and making it a library as well would cost it the
//! optimisation of the whole program.

#[path = "../../components/video-service/src/domain/mod.rs"]
pub mod domain;
