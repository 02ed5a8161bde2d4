//! Trains the judge of whether an agent's knowledge answers a query.

mod demo;
mod outcomes;
mod simulation;
mod whole;
mod wording;
mod worlds;

use std::collections::BTreeMap;
use std::path::Path;

use farthing_evaluation::measures::{Random, interval};
use farthing_models::encoder::{Encoder, PairReader};
use farthing_models::knowledge::answerability::{Calibration, FEATURES, Features, Head};
use farthing_models::knowledge::retrieval::Weights;
use serde_json::{Value, json};

use crate::calibrate;
use crate::data::Part;
use crate::fit::{Linear, Row, Settings, logistic};
use crate::head_file::figure;
use crate::measure::{auc, calibration_error};
use crate::report::{Measured, Trained, provenance, table};
use simulation::{Example, Simulation};
use whole::Models;
use worlds::{World, Worlds, passers_by};

/// The head's file.
pub const HEAD: &str = "complexity-head/answerability.json";

const SEED: u64 = 20_240_601;
const PUBLIC_SIMULATIONS: usize = 6;
const OWN_SIMULATIONS: usize = 10;

/// Features that speak against an answer: their weights may not be above 0. All others may not be
/// below, but for `length`, which may speak either way. So the few rows with an opposed or negated
/// question cannot teach that opposition is a good sign.
const AGAINST: &[&str] =
    &["unmatched_rare", "unknown_share", "numbers_missing", "names_missing", "opposed", "negation_differs"];

/// The models that read questions and entries.
#[derive(Clone, Copy)]
pub struct Readers<'a> {
    /// The encoder as it was published.
    pub published: &'a dyn Encoder,
    /// The encoder that is trained for knowledge.
    pub encoder: &'a dyn Encoder,
    /// Reads a question together with an entry.
    pub pairs: &'a dyn PairReader,
}

/// Trains the head on the data in `repository`, and measures it on worlds that it has not seen and
/// on the demo agent's held-out questions.
///
/// # Errors
/// When the data cannot be read or the encoder fails.
pub fn train(readers: Readers<'_>, repository: &Path) -> anyhow::Result<Trained> {
    let data = repository.join("shared/learning/data");
    let Readers { encoder, pairs: reader, .. } = readers;
    let worlds = Worlds::read(&data)?;
    let mut random = Random::new(SEED);
    let drawn = simulate(&worlds, Part::Train, encoder, &mut random)?;
    let validation = simulate(&worlds, Part::Validation, encoder, &mut random)?;
    let weights = compare_weights(&drawn)? + &compare_reading(&drawn, &validation, reader)?;
    let train = examples(&drawn, reader)?;
    let validation = examples(&validation, reader)?;
    let test = examples(&simulate(&worlds, Part::Test, encoder, &mut random)?, reader)?;
    let (fitted, penalty) = choose(&train, &validation);
    let (slope, offset) = platt(&validation, |example| score(&fitted, &example.features));
    let calibration = Calibration { a: slope, b: offset };
    let head = |provenance| Head::new(weights_of(&fitted), fitted.bias[0], calibration, provenance);
    let (mut figures, section) = judge(&head(Value::Null)?, &validation, &test);
    let held_out = measure_held_out(readers, repository, &head(Value::Null)?)?;
    figures["held_out"] = held_out.figures;
    let sizes = [train.len(), validation.len(), test.len()];
    let settings = json!({"penalty": penalty});
    let mut sources: BTreeMap<&str, usize> = worlds.sources.iter().map(|(name, rows)| (name.as_str(), *rows)).collect();
    sources.insert("farthing", worlds.own_rows);
    let mut from = provenance(&data.join("intents.jsonl"), sources, sizes, &settings, &figures)?;
    from["data"] = json!("shared/learning/data/intents.jsonl, faqs.jsonl and faqs/*.jsonl");
    from["split"] = json!(
        "the intents and worlds that did not teach the pair model: 5, 5 and 10 % of the intents, four, four and nine \
         worlds; rows counts questions to simulated knowledge bases"
    );
    from["seed"] = json!(SEED);
    Ok(Trained {
        file: HEAD,
        head: serde_json::to_value(head(from)?)?,
        section: section + &held_out.section + &weights,
    })
}

/// Measures `head` on the worlds and questions that [`train`] holds out.
///
/// # Errors
/// When the data cannot be read or the encoder fails.
pub fn evaluate(readers: Readers<'_>, repository: &Path, head: &Head) -> anyhow::Result<Measured> {
    let worlds = Worlds::read(&repository.join("shared/learning/data"))?;
    let mut random = Random::new(SEED);
    // The same draws as in training, so that the held-out ones are the same.
    simulate(&worlds, Part::Train, readers.encoder, &mut random)?;
    let validation = examples(&simulate(&worlds, Part::Validation, readers.encoder, &mut random)?, readers.pairs)?;
    let test = examples(&simulate(&worlds, Part::Test, readers.encoder, &mut random)?, readers.pairs)?;
    let (mut figures, section) = judge(head, &validation, &test);
    let held_out = measure_held_out(readers, repository, head)?;
    figures["held_out"] = held_out.figures;
    Ok(Measured { figures, section: section + &held_out.section })
}

/// What `head` does on held-out worlds as they are, each alone, and on the demo agent's held-out questions: the part of the
/// figures of [`evaluate`] that is soon had.
///
/// # Errors
/// When the data cannot be read or the encoder fails.
pub fn held_out(readers: Readers<'_>, repository: &Path, head: &Head) -> anyhow::Result<Value> {
    let worlds = Worlds::read(&repository.join("shared/learning/data"))?;
    let Readers { published, encoder, pairs: reader } = readers;
    let alone = whole::each_alone(Models { published, encoder, reader, head }, &worlds)?;
    let (demo, _) = demo::measure(encoder, reader, head, repository)?;
    Ok(json!({"held_out": {"worlds": alone, "demo": demo}}))
}

/// Measures `head` on held-out worlds as they are, and on the demo agent's held-out questions.
fn measure_held_out(readers: Readers<'_>, repository: &Path, head: &Head) -> anyhow::Result<Measured> {
    let worlds = Worlds::read(&repository.join("shared/learning/data"))?;
    let Readers { published, encoder, pairs: reader } = readers;
    let (mut figures, section) = whole::measure(Models { published, encoder, reader, head }, &worlds)?;
    let (demo, demo_section) = demo::measure(encoder, reader, head, repository)?;
    figures["demo"] = demo;
    Ok(Measured { figures, section: section + &demo_section })
}

fn simulate(
    worlds: &Worlds,
    part: Part,
    encoder: &dyn Encoder,
    random: &mut Random,
) -> anyhow::Result<Vec<Simulation>> {
    let here: Vec<&World> = worlds.of(part).collect();
    let own = here.iter().filter(|world| !world.is_public).count().max(1);
    let mut drawn = Vec::new();
    for world in &here {
        let passing = passers_by(world, &here, encoder)?;
        let times = if world.is_public { PUBLIC_SIMULATIONS } else { OWN_SIMULATIONS / own };
        for _ in 0..times {
            drawn.push(Simulation::draw(world, &passing, encoder, random)?);
        }
    }
    Ok(drawn)
}

/// All examples, public and own worlds counting the same in sum.
fn examples(drawn: &[Simulation], reader: &dyn PairReader) -> anyhow::Result<Vec<Example>> {
    let mut examples = Vec::new();
    for simulation in drawn {
        examples.extend(simulation.examples(reader)?);
    }
    for is_public in [true, false] {
        let sum: f32 =
            examples.iter().filter(|example| example.is_public == is_public).map(|example| example.weight).sum();
        let factor = examples.len() as f32 / 2.0 / sum.max(f32::MIN_POSITIVE);
        examples
            .iter_mut()
            .filter(|example| example.is_public == is_public)
            .for_each(|example| example.weight *= factor);
    }
    Ok(examples)
}

/// How often the right entry comes first in the training worlds, for some weights of retrieval.
fn compare_weights(drawn: &[Simulation]) -> anyhow::Result<String> {
    let mut rows = Vec::new();
    for (question, answer, words) in [
        (1.0, 0.0, 0.0),
        (0.0, 1.0, 0.0),
        (0.0, 0.0, 1.0),
        (0.8, 0.1, 0.1),
        (0.7, 0.2, 0.1),
        (0.7, 0.1, 0.2),
        (0.6, 0.3, 0.1),
        (0.6, 0.2, 0.2),
        (0.6, 0.1, 0.3),
        (0.5, 0.3, 0.2),
        (0.5, 0.4, 0.1),
        (0.4, 0.4, 0.2),
        (0.4, 0.3, 0.3),
        (0.3, 0.5, 0.2),
    ] {
        let mut counts = [(0, 0); 2];
        for simulation in drawn {
            let (right, all) = simulation.first_right(Weights { question, answer, words })?;
            let count = &mut counts[usize::from(simulation.is_public())];
            *count = (count.0 + right, count.1 + all);
        }
        let shares = counts.map(|(right, all)| right as f32 / (all as f32).max(1.0));
        let cells = [question, answer, words].map(|weight| format!("{weight:.1}"));
        rows.push([&cells[..], &shares.map(|share| format!("{share:.4}"))].concat());
    }
    let header = ["Question", "Answer", "Words", "Right first, own worlds", "Right first, public intents"];
    Ok(format!("### Weights of retrieval, on the training worlds\n\n{}", table(&header, &rows)))
}

/// How often the right entry comes first after reading, for some weights of retrieval beside the reader's word.
fn compare_reading(train: &[Simulation], validation: &[Simulation], reader: &dyn PairReader) -> anyhow::Result<String> {
    let mut rows = Vec::new();
    for weight in [0.0, 4.0, 8.0, 16.0, 32.0, 64.0, 1_000.0] {
        let mut counts = [(0, 0); 2];
        for simulation in train.iter().chain(validation) {
            let (right, all) = simulation.first_right_read(reader, weight)?;
            let count = &mut counts[usize::from(simulation.is_public())];
            *count = (count.0 + right, count.1 + all);
        }
        let shares = counts.map(|(right, all)| format!("{:.4}", right as f32 / (all as f32).max(1.0)));
        rows.push([&[format!("{weight:.0}")], &shares[..]].concat());
    }
    let header = ["Retrieval beside the reader", "Right first, own worlds", "Right first, public intents"];
    Ok(format!("\n### Weight of retrieval after reading, on the worlds for fitting\n\n{}", table(&header, &rows)))
}

/// The fit whose penalty ranks the validation examples best.
fn choose(train: &[Example], validation: &[Example]) -> (Linear, f32) {
    let rows: Vec<Row> = (train.iter())
        .map(|example| Row::new(&oriented(&example.features), usize::from(example.is_right)).weighing(example.weight))
        .collect();
    let labels: Vec<bool> = validation.iter().map(|example| example.is_right).collect();
    let fits = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2].map(|penalty| {
        let settings = Settings { penalty, scales: Vec::new(), rising: true };
        let fitted = logistic(&rows, FEATURES.len() + 1, &settings);
        let scores: Vec<f32> = validation.iter().map(|example| score(&fitted, &example.features)).collect();
        (auc(&scores, &labels), fitted, penalty)
    });
    let [first, rest @ ..] = fits;
    let (_, fitted, penalty) = rest.into_iter().fold(first, |best, other| if other.0 > best.0 { other } else { best });
    (fitted, penalty)
}

/// The features so that a higher value speaks for an answer; `length` is there in both directions.
fn oriented(features: &Features) -> Vec<f32> {
    let turned =
        FEATURES.iter().zip(features).map(|(name, value)| if AGAINST.contains(name) { -value } else { *value });
    turned.chain([-features[length()]]).collect()
}

fn length() -> usize {
    FEATURES.iter().position(|name| *name == "length").unwrap_or_default()
}

/// The fitted weights for features as they are measured.
fn weights_of(fitted: &Linear) -> Features {
    let mut weights = [0.0; FEATURES.len()];
    for (at, (weight, name)) in weights.iter_mut().zip(FEATURES).enumerate() {
        *weight = if AGAINST.contains(&name) { -fitted.weights[0][at] } else { fitted.weights[0][at] };
    }
    weights[length()] -= fitted.weights[0][FEATURES.len()];
    weights
}

fn score(fitted: &Linear, features: &Features) -> f32 {
    fitted.scores(&oriented(features))[0]
}

fn platt(validation: &[Example], score: impl Fn(&Example) -> f32) -> (f32, f32) {
    let scores: Vec<f32> = validation.iter().map(score).collect();
    let labels: Vec<bool> = validation.iter().map(|example| example.is_right).collect();
    let weights: Vec<f32> = validation.iter().map(|example| example.weight).collect();
    calibrate::platt(&scores, &labels, &weights)
}

/// Gives an example the probability that it is right.
type Judge<'a> = &'a dyn Fn(&Example) -> f32;

/// Figures on `test`; the baselines are calibrated on `validation` as the head is.
fn judge(head: &Head, validation: &[Example], test: &[Example]) -> (Value, String) {
    let place = |name: &str| FEATURES.iter().position(|feature| *feature == name).unwrap_or_default();
    let (cosine, words, overlap) = (place("question_cosine"), place("words"), place("same_words"));
    let baseline = |at: usize| {
        let (slope, offset) = platt(validation, |example| example.features[at]);
        move |example: &Example| 1.0 / (1.0 + (-(slope * example.features[at] + offset)).exp())
    };
    let (by_cosine, by_words, by_overlap) = (baseline(cosine), baseline(words), baseline(overlap));
    let judges: [(&str, Judge<'_>); 5] = [
        ("this head", &|example| head.probability(&example.features)),
        ("question cosine alone", &by_cosine),
        ("BM25 alone", &by_words),
        ("shared words alone", &by_overlap),
        ("chance", &|_| 0.5),
    ];
    let mut section = String::from(
        "## Answerability\n\nThe demo agent's questions had been read before the first five worlds were written, and not \
         by those who wrote the others; the figures of held-out worlds are of worlds that neither the pair model nor this \
         head has seen. Five of them (bank, vet, tickets, bikes, invoices) had been measured in earlier rounds, the other \
         four were written last, and were not.\n\n",
    );
    let mut figures = json!({});
    for (title, key, is_public) in
        [("public intents held out", "public_intents", true), ("an own world held out", "own_world", false)]
    {
        let rows: Vec<&Example> = test.iter().filter(|example| example.is_public == is_public).collect();
        let answerable = rows.iter().filter(|row| row.is_answerable).count();
        let labels: Vec<bool> = rows.iter().map(|row| row.is_right).collect();
        let mut lines = Vec::new();
        for (name, judge) in judges {
            let scores: Vec<f32> = rows.iter().map(|row| judge(row)).collect();
            let error = calibration_error(&scores, &labels, &rows.iter().map(|row| row.weight).collect::<Vec<_>>());
            let area = auc(&scores, &labels);
            let at = |threshold: f32| {
                let given = scores.iter().filter(|score| **score >= threshold).count() as f32;
                let right = scores.iter().zip(&labels).filter(|(score, right)| **score >= threshold && **right).count();
                (right as f32 / given.max(1.0), right as f32 / answerable.max(1) as f32)
            };
            let ((precision, coverage), (precision_half, coverage_half)) = (at(0.8), at(0.5));
            let cells = [area, precision, coverage, precision_half, coverage_half, error].map(|x| format!("{x:.3}"));
            lines.push(std::iter::once(name.to_owned()).chain(cells).collect());
            let bounds = interval(rows.len(), SEED, |drawn| {
                let (scores, labels): (Vec<f32>, Vec<bool>) = drawn.iter().map(|&at| (scores[at], labels[at])).unzip();
                auc(&scores, &labels)
            });
            let (low, high) = bounds.unwrap_or((f32::NAN, f32::NAN));
            figures[key][name] = json!({
                "auc": figure(area), "auc_95_percent": [figure(low), figure(high)], "precision_at_0.8": figure(precision), "coverage_at_0.8": figure(coverage),
                "precision_at_0.5": figure(precision_half), "coverage_at_0.5": figure(coverage_half),
                "calibration_error": figure(error),
            });
        }
        let header = [
            "",
            "AUC",
            "Precision at 0.8",
            "Coverage at 0.8",
            "Precision at 0.5",
            "Coverage at 0.5",
            "Calibration error",
        ];
        section.push_str(&format!(
            "### Questions to {title}\n\n{} questions, {answerable} with an answer. Right means that the entry found \
             first is the one that answers; coverage is the share of the answerable that are answered right.\n\n{}\n",
            rows.len(),
            table(&header, &lines)
        ));
    }
    let weights =
        head.weights().map(|(name, weight)| vec![name.to_owned(), format!("{weight:.3}")]).collect::<Vec<_>>();
    section.push_str(&format!("### Weights\n\n{}\n", table(&["Feature", "Weight"], &weights)));
    (figures, section)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fit sees turned features, the head measured ones: both have to give the same sum.
    #[test]
    fn a_head_scores_as_its_fit_does() {
        let mut random = Random::new(3);
        let weights: Vec<f32> = (0..=FEATURES.len()).map(|_| random.unit()).collect();
        let fitted = Linear { weights: vec![weights], bias: vec![-0.4] };
        for _ in 0..20 {
            let features: Features = std::array::from_fn(|_| random.unit() - 0.3);
            let sum: f32 = weights_of(&fitted).iter().zip(&features).map(|(weight, value)| weight * value).sum();
            let expected = score(&fitted, &features);
            assert!((sum + fitted.bias[0] - expected).abs() < 1e-4, "{sum} / {expected}");
        }
    }

    #[test]
    fn what_speaks_against_an_answer_never_speaks_for_it() {
        let opposed = FEATURES.iter().position(|name| *name == "opposed").unwrap();
        // Rows that would teach the reverse: the opposed question is the right one.
        let examples: Vec<Example> = (0..40)
            .map(|at| {
                let mut features = [0.5; FEATURES.len()];
                features[opposed] = f32::from(at % 2 == 0);
                Example { features, is_right: at % 2 == 0, is_answerable: true, is_public: false, weight: 1.0 }
            })
            .collect();
        let (fitted, _) = choose(&examples, &examples);
        assert!(weights_of(&fitted)[opposed] <= 0.0);
    }
}
