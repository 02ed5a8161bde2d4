//! Trains the quality heads: what the validator's measures amount to.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use farthing_domain::agent::{BrandProfile, Voice};
use farthing_domain::ids::AgentId;
use farthing_domain::ports::Validation;
use farthing_domain::quality::Quality;
use farthing_models::encoder::{Encoder, cosine};
use farthing_models::features::hash;
use farthing_models::heads::FeatureSpec;
use farthing_models::toxicity::ToxicityHead;
use farthing_models::validator::{
    COHERENCE, COMPOSED, Examiner, Findings, GROUNDEDNESS, Measures, QualityHeads, RELEVANCE, rising,
};
use serde_json::{Value, json};

use crate::calibrate;
use crate::data::{AnswerRow, Part, part, part_of_world, read};
use crate::fit::{Row, Settings, logistic};
use crate::head_file;
use crate::measure::surprise;
use crate::quality_report;
use crate::quality_rows::{Case, Origin, derived, factoids, is_fresh, of_knowledge, paired, solutions, strayed};
use crate::report::{Measured, Trained, provenance};
use choice::Scored;

mod boosting;
pub(crate) mod choice;
pub(crate) mod ranking;

/// The head's file.
pub const HEAD: &str = "complexity-head/quality.json";

/// An examined answer.
pub struct Example {
    /// The answer, as labelled.
    pub case: Case,
    /// What the examiner found.
    pub findings: Findings,
    /// The cosine of question and answer, for the baseline.
    pub cosine: f32,
}

impl Example {
    /// Whether the answer has to be taken from its passages.
    #[must_use]
    pub fn must_be_grounded(&self) -> bool {
        !self.case.passages.is_empty()
    }

    pub(crate) fn has_flaw(&self, flaws: &[&str]) -> bool {
        self.case.flaw.as_deref().is_some_and(|flaw| flaws.contains(&flaw))
    }
}

/// Examined answers by what they are used for.
pub struct Examples {
    /// To fit weights, to choose and to calibrate, by cross-validation.
    pub learn: Vec<Example>,
    /// To be measured on.
    pub test: Vec<Example>,
}

/// Trains the heads on the rows of the folder `data`.
///
/// # Errors
/// When the data cannot be read or the encoder fails.
pub fn train(encoder: Arc<dyn Encoder>, toxicity: &ToxicityHead, data: &Path) -> anyhow::Result<Trained> {
    let examples = examine(&encoder, toxicity, data)?;
    let part_head = |features: FeatureSpec, flaws: &[&str], of: &dyn Fn(&Measures) -> Option<Vec<f32>>| {
        let rows = pick(&examples.learn, &|example| {
            let is_one = matches!(example.case.origin, Origin::Labelled | Origin::Strayed | Origin::Solution);
            let measures = example.findings.measures.as_ref()?;
            (is_one && (example.case.acceptable || example.has_flaw(flaws))).then(|| of(measures)).flatten()
        });
        fit(features, true, PRIOR, &rows)
    };
    let relevance = ranking::train(&examples);
    let coherence =
        part_head(COHERENCE, &["cut_off", "repeated", "incoherent"], &|measures| Some(measures.coherence.clone()))?;
    let groundedness =
        part_head(GROUNDEDNESS, &["contradiction", "ungrounded"], &|measures| measures.groundedness.clone())?;
    let stored = pick(&examples.learn, &|example| {
        let measures = example.findings.measures.as_ref().filter(|measures| measures.is_stored)?;
        (example.case.origin == Origin::Stored).then(|| measures.relevance.clone())
    });
    let stored = fit(RELEVANCE, false, PRIOR_OF_STORED, &stored)?;
    let (composed, comparison, compared) = choice::choose(COMPOSED, &rising(), &scored(&examples.learn));
    let mut head = json!({
        "relevance": relevance, "coherence": coherence, "groundedness": groundedness,
        "stored": stored, "composed": composed,
    });
    let (mut figures, section) = quality_report::judge(&heads(&head)?, &examples, &comparison)?;
    figures["cross_validation"] = compared.clone();
    let own = |examples: &[Example]| examples.iter().filter(|example| example.case.origin == Origin::Labelled).count();
    let sizes = [own(&examples.learn), 0, own(&examples.test)];
    let sources = [("farthing", sizes.iter().sum())].into_iter().collect();
    head["provenance"] = provenance(&data.join(ANSWERS[0].0), sources, sizes, &compared["shipped"], &figures)?;
    head["provenance"]["split"] = json!(
        "every third group of each file of answers but the first is the test; all others are learned from, and what is chosen is \
         chosen by cross-validation in five parts by the hash of the group"
    );
    let others = ["factoids.jsonl", "solutions.jsonl", "faqs.jsonl", "faqs/*.jsonl"];
    let further: Vec<&str> = ANSWERS.iter().skip(1).map(|(file, _)| *file).chain(others).collect();
    head["provenance"]["further_data"] = json!(further);
    head["provenance"]["derived_rows"] = json!(
        "of faqs.jsonl: for each question the stored answer (acceptable), and the best and any other match among the \
         other answers (unacceptable); of the labelled answers: for each good one a good one to another question \
         (unacceptable); of faqs/*.jsonl, for relevance only: questions with their own answer and with two others"
    );
    head["provenance"]["prior"] = json!(format!(
        "a score is the probability that an answer is acceptable when {PRIOR_OF_STORED} of the stored answers and \
         {PRIOR} of the others are"
    ));
    Ok(Trained { file: HEAD, head, section })
}

/// Figures of the heads on the held-out groups, beside the baselines.
///
/// # Errors
/// When the data cannot be read, the encoder fails or the heads are malformed.
pub fn evaluate(
    encoder: Arc<dyn Encoder>,
    toxicity: &ToxicityHead,
    data: &Path,
    head: &Value,
) -> anyhow::Result<Measured> {
    let examples = examine(&encoder, toxicity, data)?;
    let (_, comparison, compared) = choice::choose(COMPOSED, &rising(), &scored(&examples.learn));
    let (mut figures, section) = quality_report::judge(&heads(head)?, &examples, &comparison)?;
    figures["cross_validation"] = compared;
    Ok(Measured { figures, section })
}

/// The figures of the score on the held-out groups alone, without baselines and comparisons.
///
/// # Errors
/// When the data cannot be read, the encoder fails or the heads are malformed.
pub fn held_out(
    encoder: &Arc<dyn Encoder>,
    toxicity: &ToxicityHead,
    data: &Path,
    head: &Value,
) -> anyhow::Result<Value> {
    let examiner = Examiner::new(Arc::clone(encoder), toxicity.clone());
    let fresh = labelled(data)?.into_iter().map(Case::from).filter(|case| is_fresh(&case.group));
    let solved = solutions(data)?.into_iter().filter(|case| part(&case.question) == Part::Test);
    let test = fresh.chain(solved).map(|case| example(encoder, &examiner, case)).collect::<anyhow::Result<Vec<_>>>()?;
    quality_report::of_score(&heads(head)?, &test)
}

/// The labelled answers of all files.
fn labelled(data: &Path) -> anyhow::Result<Vec<AnswerRow>> {
    let mut rows = Vec::new();
    for (file, _) in ANSWERS {
        rows.extend(read::<AnswerRow>(&data.join(file))?);
    }
    Ok(rows)
}

/// The answers in their own words that the score is learned on.
pub(crate) fn scored(examples: &[Example]) -> Vec<Scored> {
    let row = |example: &Example| {
        let is_one = matches!(example.case.origin, Origin::Labelled | Origin::Strayed | Origin::Solution);
        // What fails whatever its measures says nothing about how to weigh them.
        let measures = example.findings.measures.as_ref()?;
        (is_one && example.findings.hard_fail.is_none() && !measures.is_stored).then(|| Scored {
            group: example.case.group.clone(),
            features: measures.features(example.must_be_grounded()),
            acceptable: example.case.acceptable,
            counts: example.case.origin != Origin::Strayed,
        })
    };
    examples.iter().filter_map(row).collect()
}

/// The quality of every case, in order.
///
/// # Errors
/// When the encoder fails or the heads are malformed.
pub fn judge_all(
    encoder: &Arc<dyn Encoder>,
    toxicity: &ToxicityHead,
    head: &Value,
    cases: &[Case],
) -> anyhow::Result<Vec<Quality>> {
    let examiner = Examiner::new(Arc::clone(encoder), toxicity.clone());
    let heads = heads(head)?;
    let judge = |case: &Case| {
        let example = example(encoder, &examiner, case.clone())?;
        Ok(heads.weigh(&example.findings, example.must_be_grounded())?)
    };
    cases.iter().map(judge).collect()
}

/// How long it takes to judge the stored answers of the knowledge in `folder`, in milliseconds at
/// the median: when the examiner meets them first, and when it meets them again. The queries'
/// vectors come from `kept`, as they come from the analyst in a request.
///
/// # Errors
/// When the knowledge cannot be read, the encoder fails or the heads are malformed.
pub fn latency(
    encoder: Arc<dyn Encoder>,
    toxicity: &ToxicityHead,
    head: &Value,
    kept: &dyn Encoder,
    folder: &Path,
) -> anyhow::Result<(f64, f64)> {
    let cases = of_knowledge(kept, folder, false)?;
    let (examiner, heads) = (Examiner::new(encoder, toxicity.clone()), heads(head)?);
    let median = || -> anyhow::Result<f64> {
        let mut times = Vec::new();
        for case in &cases {
            let vector = kept.embed(&case.question)?;
            let begun = Instant::now();
            heads.weigh(&examiner.examine(validation(case, &nobodys_brand()?, &vector))?, true)?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        Ok(times.get(times.len() / 2).copied().unwrap_or_default())
    };
    Ok((median()?, median()?))
}

fn heads(head: &Value) -> anyhow::Result<QualityHeads> {
    Ok(QualityHeads::from_json(&serde_json::to_vec(head)?)?)
}

pub(crate) type Labelled = (Vec<f32>, bool);

fn pick(examples: &[Example], features: &dyn Fn(&Example) -> Option<Vec<f32>>) -> Vec<(String, Labelled)> {
    let row = |example: &Example| Some((example.case.group.clone(), (features(example)?, example.case.acceptable)));
    examples.iter().filter_map(row).collect()
}

/// The odds for which a head is calibrated, as the probability that an answer is acceptable.
///
/// A stored answer comes through the gate of answerability, so that it is more often right than
/// wrong. For the others nothing is known beforehand: a small model's answers are acceptable less often than that, a large
/// one's more often, and even odds are off by least for both.
pub(crate) const PRIOR_OF_STORED: f32 = 0.7;
/// See [`PRIOR_OF_STORED`].
pub(crate) const PRIOR: f32 = 0.5;

/// The logistic head whose penalty surprises least on rows that were left out by group, calibrated on these.
fn fit(features: FeatureSpec, rising: bool, prior: f32, rows: &[(String, Labelled)]) -> anyhow::Result<Value> {
    let labelled: Vec<Labelled> = rows.iter().map(|(_, row)| row.clone()).collect();
    let labels: Vec<bool> = labelled.iter().map(|(_, label)| *label).collect();
    let even = at_odds(0.5, &labelled);
    let line = |rows: &[Labelled], penalty: f32| {
        let weighed: Vec<Row> = (rows.iter().zip(at_odds(0.5, rows)))
            .map(|((features, label), weight)| Row::new(features, usize::from(*label)).weighing(weight))
            .collect();
        logistic(&weighed, features.dimension, &Settings { penalty, scales: Vec::new(), rising })
    };
    let fold = |group: &str| hash("fold", group) % 5;
    let mut best: Option<(f32, f32, Vec<f32>)> = None;
    for penalty in [3e-4, 1e-3, 3e-3, 1e-2] {
        let mut scores = vec![0.0; rows.len()];
        for left in 0..5 {
            let others: Vec<Labelled> =
                rows.iter().filter(|(group, _)| fold(group) != left).map(|(_, row)| row.clone()).collect();
            let fitted = line(&others, penalty);
            for (score, (_, row)) in scores.iter_mut().zip(rows).filter(|(_, (group, _))| fold(group) == left) {
                *score = fitted.scores(&row.0)[0];
            }
        }
        let found = surprise(&scores, &labels, &even);
        if best.as_ref().is_none_or(|(best, ..)| found < *best) {
            best = Some((found, penalty, scores));
        }
    }
    let (_, penalty, scores) = best.context("there is nothing to choose from")?;
    let calibration = calibrate::platt(&scores, &labels, &at_odds(prior, &labelled));
    Ok(head_file::logistic(features, &line(&labelled, penalty), calibration))
}

/// Weights by which the acceptable rows have the share `prior`.
pub(crate) fn at_odds(prior: f32, rows: &[Labelled]) -> Vec<f32> {
    let yes = rows.iter().filter(|(_, label)| *label).count() as f32;
    let (all, no) = (rows.len() as f32, rows.len() as f32 - yes);
    rows.iter().map(|(_, label)| if *label { prior * all / yes } else { (1.0 - prior) * all / no }).collect()
}

/// The files of labelled answers, each by a hand of its own, with the letter that its groups begin with.
pub const ANSWERS: [(&str, char); 5] = [
    ("answers.jsonl", 'q'),
    ("answers_more.jsonl", 'r'),
    ("answers_third.jsonl", 't'),
    ("answers_fourth.jsonl", 'u'),
    ("answers_fifth.jsonl", 'v'),
];

fn examine(encoder: &Arc<dyn Encoder>, toxicity: &ToxicityHead, data: &Path) -> anyhow::Result<Examples> {
    let examiner = Examiner::new(Arc::clone(encoder), toxicity.clone());
    let rows = labelled(data)?;
    let strayed = strayed(&rows);
    let mut examples = Examples { learn: Vec::new(), test: Vec::new() };
    let cases = rows.into_iter().map(Case::from).chain(derived(&**encoder, data)?).chain(strayed);
    for case in cases.chain(factoids(data)?).chain(paired(data)?).chain(solutions(data)?) {
        let is_held_out = match case.origin {
            Origin::Labelled | Origin::Strayed => is_fresh(&case.group),
            Origin::Stored => part(&case.group) == Part::Test,
            Origin::Factoid => false,
            Origin::Solution => part(&case.question) == Part::Test,
            Origin::Paired => case.group.split(' ').next().and_then(part_of_world) == Some(Part::Test),
        };
        let place = if is_held_out { &mut examples.test } else { &mut examples.learn };
        place.push(example(encoder, &examiner, case)?);
    }
    Ok(examples)
}

fn example(encoder: &Arc<dyn Encoder>, examiner: &Examiner, case: Case) -> anyhow::Result<Example> {
    let query_embedding = encoder.embed(&case.question)?;
    let findings = examiner.examine(validation(&case, &nobodys_brand()?, &query_embedding))?;
    let cosine = cosine(&query_embedding, &encoder.embed(&case.answer)?);
    Ok(Example { case, findings, cosine })
}

fn validation<'a>(case: &'a Case, brand: &'a BrandProfile, query_embedding: &'a [f32]) -> Validation<'a> {
    Validation {
        brand,
        query: &case.question,
        query_embedding,
        answer: &case.answer,
        passages: &case.passages,
        must_be_grounded: !case.passages.is_empty(),
        prior: PRIOR,
        answerability: None,
        system_prompt: "",
    }
}

/// A profile without rules: the labels are about answers, and not about a brand.
fn nobodys_brand() -> anyhow::Result<BrandProfile> {
    Ok(BrandProfile {
        id: AgentId::parse("nobody")?,
        name: "Nobody".to_owned(),
        description: String::new(),
        languages: vec!["en".to_owned()],
        refusal: String::new(),
        voice: Voice {
            tone: String::new(),
            max_words: 400,
            forbidden_claims: Vec::new(),
            replace: Vec::new(),
            examples: Vec::new(),
        },
        keeps_words: false,
        disclaimers: Vec::new(),
    })
}
