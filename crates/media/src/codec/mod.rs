//! Names of codecs as players are told them (RFC 6381), from the configuration records that containers carry.

mod av1;
mod avc;
mod hevc;
mod mpeg4;
mod vp9;

pub(crate) use av1::av1;
pub(crate) use avc::avc;
pub(crate) use hevc::hevc;
pub(crate) use mpeg4::{audio_config, elementary};
pub(crate) use vp9::{Vp, vp, vp9_of_frame};
