//! How far a figure may be off: the bootstrap.

/// How many times rows are drawn anew for an interval.
pub const RESAMPLES: usize = 1_000;

/// A 95 % interval: the least and the greatest value that are not among the outer twentieth.
pub type Interval = (f32, f32);

/// Numbers that look random and are the same for the same seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 to `end` − 1; 0 when `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mixed = mixed ^ (mixed >> 31);
        ((u128::from(mixed) * end as u128) >> 64) as usize
    }

    /// Puts `items` into another order, each as probable as any other.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        (1..items.len()).rev().for_each(|at| items.swap(at, self.below(at + 1)));
    }

    /// A number from 0 up to 1.
    pub fn unit(&mut self) -> f32 {
        self.below(1 << 24) as f32 / (1 << 24) as f32
    }
}

/// The percentile bootstrap: the 95 % interval of `statistic` over [`RESAMPLES`] draws, with
/// repetition, of as many of `units` rows as there are. Where rows belong together a unit is a group of
/// them, so that they are drawn together. `statistic` is given the units that were drawn. `None` when
/// most draws do not determine it.
#[must_use]
pub fn interval(units: usize, seed: u64, statistic: impl Fn(&[usize]) -> f32) -> Option<Interval> {
    let draw = |random: &mut Random, drawn: &mut Vec<usize>| {
        drawn.clear();
        drawn.extend((0..units).map(|_| random.below(units)));
    };
    percentiles(seed, draw, statistic)
}

/// As [`interval`], with as many rows drawn from each of `strata` as it has, so that shares which were
/// fixed beforehand stay as they are.
#[must_use]
pub fn interval_in_strata(strata: &[Vec<usize>], seed: u64, statistic: impl Fn(&[usize]) -> f32) -> Option<Interval> {
    let draw = |random: &mut Random, drawn: &mut Vec<usize>| {
        drawn.clear();
        for rows in strata {
            drawn.extend((0..rows.len()).map(|_| rows[random.below(rows.len())]));
        }
    };
    percentiles(seed, draw, statistic)
}

fn percentiles(
    seed: u64,
    draw: impl Fn(&mut Random, &mut Vec<usize>),
    statistic: impl Fn(&[usize]) -> f32,
) -> Option<Interval> {
    let (mut random, mut drawn) = (Random::new(seed), Vec::new());
    let mut values = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        draw(&mut random, &mut drawn);
        values.push(statistic(&drawn));
    }
    values.retain(|value| value.is_finite());
    if drawn.is_empty() || values.len() * 2 <= RESAMPLES {
        return None;
    }
    values.sort_by(f32::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    Some((at(0.025), at(0.975)))
}
