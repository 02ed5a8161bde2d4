//! Whether a stretch of traffic is another one than a stored baseline.
//!
//! Each measure raises an alarm only when it has changed by more than chance would and by as much as matters: a large sample
//! finds any difference significant, a small one makes large differences of nothing.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF as _, Normal};

use super::digest::{Centroid, Digest, Sample};
use super::measures::{BINS, Histogram, Moments};
use crate::outcome::QuantizedVector;

/// From how much on a change matters, and how improbable it has to be when nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftRules {
    /// The fewest outcomes of either stretch of which anything is said.
    pub min_outcomes: u64,
    /// The greatest probability of an alarm of one measure when nothing changed, above 0 and below 1.
    pub false_alarms: f64,
    /// The least population stability index of confidences or scores; 0.1 is commonly called a moderate change, 0.25 a
    /// large one.
    pub stability_index: f64,
    /// The least distance of the mean embeddings, which are shorter than 1.
    pub centroid: f64,
    /// The least rise of the share of new topics, 0 to 1.
    pub new_topics: f64,
    /// The least fall of the mean score, 0 to 1.
    pub score_drop: f64,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// How sure tiers are.
    Confidences,
    /// How scores are spread.
    Scores,
    /// What is asked about, in the mean.
    Centroid,
    /// How much is asked about what was not asked about before.
    NewTopics,
    /// The mean score.
    ScoreDrop,
}

impl Measure {
    /// The measure's name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confidences => "confidences",
            Self::Scores => "scores",
            Self::Centroid => "centroid",
            Self::NewTopics => "new_topics",
            Self::ScoreDrop => "score_drop",
        }
    }
}

/// How one measure stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What was measured.
    pub measure: Measure,
    /// By how much it changed, in the units of its rule.
    pub size: f64,
    /// From how much on it matters.
    pub threshold: f64,
    /// The probability of such a change when nothing changed.
    pub p: f64,
    /// Whether both say that it changed.
    pub is_alarm: bool,
}

/// How `now` differs from `before`, in the order of [`Measure`]; nothing is said of fewer outcomes than the rules ask for.
#[must_use]
pub fn changes(before: &Digest, now: &Digest, rules: &DriftRules) -> Vec<Change> {
    let sized = |measure, found: Option<(f64, f64)>, threshold| {
        let (size, p) = found.filter(|(size, p)| size.is_finite() && p.is_finite())?;
        let is_alarm = size >= threshold && p <= rules.false_alarms;
        Some(Change { measure, size, threshold, p, is_alarm })
    };
    let enough = |one: u64, other: u64| one.min(other) >= rules.min_outcomes;
    let stability =
        |one: &Histogram, other: &Histogram| enough(one.total(), other.total()).then(|| stability_index(one, other));
    let is_read = enough(before.centroid.count(), now.centroid.count());
    let is_scored = enough(before.score.count(), now.score.count());
    let found = [
        (Measure::Confidences, stability(&before.confidences, &now.confidences), rules.stability_index),
        (Measure::Scores, stability(&before.scores, &now.scores), rules.stability_index),
        (Measure::Centroid, is_read.then(|| shift(&before.centroid, &now.centroid)).flatten(), rules.centroid),
        (Measure::NewTopics, is_read.then(|| new_topics(&before.sample, &now.sample)).flatten(), rules.new_topics),
        (Measure::ScoreDrop, is_scored.then(|| drop(&before.score, &now.score)).flatten(), rules.score_drop),
    ];
    found.into_iter().filter_map(|(measure, found, threshold)| sized(measure, found, threshold)).collect()
}

/// The population stability index of two histograms, each bin with half a count more so that empty ones have a logarithm,
/// and the probability of one as large when both are of one population: it is then spread as chi-squared, scaled by 1/n + 1/m
/// (Yurdakul, Statistical Properties of Population Stability Index, 2018).
fn stability_index(before: &Histogram, now: &Histogram) -> (f64, f64) {
    let (n, m) = (before.total() as f64, now.total() as f64);
    // Bins that neither has anything in tell nothing.
    let used: Vec<(f64, f64)> = (before.counts().iter().zip(now.counts()))
        .filter(|(one, other)| **one + **other > 0)
        .map(|(one, other)| (*one as f64 + 0.5, *other as f64 + 0.5))
        .collect();
    let bins = used.len() as f64;
    let share = |count: f64, total: f64| count / (total + 0.5 * bins);
    let index = used.iter().map(|(one, other)| {
        let (one, other) = (share(*one, n), share(*other, m));
        (one - other) * (one / other).ln()
    });
    let index: f64 = index.sum();
    (index, above_chi_squared(index / (1.0 / n + 1.0 / m), bins - 1.0))
}

/// The distance of two means of vectors of length 1, and the probability of one as large when both are of one population.
///
/// The square of the distance of two such means is, in the mean, the spread of single vectors, 1 − |mean|², times 1/n + 1/m.
/// It is spread as a sum over as many independent directions as the vectors vary in, of which [`DIRECTIONS`] are assumed.
fn shift(before: &Centroid, now: &Centroid) -> Option<(f64, f64)> {
    let (one, other) = (before.mean(), now.mean());
    if one.len() != other.len() || one.is_empty() {
        return None;
    }
    let square: f64 = one.iter().zip(&other).map(|(a, b)| (a - b).powi(2)).sum();
    let spread = 1.0 - one.iter().map(|a| a * a).sum::<f64>();
    let expected = spread.max(f64::EPSILON) * (1.0 / before.count() as f64 + 1.0 / now.count() as f64);
    Some((square.sqrt(), above_chi_squared(DIRECTIONS * square / expected, DIRECTIONS)))
}

/// Fewer than questions vary in (38 for BANKING77, 94 for CLINC150, by the participation ratio of their covariance), so that
/// the probability is rather too large.
const DIRECTIONS: f64 = 16.0;

/// How much more of `now` than of `before` itself is unlike all of `before`, and the probability of such a rise when nothing
/// changed.
fn new_topics(before: &Sample<QuantizedVector>, now: &Sample<QuantizedVector>) -> Option<(f64, f64)> {
    let vectors = |sample: &Sample<QuantizedVector>| sample.iter().map(QuantizedVector::to_vec).collect::<Vec<_>>();
    let (known, asked) = (vectors(before), vectors(now));
    let is_new = |vector: &[f32], but: Option<usize>| {
        let others = known.iter().enumerate().filter(|(at, _)| Some(*at) != but);
        others.map(|(_, other)| dot(vector, other)).fold(f32::MIN, f32::max) < SAME_TOPIC
    };
    let of_known = known.iter().enumerate().filter(|(at, vector)| is_new(vector, Some(*at))).count() as f64;
    let of_asked = asked.iter().filter(|vector| is_new(vector, None)).count() as f64;
    let (n, m) = (known.len() as f64, asked.len() as f64);
    let together = (of_known + of_asked) / (n + m);
    let error = (together * (1.0 - together) * (1.0 / n + 1.0 / m)).sqrt();
    let rise = of_asked / m - of_known / n;
    (n > 0.0 && m > 0.0).then(|| (rise, if error > 0.0 { above_normal(rise / error) } else { 1.0 }))
}

/// Below this cosine with all of them a question is on none of the topics of others: 3.5 % of 256 questions to a bank
/// (BANKING77) are, of questions on other matters (CLINC150) 87 % are on none of those topics.
const SAME_TOPIC: f32 = 0.5;

fn dot(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

/// How much lower the second mean is, and the probability of such a fall when nothing changed.
fn drop(before: &Moments, now: &Moments) -> Option<(f64, f64)> {
    let fall = before.mean()? - now.mean()?;
    let error = (before.standard_error()?.powi(2) + now.standard_error()?.powi(2)).sqrt();
    Some((fall, if error > 0.0 { above_normal(fall / error) } else { f64::from(u8::from(fall <= 0.0)) }))
}

fn above_chi_squared(value: f64, freedom: f64) -> f64 {
    if freedom < 1.0 {
        return 1.0;
    }
    ChiSquared::new(freedom).map_or(1.0, |chi| chi.sf(value))
}

fn above_normal(value: f64) -> f64 {
    Normal::new(0.0, 1.0).map_or(1.0, |normal| normal.sf(value))
}

const _: () = assert!(BINS > 2, "with fewer bins an index says nothing");

#[cfg(test)]
mod tests;
