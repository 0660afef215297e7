//! The journal of entries: cells of a few entries each, in the order of their arrival.

mod block;

pub use block::{BLOCK_ENTRIES, Block, blocks, read};
