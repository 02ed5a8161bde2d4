//! Which model makes the parts into a score: compared by cross-validation, in which the rows of one group are
//! always left out together.

use std::collections::BTreeMap;

use farthing_models::features::hash;
use farthing_models::heads::{FeatureSpec, sigmoid};
use serde_json::{Value, json};

use super::boosting::{Boosted, Rows, Settings};
use super::{ANSWERS, Labelled, PRIOR, at_odds};
use crate::calibrate;
use crate::fit::{self, Linear, Row};
use crate::measure::{auc, calibration_error, surprise};
use crate::quality_rows::author;
use crate::report::table;

/// The shipped trees.
const TREES: Settings = Settings { trees: 250, depth: 3, rate: 0.06, least: 15, penalty: 1.0 };
/// The penalty of the line that they are compared with.
const PENALTY: f32 = 1e-3;
/// In how many parts the rows are left out.
const FOLDS: u64 = 5;
/// The steps of a smoothed isotonic calibration.
const STEPS: usize = 10;
/// How many rows of either label each step is given to begin with.
const ADDED: f32 = 1.0;

/// A row to learn the score on.
#[derive(Clone, Debug)]
pub(crate) struct Scored {
    pub(crate) group: String,
    pub(crate) features: Vec<f32>,
    pub(crate) acceptable: bool,
    /// Whether the row was labelled by hand: only such rows calibrate and are counted.
    pub(crate) counts: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Model {
    Line,
    Trees,
    RisingTrees,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Platt,
    Isotonic,
}

enum Fitted {
    Line(Linear),
    Trees(Boosted),
}

impl Fitted {
    fn sum(&self, features: &[f32]) -> f32 {
        match self {
            Self::Line(line) => line.scores(features)[0],
            Self::Trees(trees) => trees.sum(features),
        }
    }
}

/// A rising line from sums to log-odds.
#[derive(Clone, Debug)]
struct Calibration(Vec<(f32, f32)>);

impl Calibration {
    fn at(&self, sum: f32) -> f32 {
        let points = &self.0;
        let after = points.partition_point(|point| point.0 <= sum);
        match (after.checked_sub(1), points.get(after)) {
            (None, _) => points.first().map_or(0.0, |point| point.1),
            (Some(last), None) => points[last].1,
            (Some(before), Some(next)) => {
                let share = (sum - points[before].0) / (next.0 - points[before].0);
                points[before].1 + share * (next.1 - points[before].1)
            }
        }
    }

    fn to_json(&self) -> Value {
        let short = |value: f32| json!(format!("{value:.4e}").parse::<f64>().unwrap_or_default());
        let of = |pick: &dyn Fn(&(f32, f32)) -> f32| self.0.iter().map(|p| short(pick(p))).collect::<Vec<_>>();
        json!({"sums": of(&|point| point.0), "log_odds": of(&|point| point.1)})
    }
}

/// The head for `rows`, and the comparison as a table and as figures.
pub(crate) fn choose(spec: FeatureSpec, rising: &[bool], rows: &[Scored]) -> (Value, String, Value) {
    let (mut lines, mut figures) = (Vec::new(), json!({}));
    let mut best: Option<(f32, Method)> = None;
    for model in [Model::Line, Model::Trees, Model::RisingTrees] {
        let sums = left_out(rows, rising, model);
        for method in [Method::Platt, Method::Isotonic] {
            let judged = judge(rows, &sums, method);
            let name = format!("{}, {}", model.name(), method.name());
            lines.push([name.clone()].into_iter().chain(judged.map(|figure| format!("{figure:.3}"))).collect());
            figures[&name] = json!({"auc": judged[0], "log_loss": judged[1], "calibration_error": judged[2]});
            // With the other models one part could make good what another finds: they are for comparison.
            if model == Model::RisingTrees && best.is_none_or(|(loss, _)| judged[1] < loss) {
                best = Some((judged[1], method));
            }
        }
    }
    let method = best.map_or(Method::Platt, |(_, method)| method);
    let name =
        format!("as shipped: {}, calibrated and counted on rows of a file not learned from as well", method.name());
    let (twice, sums) = with_strangers(rows, rising);
    let judged = judge(&twice, &sums, method);
    lines.push([name.clone()].into_iter().chain(judged.map(|figure| format!("{figure:.3}"))).collect());
    figures[&name] = json!({"auc": judged[0], "log_loss": judged[1], "calibration_error": judged[2]});
    figures["shipped"] = json!(format!("{}, {}", Model::RisingTrees.name(), method.name()));
    let head = head(spec, rising, rows, method);
    let header = ["Model and calibration", "AUC", "Log-loss", "Calibration error"];
    (head, table(&header, &lines), figures)
}

impl Model {
    const fn name(self) -> &'static str {
        match self {
            Self::Line => "logistic regression",
            Self::Trees => "boosted trees",
            Self::RisingTrees => "boosted trees that rise",
        }
    }
}

impl Method {
    const fn name(self) -> &'static str {
        match self {
            Self::Platt => "Platt",
            Self::Isotonic => "isotonic",
        }
    }
}

/// The score of each of `others` by trees fitted to `rows`, as a probability.
pub(crate) fn transferred(rising: &[bool], rows: &[Scored], others: &[Scored]) -> Vec<f32> {
    let calibration = calibrated(rows, &left_out(rows, rising, Model::RisingTrees), Method::Platt);
    let fitted = fitted(&rows.iter().collect::<Vec<_>>(), rising, Model::RisingTrees);
    others.iter().map(|row| sigmoid(calibration.at(fitted.sum(&row.features)))).collect()
}

fn head(spec: FeatureSpec, rising: &[bool], rows: &[Scored], method: Method) -> Value {
    let (twice, sums) = with_strangers(rows, rising);
    let calibration = calibrated(&twice, &sums, method);
    let all: Vec<&Scored> = rows.iter().collect();
    let mut head = match fitted(&all, rising, Model::RisingTrees) {
        Fitted::Trees(trees) => trees.to_json(),
        Fitted::Line(_) => json!({}),
    };
    head["features"] = json!({"name": spec.name, "dimension": spec.dimension});
    head["calibration"] = calibration.to_json();
    head
}

/// Every row twice: with its sum by trees that learned from all groups but its own, and by trees that learned from the
/// other files only. In use answers come from none of the files, and what was learned from some people's answers is less
/// sure of another's. Solutions have no author, and stand once.
fn with_strangers(rows: &[Scored], rising: &[bool]) -> (Vec<Scored>, Vec<f32>) {
    let mut sums = left_out(rows, rising, Model::RisingTrees);
    let by_others: Vec<Fitted> = (0..ANSWERS.len())
        .map(|own| {
            let others: Vec<&Scored> = rows.iter().filter(|row| author(&row.group) != Some(own)).collect();
            fitted(&others, rising, Model::RisingTrees)
        })
        .collect();
    let mut twice = rows.to_vec();
    for row in rows {
        if let Some(author) = author(&row.group) {
            sums.push(by_others[author].sum(&row.features));
            twice.push(row.clone());
        }
    }
    (twice, sums)
}

fn fold(row: &Scored) -> u64 {
    hash("fold", &row.group) % FOLDS
}

/// The sum of each row by a model that was fitted without the row's fold.
fn left_out(rows: &[Scored], rising: &[bool], model: Model) -> Vec<f32> {
    let mut sums = vec![0.0; rows.len()];
    for left in 0..FOLDS {
        let others: Vec<&Scored> = rows.iter().filter(|row| fold(row) != left).collect();
        let fitted = fitted(&others, rising, model);
        for (sum, row) in sums.iter_mut().zip(rows).filter(|(_, row)| fold(row) == left) {
            *sum = fitted.sum(&row.features);
        }
    }
    sums
}

fn fitted(rows: &[&Scored], rising: &[bool], model: Model) -> Fitted {
    let labelled: Vec<Labelled> = rows.iter().map(|row| (row.features.clone(), row.acceptable)).collect();
    let weights = at_odds(0.5, &labelled);
    if model == Model::Line {
        let rows: Vec<Row> = (labelled.iter().zip(&weights))
            .map(|((features, label), weight)| Row::new(features, usize::from(*label)).weighing(*weight))
            .collect();
        let settings = fit::Settings { penalty: PENALTY, scales: Vec::new(), rising: false };
        return Fitted::Line(fit::logistic(&rows, rising.len(), &settings));
    }
    let free = vec![false; rising.len()];
    let (features, labels) = labelled.into_iter().unzip();
    let rising = if model == Model::RisingTrees { rising } else { &free };
    Fitted::Trees(Boosted::fit(&Rows { features, labels, weights }, rising, TREES))
}

/// Area under the curve, log-loss and calibration error over the rows that count, each calibrated without its own fold.
fn judge(rows: &[Scored], sums: &[f32], method: Method) -> [f32; 3] {
    let mut log_odds = vec![0.0; rows.len()];
    for left in 0..FOLDS {
        let (others, their_sums): (Vec<Scored>, Vec<f32>) =
            (rows.iter().zip(sums)).filter(|(row, _)| fold(row) != left).map(|(row, sum)| (row.clone(), *sum)).unzip();
        let calibration = calibrated(&others, &their_sums, method);
        for at in (0..rows.len()).filter(|&at| fold(&rows[at]) == left) {
            log_odds[at] = calibration.at(sums[at]);
        }
    }
    let counted: Vec<usize> = (0..rows.len()).filter(|&at| rows[at].counts).collect();
    let labels: Vec<bool> = counted.iter().map(|&at| rows[at].acceptable).collect();
    let log_odds: Vec<f32> = counted.iter().map(|&at| log_odds[at]).collect();
    let weights = odds_weights(&labels);
    let scores: Vec<f32> = log_odds.iter().copied().map(sigmoid).collect();
    [auc(&scores, &labels), surprise(&log_odds, &labels, &weights), calibration_error(&scores, &labels, &weights)]
}

fn odds_weights(labels: &[bool]) -> Vec<f32> {
    at_odds(PRIOR, &labels.iter().map(|label| (Vec::new(), *label)).collect::<Vec<Labelled>>())
}

fn calibrated(rows: &[Scored], sums: &[f32], method: Method) -> Calibration {
    let counted: Vec<usize> = (0..rows.len()).filter(|&at| rows[at].counts).collect();
    let labels: Vec<bool> = counted.iter().map(|&at| rows[at].acceptable).collect();
    let sums: Vec<f32> = counted.iter().map(|&at| sums[at]).collect();
    let weights = odds_weights(&labels);
    match method {
        Method::Platt => {
            let (slope, offset) = calibrate::platt(&sums, &labels, &weights);
            Calibration([-10.0, 10.0].map(|sum| (sum, slope * sum + offset)).to_vec())
        }
        Method::Isotonic => isotonic(&sums, &labels, &weights),
    }
}

/// Steps of equal size, joined where they would fall, each a point of a line at its mean sum.
fn isotonic(sums: &[f32], labels: &[bool], weights: &[f32]) -> Calibration {
    let mut order: Vec<usize> = (0..sums.len()).collect();
    order.sort_by(|&a, &b| sums[a].total_cmp(&sums[b]));
    let mut steps: Vec<Step> = Vec::new();
    for rows in order.chunks(order.len().div_ceil(STEPS).max(1)) {
        let mut step = Step { sum: 0.0, weight: 0.0, yes: ADDED, no: ADDED };
        for &row in rows {
            step.sum += sums[row] * weights[row];
            step.weight += weights[row];
            *(if labels[row] { &mut step.yes } else { &mut step.no }) += weights[row];
        }
        while let Some(last) = steps.last().copied().filter(|last| last.odds() >= step.odds()) {
            steps.pop();
            let (sum, weight) = (step.sum + last.sum, step.weight + last.weight);
            step = Step { sum, weight, yes: step.yes + last.yes, no: step.no + last.no };
        }
        steps.push(step);
    }
    Calibration(steps.iter().map(|step| (step.sum / step.weight, step.odds().ln())).collect())
}

/// Neighbouring rows of an isotonic calibration, in sums.
#[derive(Clone, Copy, Debug)]
struct Step {
    sum: f32,
    weight: f32,
    yes: f32,
    no: f32,
}

impl Step {
    fn odds(&self) -> f32 {
        self.yes / self.no
    }
}

/// Rows by group, as positions.
pub(crate) fn by_group<'a>(groups: impl Iterator<Item = &'a str>) -> Vec<Vec<usize>> {
    let mut found: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    groups.enumerate().for_each(|(at, group)| found.entry(group).or_default().push(at));
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_isotonic_line_rises_and_follows_the_shares() {
        let sums: Vec<f32> = (0..1_000).map(|at| at as f32 / 100.0).collect();
        let labels: Vec<bool> = (0..1_000).map(|at| at * 7 % 1_000 < at).collect();
        let line = isotonic(&sums, &labels, &vec![1.0; 1_000]);
        assert!(line.0.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1), "{line:?}");
        assert!((sigmoid(line.at(5.0)) - 0.5).abs() < 0.06 && sigmoid(line.at(9.0)) > 0.8, "{line:?}");
    }
}
