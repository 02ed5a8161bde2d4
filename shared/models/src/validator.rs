//! Judges answers: each part is a measure of its own, and a head trained on labelled answers makes
//! them into the probability that an answer is acceptable.
//!
//! [`Examiner`] measures, [`QualityHeads`] weigh, [`HeadValidator`] puts both behind the port.

use std::sync::Arc;

use async_trait::async_trait;
use farthing_domain::agent::BrandProfile;
use farthing_domain::ports::{ModelUnavailable, Passage, Validation, Validator};
use farthing_domain::quality::{HardFail, Quality};

use crate::cpu::CpuPool;
use crate::encoder::{Encoder, EncoderError, cosine};
use crate::gain::sums;
use crate::heads::{HeadError, sigmoid};
use crate::toxicity::ToxicityHead;
use groundedness::Evidence;
use memo::Memo;
use reading::Reading;

pub(crate) mod brand;
pub(crate) mod coherence;
mod groundedness;
mod language;
mod leak;
mod lexis;
mod measures;
mod memo;
mod quantities;
mod rarity;
mod reading;
mod relevance;
mod rules;
mod stems;
mod trees;

pub use measures::{COHERENCE, COMPOSED, GROUNDEDNESS, Measures, QualityHeads, RELEVANCE, ranking, rising};
pub use rules::Rules;

/// From this probability of toxicity up an answer fails whatever else it is.
const TOXIC: f32 = 0.9;

/// The log-odds that an answer which breaks a brand rule has at most: 0.8, so that it is rephrased and
/// not delivered as it is. No labelled answer breaks one, so that this is set and not learned.
const BRAND_CEILING: f32 = 1.386;

/// How much more brand rules, up to all of them, lower the log-odds further.
const BRAND_WEIGHT: f32 = 1.5;

/// Below this probability of being good a part vetoes the answer.
const LEAST_OF_A_PART: f32 = 0.05;

/// The log-odds that an answer which a part vetoes has at most: 0.25, so that it escalates.
const VETO_CEILING: f32 = -1.098_6;

/// How many texts the examiner remembers: passages of an agent, and pieces of answers in their
/// words. A vector is 1.5 KB.
const REMEMBERED: usize = 2_048;

/// Why an answer could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum ExaminerError {
    /// The encoder failed.
    #[error("the answer could not be read")]
    Encoder(#[from] EncoderError),
    /// A head does not fit.
    #[error("the answer could not be weighed")]
    Head(#[from] HeadError),
}

/// Measures answers.
pub struct Examiner {
    memo: Memo,
    toxicity: ToxicityHead,
}

impl std::fmt::Debug for Examiner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Examiner").finish_non_exhaustive()
    }
}

/// What an examination found.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// The measures of the parts; `None` when nothing was said.
    pub measures: Option<Measures>,
    /// Why the answer must not be delivered whatever its measures.
    pub hard_fail: Option<HardFail>,
    /// The probability that the passage which is the answer answers the question, if it was told.
    pub answerability: Option<f32>,
    /// How probable it was before anybody read the answer that it is acceptable.
    pub prior: f32,
}

impl Examiner {
    /// An examiner with this head for toxicity.
    #[must_use]
    pub fn new(encoder: Arc<dyn Encoder>, toxicity: ToxicityHead) -> Self {
        Self { memo: Memo::new(encoder, REMEMBERED), toxicity }
    }

    /// Measures an answer. Synchronous CPU work.
    ///
    /// # Errors
    /// [`ExaminerError`] when the encoder or the toxicity head fails.
    pub fn examine(&self, validation: Validation<'_>) -> Result<Findings, ExaminerError> {
        if rules::is_empty(validation.answer) {
            return Ok(Findings {
                measures: None,
                hard_fail: Some(HardFail::Empty),
                answerability: None,
                prior: validation.prior,
            });
        }
        let reading = Reading::of(validation, &self.memo)?;
        let relevance = relevance::measure(&reading, &self.memo)?;
        let (mut groundedness, mut is_stored, mut leaves_evidence) = (None, false, false);
        if !validation.passages.is_empty() {
            let evidence = Evidence::of(&validation);
            groundedness = Some(groundedness::measure(&reading, &evidence, &self.memo)?.to_vec());
            let mut loose = reading.sentences.iter().filter(|sentence| !evidence.has(sentence)).peekable();
            is_stored = relevance::has_heading(&relevance) && loose.peek().is_none();
            leaves_evidence =
                evidence.is_denied_by_lead(&reading) || loose.any(|sentence| evidence.is_left_by(sentence));
        }
        let measures = Measures {
            relevance: relevance.to_vec(),
            coherence: coherence::measure(&reading).to_vec(),
            groundedness,
            is_stored,
            leaves_evidence,
            sums: sums(validation.answer),
            brand: brand::measure(&reading),
            toxicity: self.toxicity(&reading)?,
        };
        let hard_fail = hard_fail(&reading, &measures);
        let Validation { answerability, prior, .. } = validation;
        Ok(Findings { measures: Some(measures), hard_fail, answerability, prior })
    }

    /// What the passages, the question and the brand say.
    pub(crate) fn evidence(&self, validation: Validation<'_>) -> Evidence {
        Evidence::of(&validation)
    }

    /// The cosine of a vector with a text.
    pub(crate) fn similarity(&self, vector: &[f32], text: &str) -> Result<f32, EncoderError> {
        Ok(cosine(vector, &self.memo.embed(text)?))
    }

    /// The cosine of two texts.
    pub(crate) fn similarity_of(&self, one: &str, other: &str) -> Result<f32, EncoderError> {
        self.similarity(&self.memo.embed(one)?, other)
    }

    /// The toxicity of the most toxic piece.
    fn toxicity(&self, reading: &Reading<'_>) -> Result<f32, HeadError> {
        let mut highest = 0.0_f32;
        for (vector, text) in reading.pieces.vectors.iter().zip(&reading.pieces.texts) {
            highest = highest.max(self.toxicity.probability(vector, text)?);
        }
        Ok(highest)
    }
}

fn hard_fail(reading: &Reading<'_>, measures: &Measures) -> Option<HardFail> {
    if measures.toxicity >= TOXIC { Some(HardFail::Toxic) } else { rules::broken(&reading.validation, &reading.words) }
}

impl QualityHeads {
    /// The quality that these findings amount to.
    ///
    /// # Errors
    /// [`HeadError`] when the findings do not fit the heads.
    pub fn weigh(&self, findings: &Findings, must_be_grounded: bool) -> Result<Quality, HeadError> {
        let hard_fail = findings.hard_fail;
        let Some(measures) = &findings.measures else {
            let (score, relevance, coherence, brand, toxicity) = (0.0, 0.0, 0.0, 0.0, 0.0);
            return Ok(Quality { score, relevance, coherence, groundedness: None, brand, toxicity, hard_fail });
        };
        let relevance = self.relevance.probability(&measures.relevance)?;
        let coherence = self.coherence.probability(&measures.coherence)?;
        let groundedness =
            measures.groundedness.as_ref().map(|found| self.groundedness.probability(found)).transpose()?;
        let log_odds = match findings.answerability {
            // It has read question and passage together, as no measure here has.
            Some(probability) if measures.is_stored => log_odds_of(probability),
            _ if measures.is_stored => self.stored.log_odds(&measures.relevance)?,
            // The head was calibrated at even odds.
            _ => self.composed.log_odds(&measures.features(must_be_grounded))? + log_odds_of(findings.prior),
        };
        let is_vetoed = relevance < LEAST_OF_A_PART
            || coherence < LEAST_OF_A_PART
            || (must_be_grounded && measures.leaves_evidence && !measures.is_stored);
        let log_odds = if is_vetoed { log_odds.min(VETO_CEILING) } else { log_odds };
        let score = if measures.brand < 1.0 {
            sigmoid(log_odds.min(BRAND_CEILING) - BRAND_WEIGHT * (1.0 - measures.brand))
        } else {
            sigmoid(log_odds)
        };
        Ok(Quality {
            // What fails whatever its measures is acceptable with probability 0.
            score: if hard_fail.is_some() { 0.0 } else { score },
            relevance,
            coherence,
            groundedness,
            brand: measures.brand,
            toxicity: measures.toxicity,
            hard_fail,
        })
    }
}

/// The log-odds of a probability; of none, those of 0.
fn log_odds_of(probability: f32) -> f32 {
    let least = f32::EPSILON;
    let within = if probability.is_nan() { least } else { probability.clamp(least, 1.0 - least) };
    (within / (1.0 - within)).ln()
}

/// Judges answers with an encoder and small heads.
#[derive(Clone, Debug)]
pub struct HeadValidator {
    examiner: Arc<Examiner>,
    heads: Arc<QualityHeads>,
    pool: CpuPool,
}

impl HeadValidator {
    /// A validator that runs on `pool`.
    #[must_use]
    pub fn new(examiner: Arc<Examiner>, heads: QualityHeads, pool: CpuPool) -> Self {
        Self { examiner, heads: Arc::new(heads), pool }
    }
}

#[async_trait]
impl Validator for HeadValidator {
    async fn validate(&self, validation: Validation<'_>) -> Result<Quality, ModelUnavailable> {
        let (examiner, heads, owned) = (Arc::clone(&self.examiner), Arc::clone(&self.heads), Owned::of(validation));
        let judged = self.pool.run(move || -> Result<Quality, ExaminerError> {
            let findings = examiner.examine(owned.borrow())?;
            Ok(heads.weigh(&findings, owned.must_be_grounded)?)
        });
        let unavailable = |cause| ModelUnavailable { model: "validator".to_owned(), cause };
        let judged = judged.await.map_err(|error| unavailable(error.into()))?;
        judged.map_err(|error| unavailable(error.into()))
    }
}

/// A validation that another thread can keep.
pub(crate) struct Owned {
    brand: BrandProfile,
    query: String,
    query_embedding: Vec<f32>,
    answer: String,
    passages: Vec<Passage>,
    must_be_grounded: bool,
    prior: f32,
    answerability: Option<f32>,
    system_prompt: String,
}

impl Owned {
    pub(crate) fn of(validation: Validation<'_>) -> Self {
        Self {
            brand: validation.brand.clone(),
            query: validation.query.to_owned(),
            query_embedding: validation.query_embedding.to_vec(),
            answer: validation.answer.to_owned(),
            passages: validation.passages.to_vec(),
            must_be_grounded: validation.must_be_grounded,
            prior: validation.prior,
            answerability: validation.answerability,
            system_prompt: validation.system_prompt.to_owned(),
        }
    }

    pub(crate) fn borrow(&self) -> Validation<'_> {
        Validation {
            brand: &self.brand,
            query: &self.query,
            query_embedding: &self.query_embedding,
            answer: &self.answer,
            passages: &self.passages,
            must_be_grounded: self.must_be_grounded,
            prior: self.prior,
            answerability: self.answerability,
            system_prompt: &self.system_prompt,
        }
    }
}
