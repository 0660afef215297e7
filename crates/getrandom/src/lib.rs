//! What `rand_core` 0.6 needs of getrandom 0.2, by way of the present getrandom.
//!
//! getrandom 0.2 knows WASI as preview 1 only. A component that imports one function of preview 1 is linked with an
//! adapter, a second module that every request instantiates. The present getrandom asks WASI 0.2 itself, so `Cargo.toml`
//! puts this crate in the place of the old one (`[patch.crates-io]`) until its dependents have moved on.

use std::fmt;
use std::num::NonZeroU32;

/// Why there are no random bytes. The codes are those of getrandom 0.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error(NonZeroU32);

impl Error {
    /// The first code that getrandom keeps for itself.
    pub const INTERNAL_START: u32 = 1 << 31;
    /// The first code that is free for others.
    pub const CUSTOM_START: u32 = (1 << 31) + (1 << 30);

    /// The code.
    pub const fn code(self) -> NonZeroU32 {
        self.0
    }
}

impl From<NonZeroU32> for Error {
    fn from(code: NonZeroU32) -> Self {
        Self(code)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no random bytes (code {})", self.0)
    }
}

impl std::error::Error for Error {}

/// Fills `dest` with random bytes of the system.
///
/// # Errors
/// The system has none. The reason is not told apart.
pub fn getrandom(dest: &mut [u8]) -> Result<(), Error> {
    const UNEXPECTED: NonZeroU32 = NonZeroU32::MIN.saturating_add(Error::INTERNAL_START);
    present::fill(dest).map_err(|_| Error(UNEXPECTED))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn bytes_are_filled_and_differ() {
        let (mut one, mut other) = ([0; 32], [0; 32]);
        getrandom(&mut one).unwrap();
        getrandom(&mut other).unwrap();
        assert_ne!(one, [0; 32]);
        assert_ne!(one, other);
    }
}
