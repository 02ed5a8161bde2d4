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
use farthing_models::heads::FeatureSpec;
use farthing_models::validator::{COHERENCE, COMPOSED, Examiner, Findings, GROUNDEDNESS, QualityHeads, RELEVANCE};
use serde_json::{Value, json};

use crate::calibrate;
use crate::data::{AnswerRow, Part, part, read};
use crate::fit::{Linear, Row, Settings, logistic};
use crate::head_file::{self, figure};
use crate::measure::surprise;
use crate::quality_report;
use crate::quality_rows::{Case, Origin, derived, of_knowledge, strayed};
use crate::report::{Trained, provenance};

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

    fn has_flaw(&self, flaws: &[&str]) -> bool {
        self.case.flaw.as_deref().is_some_and(|flaw| flaws.contains(&flaw))
    }
}

/// Examined answers by what they are used for.
pub struct Parts {
    /// To fit weights.
    pub train: Vec<Example>,
    /// To choose settings and to calibrate.
    pub validation: Vec<Example>,
    /// To be measured on.
    pub test: Vec<Example>,
}

/// Trains the heads on the rows of the folder `data`.
///
/// # Errors
/// When the data cannot be read or the encoder fails.
pub fn train(encoder: Arc<dyn Encoder>, toxicity: &[u8], data: &Path) -> anyhow::Result<Trained> {
    let file = data.join("answers.jsonl");
    let parts = examine(&encoder, toxicity, data)?;
    let part_head = |features: FeatureSpec, rising: bool, flaws: &[&str], of: &dyn Fn(&Example) -> Option<Vec<f32>>| {
        let chosen = |example: &&Example| example.case.acceptable || example.has_flaw(flaws);
        fit(features, rising, PRIOR, &pick(&parts.train, &chosen, of), &pick(&parts.validation, &chosen, of))
    };
    let (relevance, _) = part_head(RELEVANCE, false, &["off_topic", "evasive", "empty_talk"], &|example| {
        example.findings.measures.as_ref().map(|measures| measures.relevance.clone())
    })?;
    let (coherence, _) = part_head(COHERENCE, true, &["cut_off", "repeated", "incoherent"], &|example| {
        example.findings.measures.as_ref().map(|measures| measures.coherence.clone())
    })?;
    let grounded = part_head(GROUNDEDNESS, true, &["contradiction", "ungrounded"], &|example| {
        example.findings.measures.as_ref().and_then(|measures| measures.groundedness.clone())
    });
    let features = |example: &Example, stored: bool| {
        let measures = example.findings.measures.as_ref()?;
        // What fails whatever its measures says nothing about how to weigh them.
        let is_one = measures.is_stored == stored && example.findings.hard_fail.is_none();
        is_one.then(|| if stored { measures.relevance.clone() } else { measures.features(example.must_be_grounded()) })
    };
    let everything = |_: &&Example| true;
    let fit_score = |spec: FeatureSpec, stored: bool| {
        let rows = |part: &[Example]| pick(part, &everything, &|example| features(example, stored));
        fit(spec, false, if stored { PRIOR_OF_STORED } else { PRIOR }, &rows(&parts.train), &rows(&parts.validation))
    };
    let (stored, stored_settings) = fit_score(RELEVANCE, true)?;
    let (composed, composed_settings) = fit_score(COMPOSED, false)?;
    let settings = json!({"stored": stored_settings, "composed": composed_settings});
    let mut head = json!({
        "relevance": relevance, "coherence": coherence, "groundedness": grounded?.0,
        "stored": stored, "composed": composed,
    });
    let (figures, section) = quality_report::judge(&heads(&head)?, &parts)?;
    let own = |examples: &[Example]| examples.iter().filter(|example| example.case.origin == Origin::Labelled).count();
    let sizes = [own(&parts.train), own(&parts.validation), own(&parts.test)];
    let sources = [("farthing", sizes.iter().sum())].into_iter().collect();
    head["provenance"] = provenance(&file, sources, sizes, &settings, &figures)?;
    head["provenance"]["derived_rows"] = json!(
        "of faqs.jsonl: for each question the stored answer (acceptable), and the best and any other match among the \
         other answers (unacceptable); of answers.jsonl: for each good answer a good one to another question (unacceptable)"
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
pub fn evaluate(encoder: Arc<dyn Encoder>, toxicity: &[u8], data: &Path, head: &Value) -> anyhow::Result<String> {
    let parts = examine(&encoder, toxicity, data)?;
    Ok(quality_report::judge(&heads(head)?, &parts)?.1)
}

/// The quality of every case, in order.
///
/// # Errors
/// When the encoder fails or the heads are malformed.
pub fn judge_all(
    encoder: &Arc<dyn Encoder>,
    toxicity: &[u8],
    head: &Value,
    cases: &[Case],
) -> anyhow::Result<Vec<Quality>> {
    let examiner = Examiner::new(Arc::clone(encoder), toxicity)?;
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
    toxicity: &[u8],
    head: &Value,
    kept: &dyn Encoder,
    folder: &Path,
) -> anyhow::Result<(f64, f64)> {
    let cases = of_knowledge(kept, folder, false)?;
    let (examiner, heads) = (Examiner::new(encoder, toxicity)?, heads(head)?);
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

type Labelled = (Vec<f32>, bool);

fn pick(
    examples: &[Example],
    chosen: &dyn Fn(&&Example) -> bool,
    features: &dyn Fn(&Example) -> Option<Vec<f32>>,
) -> Vec<Labelled> {
    let chosen = examples.iter().filter(chosen);
    chosen.filter_map(|example| Some((features(example)?, example.case.acceptable))).collect()
}

/// The odds for which a head is calibrated, as the probability that an answer is acceptable.
///
/// A stored answer comes through the gate of answerability, so that it is more often right than
/// wrong; for the others nothing is known beforehand.
pub(crate) const PRIOR_OF_STORED: f32 = 0.7;
/// See [`PRIOR_OF_STORED`].
pub(crate) const PRIOR: f32 = 0.5;

/// The logistic head that is surprised least by the validation rows, calibrated on them.
fn fit(
    features: FeatureSpec,
    rising: bool,
    prior: f32,
    train: &[Labelled],
    validation: &[Labelled],
) -> anyhow::Result<(Value, Value)> {
    let train: Vec<Row> = (train.iter().zip(at_odds(0.5, train)))
        .map(|((features, label), weight)| Row::new(features, usize::from(*label)).weighing(weight))
        .collect();
    let labels: Vec<bool> = validation.iter().map(|(_, label)| *label).collect();
    let even = at_odds(0.5, validation);
    let mut best: Option<(f32, f32, Linear, Vec<f32>)> = None;
    for penalty in [3e-4, 1e-3, 3e-3, 1e-2, 3e-2] {
        let settings = Settings { penalty, scales: Vec::new(), rising };
        let fitted = logistic(&train, features.dimension, &settings);
        let scores: Vec<f32> = validation.iter().map(|(features, _)| fitted.scores(features)[0]).collect();
        let found = surprise(&scores, &labels, &even);
        if best.as_ref().is_none_or(|(best, ..)| found < *best) {
            best = Some((found, penalty, fitted, scores));
        }
    }
    let (_, penalty, fitted, scores) = best.context("there is nothing to choose from")?;
    let calibration = calibrate::platt(&scores, &labels, &at_odds(prior, validation));
    Ok((head_file::logistic(features, &fitted, calibration), json!({"penalty": figure(penalty)})))
}

/// Weights by which the acceptable rows have the share `prior`.
fn at_odds(prior: f32, rows: &[Labelled]) -> Vec<f32> {
    let yes = rows.iter().filter(|(_, label)| *label).count() as f32;
    let (all, no) = (rows.len() as f32, rows.len() as f32 - yes);
    rows.iter().map(|(_, label)| if *label { prior * all / yes } else { (1.0 - prior) * all / no }).collect()
}

fn examine(encoder: &Arc<dyn Encoder>, toxicity: &[u8], data: &Path) -> anyhow::Result<Parts> {
    let examiner = Examiner::new(Arc::clone(encoder), toxicity)?;
    let rows: Vec<AnswerRow> = read(&data.join("answers.jsonl"))?;
    let mut parts = Parts { train: Vec::new(), validation: Vec::new(), test: Vec::new() };
    let strayed = strayed(&rows);
    for case in rows.into_iter().map(Case::from).chain(derived(&**encoder, data)?).chain(strayed) {
        let place = match part(&case.group) {
            Part::Train => &mut parts.train,
            Part::Validation => &mut parts.validation,
            Part::Test => &mut parts.test,
        };
        place.push(example(encoder, &examiner, case)?);
    }
    Ok(parts)
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
        disclaimers: Vec::new(),
    })
}
