//! Fits on some rows, asked about others.

use std::collections::BTreeMap;

use farthing_evaluation::measures::Random;
use farthing_models::gain::{ForestEntry, Projection, after_features, before_features};
use serde_json::{Value, json};

use super::directions;
use super::grow::{Growth, Sample, forest};
use super::rows::{Example, recovered};
use crate::head_file::figure;

const FOLDS: usize = 5;
const REPEATS: u64 = 3;

/// The features of rows, one after another.
type Rows = Vec<Vec<f32>>;

/// What a head reads.
#[derive(Clone, Copy)]
pub(super) enum Reading<'a> {
    /// The question, beside its neighbours along these directions. They were found without labels.
    Question(&'a Projection),
    /// The question's form and the cheap answer.
    Answer,
}

impl Reading<'_> {
    /// The features of `rows` to be fitted on, of `others` to be asked about, and the neighbours.
    fn features(self, rows: &[&Example], others: &[&Example]) -> anyhow::Result<(Rows, Rows, Value)> {
        match self {
            Self::Question(projection) => {
                let questions: Vec<_> = rows.iter().map(|row| (&row.embedding[..], row.answered())).collect();
                let entry = directions::entry(projection, &questions)?;
                let near = directions::neighbours(&entry)?;
                let of =
                    |row: &Example, own: Option<usize>| before_features(&near, &row.embedding, &row.row.prompt, own);
                let own = rows.iter().enumerate().map(|(at, row)| of(row, Some(at))).collect::<Result<_, _>>()?;
                let asked = others.iter().map(|row| of(row, None)).collect::<Result<_, _>>()?;
                Ok((own, asked, entry))
            }
            Self::Answer => {
                let of = |row: &&Example| after_features(&row.row.prompt, row.answer());
                Ok((rows.iter().map(of).collect(), others.iter().map(of).collect(), Value::Null))
            }
        }
    }
}

/// The neighbours and the forest fitted on `rows`, as a head's file has them.
pub(super) fn fit(
    reading: Reading<'_>,
    rows: &[&Example],
    growth: Growth,
    seed: u64,
) -> anyhow::Result<(Value, Value)> {
    let (features, _, entry) = reading.features(rows, &[])?;
    Ok((entry, grown(&features, rows, growth, seed)))
}

fn grown(features: &[Vec<f32>], rows: &[&Example], growth: Growth, seed: u64) -> Value {
    let targets = rows.iter().map(|row| row.answered().gain()).collect();
    forest(&Sample { rows: features.iter().map(Vec::as_slice).collect(), targets }, growth, seed)
}

/// Predictions for rows, each by a fit that had not seen the row.
pub(super) struct Unseen(Vec<f32>);

/// Rows in five parts, each to be asked about by fits on the others.
pub(super) struct Folds(Vec<Fold>);

struct Fold {
    fitted: Vec<usize>,
    features: Vec<Vec<f32>>,
    asked: Vec<usize>,
    asked_features: Vec<Vec<f32>>,
}

impl Folds {
    /// The parts of `rows`, by the numbers of `seed`.
    pub(super) fn of(reading: Reading<'_>, rows: &[&Example], seed: u64) -> anyhow::Result<Self> {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        let mut random = Random::new(seed);
        random.shuffle(&mut order);
        let fold = |fold: usize| {
            let pick = |asked: bool| -> Vec<usize> {
                (0..order.len()).filter(|place| (place % FOLDS == fold) == asked).map(|place| order[place]).collect()
            };
            let (fitted, asked) = (pick(false), pick(true));
            let of = |places: &[usize]| places.iter().map(|&at| rows[at]).collect::<Vec<_>>();
            let (features, asked_features, _) = reading.features(&of(&fitted), &of(&asked))?;
            Ok(Fold { fitted, features, asked, asked_features })
        };
        Ok(Self((0..FOLDS).map(fold).collect::<anyhow::Result<_>>()?))
    }

    /// Predictions for `rows`, the same that the parts were made of.
    pub(super) fn cross_validate(&self, rows: &[&Example], growth: Growth, seed: u64) -> anyhow::Result<Unseen> {
        let mut predicted = vec![0.0; rows.len()];
        for fold in &self.0 {
            let fitted: Vec<&Example> = fold.fitted.iter().map(|&at| rows[at]).collect();
            let found = ask(&grown(&fold.features, &fitted, growth, seed), &fold.asked_features)?;
            fold.asked.iter().zip(found).for_each(|(&at, gain)| predicted[at] = gain);
        }
        Ok(Unseen(predicted))
    }
}

fn ask(forest: &Value, asked: &[Vec<f32>]) -> anyhow::Result<Vec<f32>> {
    let dimension = asked.first().map_or(0, Vec::len);
    let forest = serde_json::from_value::<ForestEntry>(forest.clone())?.checked(dimension)?;
    Ok(asked.iter().map(|features| forest.predict(features)).collect::<Result<_, _>>()?)
}

impl Unseen {
    /// The gap recovered, averaged over call shares, for each source.
    fn by_source(&self, rows: &[&Example]) -> BTreeMap<String, (usize, f32)> {
        let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        rows.iter().enumerate().for_each(|(at, row)| places.entry(&row.row.source).or_default().push(at));
        let of = |(source, places): (&str, Vec<usize>)| {
            let gains: Vec<f32> = places.iter().map(|&at| self.0[at]).collect();
            (source.to_owned(), (places.len(), recovered(&gains, places.iter().map(|&at| rows[at])).apgr))
        };
        places.into_iter().map(of).collect()
    }

    /// The gap recovered, each source counting as often as it has rows.
    pub(super) fn weighted(&self, rows: &[&Example]) -> f32 {
        let found = self.by_source(rows);
        found.values().map(|(count, apgr)| *count as f32 * apgr).sum::<f32>() / rows.len() as f32
    }

    /// The slope and offset that bring predictions nearest to what was gained.
    fn calibration(&self, rows: &[&Example]) -> (f32, f32) {
        let count = rows.len() as f32;
        let gains: Vec<f32> = rows.iter().map(|row| row.answered().gain()).collect();
        let (mean, gained) = (self.0.iter().sum::<f32>() / count, gains.iter().sum::<f32>() / count);
        let centred = self.0.iter().zip(&gains).map(|(predicted, gain)| (predicted - mean, gain - gained));
        let (products, squares) =
            centred.fold((0.0, 0.0), |(products, squares), (a, b)| (products + a * b, squares + a * a));
        let slope = if squares > 0.0 { (products / squares).max(0.01) } else { 1.0 };
        (slope, gained - slope * mean)
    }
}

/// What repeated cross-validation gave.
pub(super) struct Found {
    pub(super) calibration: (f32, f32),
    /// For each source the gap recovered in each repeat.
    recovered: BTreeMap<String, Vec<f32>>,
    /// For each source and threshold, what calling the strong model from it up does.
    thresholds: BTreeMap<String, Vec<AtGain>>,
}

/// What calling the strong model from a predicted gain up does.
struct AtGain {
    gain: f32,
    called: f32,
    right: f32,
    recovered: f32,
}

/// Cross-validation, several times in different orders.
pub(super) fn cross_validate_often(
    reading: Reading<'_>,
    rows: &[&Example],
    growth: Growth,
    seed: u64,
) -> anyhow::Result<Found> {
    let mut found = Found { calibration: (1.0, 0.0), recovered: BTreeMap::new(), thresholds: BTreeMap::new() };
    for repeat in 0..REPEATS {
        let folds = Folds::of(reading, rows, seed + repeat)?;
        let unseen = folds.cross_validate(rows, growth, seed + repeat)?;
        for (source, (_, apgr)) in unseen.by_source(rows) {
            found.recovered.entry(source).or_default().push(apgr);
        }
        if repeat == 0 {
            found.calibration = unseen.calibration(rows);
            let (slope, offset) = found.calibration;
            let gains: Vec<f32> = unseen.0.iter().map(|predicted| predicted * slope + offset).collect();
            for source in found.recovered.keys() {
                found.thresholds.insert(source.clone(), thresholds(&gains, rows, source));
            }
        }
    }
    Ok(found)
}

fn thresholds(gains: &[f32], rows: &[&Example], source: &str) -> Vec<AtGain> {
    let of: Vec<(f32, &Example)> =
        gains.iter().copied().zip(rows.iter().copied()).filter(|(_, row)| row.row.source == source).collect();
    let all: f32 = of.iter().map(|(_, row)| row.answered().gain()).sum();
    let weak = of.iter().filter(|(_, row)| row.answered().weak).count() as f32;
    let count = of.len() as f32;
    let at = |least: f32| {
        let called: Vec<f32> =
            of.iter().filter(|(gain, _)| *gain >= least).map(|(_, row)| row.answered().gain()).collect();
        let gained: f32 = called.iter().sum();
        AtGain {
            gain: least,
            called: called.len() as f32 / count,
            right: (weak + gained) / count,
            recovered: gained / all,
        }
    };
    [0.0, 0.05, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5].map(at).into()
}

impl Found {
    /// The figures as a head's file keeps them.
    pub(super) fn report(&self) -> Value {
        let mut report = json!({});
        for (source, repeats) in &self.recovered {
            let count = repeats.len() as f32;
            let mean = repeats.iter().sum::<f32>() / count;
            let spread = (repeats.iter().map(|found| (found - mean).powi(2)).sum::<f32>() / count).sqrt();
            report[source] = json!({
                "apgr_mean": figure(mean), "apgr_deviation": figure(spread), "repeats": repeats.len(),
                "thresholds": self.thresholds[source].iter().map(|at| json!({
                    "gain": figure(at.gain), "called": figure(at.called),
                    "right": figure(at.right), "recovered": figure(at.recovered),
                })).collect::<Vec<_>>(),
            });
        }
        report
    }
}

/// The gap recovered on all of `others`, a domain that the fit never saw.
pub(super) fn across(
    reading: Reading<'_>,
    rows: &[&Example],
    others: &[&Example],
    growth: Growth,
) -> anyhow::Result<f32> {
    let (features, asked, _) = reading.features(rows, others)?;
    let gains = ask(&grown(&features, rows, growth, super::SEED), &asked)?;
    Ok(recovered(&gains, others.iter().copied()).apgr)
}
