use crate::Random;

/// How long to wait after a number of failures in a row, in milliseconds: exponential back-off with jitter.
///
/// The pause doubles with every failure, from `first_ms` after the first one to `longest_ms` at most; the true one lies
/// between half of that and all of it, so that those who failed together do not come back together.
pub fn back_off_ms(first_ms: u64, longest_ms: u64, failures: u32, random: &impl Random) -> u64 {
    let doubled = 2u64.saturating_pow(failures.saturating_sub(1));
    let ceiling = first_ms.saturating_mul(doubled).min(longest_ms);
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    let half = ceiling / 2;
    half + u64::from_le_bytes(bytes) % (ceiling - half + 1)
}
