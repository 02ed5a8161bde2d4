//! Chance that depends on nothing but a seed and what it is about, so that every run meets the same luck.

use sha2::{Digest, Sha256};

/// A number from 0 up to 1 for `seed` and `about`.
pub(super) fn chance(seed: u64, about: &[&str]) -> f64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    for part in about {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let first = hash.finalize().iter().take(6).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    first as f64 / (1_u64 << 48) as f64
}

/// A number from 0 to `end` − 1; 0 when `end` is 0.
pub(super) fn below(seed: u64, about: &[&str], end: usize) -> usize {
    ((chance(seed, about) * end as f64) as usize).min(end.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_even_and_its_parts_are_kept_apart() {
        let below_a_third = (0..9_000).filter(|n| chance(1, &["x", &n.to_string()]) < 1.0 / 3.0).count();
        assert!((2_800..3_200).contains(&below_a_third), "{below_a_third}");
        assert!((chance(1, &["ab", "c"]) - chance(1, &["a", "bc"])).abs() > 1e-9);
        assert!((chance(1, &["a"]) - chance(2, &["a"])).abs() > 1e-9);
        assert!((0..100).all(|n| below(3, &[&n.to_string()], 4) < 4) && below(3, &["x"], 0) == 0);
    }
}
