//! Chance, drawn from a seed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

/// A source of chance. Clones draw from the same one.
#[derive(Clone, Debug)]
pub(crate) struct Chance(Arc<Mutex<SmallRng>>);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(SmallRng::seed_from_u64(seed))))
    }

    /// Whether something comes to pass that does so `per_mille` times in a thousand.
    pub(crate) fn happens(&self, per_mille: u32) -> bool {
        per_mille > 0 && self.rng().random_range(0..1_000) < per_mille
    }

    /// A number from `low` to `high`.
    pub(crate) fn between(&self, low: u64, high: u64) -> u64 {
        self.rng().random_range(low..=high)
    }

    /// A time from `low` to `high` milliseconds.
    pub(crate) fn millis(&self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    /// A time between none and `most`.
    pub(crate) fn up_to(&self, most: Duration) -> Duration {
        self.rng().random_range(Duration::ZERO..=most)
    }

    /// One of `choices`.
    pub(crate) fn pick<T: Copy>(&self, choices: &[T]) -> T {
        choices[self.rng().random_range(0..choices.len())]
    }

    fn rng(&self) -> MutexGuard<'_, SmallRng> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
