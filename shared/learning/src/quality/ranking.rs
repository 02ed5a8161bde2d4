//! The head for relevance, which ranks: what it learns on, and how well it does.

use farthing_evaluation::measures::{Random, interval, mean_ranked, ranked};
use farthing_models::validator::{QualityHeads, RELEVANCE, ranking};
use serde_json::{Value, json};

use super::choice::by_group;
use super::{Example, Examples};
use crate::calibrate;
use crate::fit::{Linear, Row, Settings, logistic};
use crate::head_file::{self, figure};
use crate::quality_rows::Origin;
use crate::report::table;

/// Flaws of answers that do not speak to the question.
const OFF_TOPIC: &[&str] = &["off_topic", "evasive", "empty_talk"];
const PENALTY: f32 = 1e-3;
const FOLDS: u64 = 5;
const SEED: u64 = 7;

/// An example's measures and whether it speaks to the question; `None` where its label does not say.
fn labelled(example: &Example) -> Option<(Vec<f32>, bool)> {
    let speaks = example.case.acceptable || example.has_flaw(OFF_TOPIC);
    let is_stored = example.case.origin == Origin::Stored;
    let measures = example.findings.measures.as_ref().filter(|_| speaks && !is_stored)?;
    Some((measures.relevance.clone(), example.case.acceptable))
}

/// Weights that rank and do not read how long an answer is.
fn fit(rows: &[(Vec<f32>, bool)]) -> Linear {
    let labels: Vec<(Vec<f32>, bool)> = rows.iter().map(|(_, label)| (Vec::new(), *label)).collect();
    let weights = super::at_odds(0.5, &labels);
    let rows: Vec<Row> = (rows.iter().zip(weights))
        .map(|((features, label), weight)| Row::new(&only_ranking(features), usize::from(*label)).weighing(weight))
        .collect();
    logistic(&rows, RELEVANCE.dimension, &Settings { penalty: PENALTY, scales: Vec::new(), rising: true })
}

/// The features that the head reads.
fn only_ranking(features: &[f32]) -> Vec<f32> {
    let mut kept = vec![0.0; features.len()];
    ranking().iter().for_each(|&at| kept[at] = features[at]);
    kept
}

/// The relevance head, calibrated on sums of rows that were left out.
pub(crate) fn train(examples: &Examples) -> Value {
    let learn: Vec<&Example> = examples.learn.iter().filter(|example| labelled(example).is_some()).collect();
    let rows: Vec<(Vec<f32>, bool)> = learn.iter().filter_map(|example| labelled(example)).collect();
    let sums = left_out(&learn);
    let labels: Vec<bool> = rows.iter().map(|(_, label)| *label).collect();
    let weights = super::at_odds(super::PRIOR, &rows);
    head_file::logistic(RELEVANCE, &fit(&rows), calibrate::platt(&sums, &labels, &weights))
}

fn left_out(examples: &[&Example]) -> Vec<f32> {
    let fold = |example: &Example| farthing_models::features::hash("fold", &example.case.group) % FOLDS;
    let mut sums = vec![0.0; examples.len()];
    for left in 0..FOLDS {
        let others: Vec<(Vec<f32>, bool)> =
            examples.iter().filter(|example| fold(example) != left).filter_map(|example| labelled(example)).collect();
        let fitted = fit(&others);
        for (sum, example) in sums.iter_mut().zip(examples).filter(|(_, example)| fold(example) == left) {
            *sum = labelled(example).map_or(0.0, |(features, _)| fitted.scores(&only_ranking(&features))[0]);
        }
    }
    sums
}

/// How well candidates are ranked, beside trivial ways, as Markdown and as figures. The factoids are learned from: each is
/// ranked by a head that was fitted without its fold.
pub(crate) fn report(heads: &QualityHeads, examples: &Examples) -> anyhow::Result<(String, Value)> {
    let is_one = |example: &&Example| example.case.origin == Origin::Factoid && labelled(example).is_some();
    let learn: Vec<&Example> = examples.learn.iter().filter(|example| labelled(example).is_some()).collect();
    let sums = left_out(&learn);
    let factoids: Vec<&Example> = learn.iter().copied().filter(is_one).collect();
    let of_factoids = learn.iter().zip(sums).filter(|(example, _)| is_one(example)).map(|(_, sum)| sum).collect();
    let stored: Vec<&Example> = examples.test.iter().filter(|one| one.case.origin == Origin::Paired).collect();
    let relevance = |example: &&Example| Ok(heads.weigh(&example.findings, false)?.relevance);
    let of_stored = stored.iter().map(relevance).collect::<anyhow::Result<Vec<f32>>>()?;
    let (mut lines, mut figures) = (Vec::new(), json!({}));
    for (name, set, own) in [("factoids", factoids, of_factoids), ("stored answers", stored, of_stored)] {
        let mut random = Random::new(SEED);
        let ways: [(&str, Vec<f32>); 5] = [
            ("this head", own),
            ("cosine", set.iter().map(|example| example.cosine).collect()),
            ("shared words", set.iter().map(|example| shared(example)).collect()),
            ("length", set.iter().map(|example| example.case.answer.len() as f32).collect()),
            ("random", set.iter().map(|_| random.unit()).collect()),
        ];
        for (way, scores) in ways {
            let (map, range, mrr) = ranks(&set, &scores);
            lines.push(vec![
                name.to_owned(),
                way.to_owned(),
                format!("{map:.3}"),
                range.map_or_else(String::new, |(low, high)| format!("{low:.3}–{high:.3}")),
                format!("{mrr:.3}"),
            ]);
            let (low, high) = range.unwrap_or((f32::NAN, f32::NAN));
            figures[name][way] =
                json!({"map": figure(map), "map_95_percent": [figure(low), figure(high)], "mrr": figure(mrr)});
        }
    }
    Ok((table(&["Candidates", "Ranked by", "MAP", "95 % interval", "MRR"], &lines), figures))
}

fn shared(example: &Example) -> f32 {
    farthing_evaluation::baselines::shared_words(&example.case.question, &example.case.answer)
}

fn ranks(set: &[&Example], scores: &[f32]) -> (f32, Option<(f32, f32)>, f32) {
    let groups = by_group(set.iter().map(|example| example.case.question.as_str()));
    let ranked: Vec<_> = groups
        .iter()
        .filter_map(|rows| {
            let scores: Vec<f32> = rows.iter().map(|&row| scores[row]).collect();
            ranked(&scores, &rows.iter().map(|&row| set[row].case.acceptable).collect::<Vec<_>>())
        })
        .collect();
    let mean = mean_ranked(ranked.iter());
    let range =
        interval(ranked.len(), SEED, |drawn| mean_ranked(drawn.iter().map(|&at| &ranked[at])).average_precision);
    (mean.average_precision, range, mean.reciprocal_rank)
}
