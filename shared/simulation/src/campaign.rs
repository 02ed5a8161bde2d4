//! Many worlds, on all processors.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use farthing_domain::money::Usd;

use crate::monitor::Violation;
use crate::planted::Bug;
use crate::seen::Seen;
use crate::world::{self, Options};

/// Worlds to run.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Their seeds.
    pub seeds: Range<u64>,
    /// The bug that is planted in each of them, if one is.
    pub bug: Option<Bug>,
    /// No world is begun after this time.
    pub limit: Option<Duration>,
    /// How many run at once; as many as there are processors unless it is set.
    pub threads: Option<NonZeroUsize>,
}

/// What worlds came to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Worlds that were run.
    pub worlds: u64,
    /// What came to pass in them.
    pub seen: Seen,
    /// What providers charged in them.
    pub metered: Usd,
    /// How long it took.
    pub took: Duration,
    /// The world with the smallest seed in which an invariant did not hold.
    pub found: Option<Found>,
}

/// A world in which an invariant did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its seed.
    pub seed: u64,
    /// What did not hold.
    pub violation: Violation,
}

impl Campaign {
    /// Worlds with these seeds, as the code is.
    #[must_use]
    pub const fn of(seeds: Range<u64>) -> Self {
        Self { seeds, bug: None, limit: None, threads: None }
    }

    /// Runs the worlds until all are done, time is over, or one fails.
    #[must_use]
    pub fn run(&self) -> Tally {
        let started = Instant::now();
        let next = AtomicU64::new(self.seeds.start);
        let is_over = AtomicBool::new(false);
        let total = Mutex::new(Tally::default());
        let threads = self.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let own = self.work(started, &next, &is_over);
                    total.lock().unwrap_or_else(PoisonError::into_inner).add(own);
                });
            }
        });
        let mut total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
        total.took = started.elapsed();
        total
    }

    fn work(&self, started: Instant, next: &AtomicU64, is_over: &AtomicBool) -> Tally {
        let mut own = Tally::default();
        while !is_over.load(Ordering::Relaxed) && self.limit.is_none_or(|limit| started.elapsed() < limit) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.seeds.end {
                break;
            }
            let ended = world::run(seed, Options { bug: self.bug, is_traced: false });
            own.worlds += 1;
            own.seen.add(&ended.seen);
            own.metered = own.metered.saturating_add(ended.metered);
            if let Some(violation) = ended.violation {
                own.found = Some(Found { seed, violation });
                is_over.store(true, Ordering::Relaxed);
            }
        }
        own
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.seen.add(&other.seen);
        self.metered = self.metered.saturating_add(other.metered);
        let found = [self.found.take(), other.found];
        self.found = found.into_iter().flatten().min_by_key(|found| found.seed);
    }

    /// Worlds run a second.
    #[must_use]
    pub fn worlds_a_second(&self) -> f64 {
        self.worlds as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (seconds, speed) = (self.took.as_secs_f64(), self.worlds_a_second());
        writeln!(
            f,
            "{} worlds in {seconds:.1} s, {speed:.0} a second; providers charged ${}",
            self.worlds, self.metered
        )?;
        write!(f, "{}", self.seen)
    }
}

/// After how many worlds each bug is found; `None` when it is not within `most` worlds.
#[must_use]
pub fn hunt(bugs: &[Bug], most: u64) -> BTreeMap<Bug, Option<(u64, Found)>> {
    let hunt = |bug: Bug| {
        let tally = Campaign { bug: Some(bug), ..Campaign::of(0..most) }.run();
        tally.found.map(|found| (tally.worlds, found))
    };
    bugs.iter().map(|bug| (*bug, hunt(*bug))).collect()
}
