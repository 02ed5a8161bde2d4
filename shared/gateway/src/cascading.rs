//! The attempts at one answer, in the order that the cascade says.

use std::error::Error;
use std::sync::Arc;

use farthing_domain::cascade::{Action, Cascade, Event};
use farthing_domain::ports::{Source, Validation};
use farthing_domain::quality::{Quality, Verdict};
use farthing_domain::router::{self, Step};

use crate::answer::{Answering, Insight, Refusal, Work};
use crate::error::AnswerError;
use crate::receipt::Attempt;

/// Where the words of an answer come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// They are a passage.
    Stored,
    /// The local language model made them of passages.
    Written,
    /// A paid model.
    Paid,
}

/// An answer that was judged and may be delivered.
pub(crate) struct Candidate {
    pub(crate) text: String,
    pub(crate) model: String,
    pub(crate) provider: String,
    pub(crate) sources: Vec<Source>,
    pub(crate) tokens: (u64, u64),
    pub(crate) quality: Quality,
    /// Its place among the attempts.
    pub(crate) attempt: usize,
    pub(crate) origin: Origin,
    /// Its rephrased form, when there is one.
    pub(crate) rephrased: Option<(String, Quality)>,
}

/// How good an answer is.
#[derive(Clone)]
pub(crate) struct Judged {
    /// With its score as the version of the policy reads it.
    pub(crate) quality: Quality,
    /// The score as the validator gave it.
    pub(crate) raw_score: f32,
}

impl Judged {
    /// `attempt` with what its answer was found to be, if anything was.
    pub(crate) fn noted(judged: Option<&Self>, attempt: Attempt) -> Attempt {
        let noted = attempt.judged(judged.map(|judged| &judged.quality));
        Attempt { raw_score: judged.map(|judged| judged.raw_score), ..noted }
    }
}

/// The answer that is delivered.
pub(crate) struct Delivered {
    pub(crate) step: usize,
    /// The answer in the form that is delivered.
    pub(crate) answer: Candidate,
    /// What its validation said of this form.
    pub(crate) verdict: Verdict,
    pub(crate) rephrased: bool,
    pub(crate) best_effort: bool,
    /// Whether it stands in for a step that failed.
    is_fallback: bool,
}

impl Delivered {
    /// Whether it may be given again: it was paid for, passed validation and is no stopgap.
    pub(crate) fn is_cacheable(&self) -> bool {
        self.answer.provider != "local" && self.verdict == Verdict::Deliver && !self.best_effort && !self.is_fallback
    }
}

impl Answering {
    /// Runs the cascade of `steps` to its end.
    pub(crate) async fn cascade(
        &self,
        work: &mut Work<'_>,
        insight: &Insight,
        steps: &[Step],
    ) -> Result<Delivered, AnswerError> {
        let in_force = Arc::clone(&work.in_force);
        let policy = &in_force.policy;
        let thresholds = self.parts.policy.quality;
        let (mut cascade, mut action) = Cascade::start(steps.len(), thresholds);
        let mut candidates: Vec<Option<Candidate>> = steps.iter().map(|_| None).collect();
        loop {
            let event = match action {
                Action::Attempt(step) => {
                    let candidate = match &steps[step] {
                        Step::Local => self.attempt_local(work, insight).await,
                        Step::Paid(model) => self.attempt_paid(work, insight, model).await,
                    };
                    let can_be_doubted = router::can_be_doubted(steps, step, policy);
                    let event = match &candidate {
                        None => Event::Failed,
                        Some(new) if can_be_doubted && self.is_doubted(work, insight, new).await => {
                            "doubted".clone_into(&mut work.attempts[new.attempt].outcome);
                            Event::Doubted(new.quality.clone())
                        }
                        Some(new) => Event::Answered(new.quality.clone()),
                    };
                    candidates[step] = candidate;
                    event
                }
                Action::Rephrase(step) => {
                    let rephrased = match &candidates[step] {
                        Some(candidate) => self.rephrase(work, insight, candidate).await,
                        None => None,
                    };
                    let event = Event::Rephrased(rephrased.as_ref().map(|(_, quality)| quality.clone()));
                    if let Some(candidate) = &mut candidates[step] {
                        candidate.rephrased = rephrased;
                    }
                    event
                }
                Action::Deliver { step, rephrased, best_effort } => {
                    let is_fallback = candidates[..step].iter().any(Option::is_none);
                    self.note_low_scores(work, &candidates);
                    return match candidates.swap_remove(step) {
                        Some(candidate) => Ok(self.deliver(work, step, candidate, rephrased, best_effort, is_fallback)),
                        None => Err(self.no_answer(work)),
                    };
                }
                Action::GiveUp => {
                    self.note_low_scores(work, &candidates);
                    return Err(self.no_answer(work));
                }
            };
            action = cascade.next(event);
        }
    }

    /// How good `text`, which `model` made, is as an answer; `None` when it cannot be judged, and so not delivered.
    pub(crate) async fn judge(
        &self,
        work: &Work<'_>,
        insight: &Insight,
        (model, text): (&str, &str),
        origin: Origin,
    ) -> Option<Judged> {
        match insight.tier.validator.validate(self.validation(work, insight, text, origin)).await {
            Ok(quality) => {
                let raw_score = quality.score;
                let score = work.in_force.tuning.calibration(model).read(raw_score);
                Some(Judged { quality: Quality { score, ..quality }, raw_score })
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "validator.validate failed");
                None
            }
        }
    }

    fn validation<'a>(
        &self,
        work: &'a Work<'_>,
        insight: &'a Insight,
        answer: &'a str,
        origin: Origin,
    ) -> Validation<'a> {
        let answerability = insight.retrieval.answerability;
        let is_local = origin != Origin::Paid;
        let are_about_it = is_local || answerability >= ABOUT_THE_QUERY;
        Validation {
            brand: work.brand,
            query: work.query,
            query_embedding: &insight.analysis.embedding,
            answer,
            passages: if are_about_it { &insight.retrieval.passages } else { &[] },
            must_be_grounded: is_local,
            prior: match origin {
                Origin::Stored => 0.5,
                // What is made of a passage that does not hold the answer is none, however well it is made.
                Origin::Written => answerability,
                Origin::Paid => self.parts.policy.quality.paid_prior,
            },
            // It tells of the first passage, which is what a local answer is taken from.
            answerability: is_local.then_some(answerability),
            system_prompt: if is_local { "" } else { &work.instructions },
        }
    }

    /// Whether an answer that would be delivered is so probably worse than a better model's that the
    /// policy has that one asked. What cannot be read is not doubted.
    async fn is_doubted(&self, work: &Work<'_>, insight: &Insight, candidate: &Candidate) -> bool {
        if candidate.quality.verdict(&self.parts.policy.quality) != Verdict::Deliver {
            return false;
        }
        match insight.tier.analyst.gain_after(&insight.analysis, work.query, &candidate.text).await {
            Ok(gain) => gain.is_some_and(|gain| gain >= self.parts.policy.gain.doubt_from),
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "analyst.gain_after failed");
                false
            }
        }
    }

    async fn rephrase(&self, work: &Work<'_>, insight: &Insight, candidate: &Candidate) -> Option<(String, Quality)> {
        let validation = self.validation(work, insight, &candidate.text, candidate.origin);
        let rephrasing = insight.tier.rephraser.rephrase(validation, &candidate.quality);
        let rephrased = match tokio::time::timeout(self.time_left(work), rephrasing).await {
            Ok(Ok(rephrased)) => rephrased?,
            Ok(Err(error)) => {
                tracing::error!(error = &error as &dyn Error, "rephraser.rephrase failed");
                return None;
            }
            Err(_) => return None,
        };
        let judged = self.judge(work, insight, (&candidate.model, &rephrased), candidate.origin).await?;
        Some((rephrased, judged.quality))
    }

    fn deliver(
        &self,
        work: &mut Work<'_>,
        step: usize,
        mut answer: Candidate,
        rephrased: bool,
        best_effort: bool,
        is_fallback: bool,
    ) -> Delivered {
        if let Some((text, quality)) = answer.rephrased.take().filter(|_| rephrased) {
            (answer.text, answer.quality) = (text, quality);
        }
        let outcome = match (best_effort, rephrased) {
            (true, _) => "best_effort",
            (false, true) => "rephrased",
            (false, false) => "delivered",
        };
        outcome.clone_into(&mut work.attempts[answer.attempt].outcome);
        let verdict = answer.quality.verdict(&self.parts.policy.quality);
        Delivered { step, answer, verdict, rephrased, best_effort, is_fallback }
    }

    /// Says of each answer that did not pass why it did not.
    fn note_low_scores(&self, work: &mut Work<'_>, candidates: &[Option<Candidate>]) {
        for candidate in candidates.iter().flatten() {
            if let Some(fault) = candidate.quality.hard_fail {
                fault.as_str().clone_into(&mut work.attempts[candidate.attempt].outcome);
            }
        }
    }

    /// The error that says best why no answer came.
    pub(crate) fn no_answer(&self, work: &Work<'_>) -> AnswerError {
        let attempts = work.attempts.clone();
        let was_paid_for = work.spending.sends > 0;
        let now = self.now();
        match work.spending.refusal {
            Some(Refusal::Month) if !was_paid_for => {
                AnswerError::BudgetExhausted { resets_at: now.month().resets_at(), attempts }
            }
            Some(Refusal::InFlight) if !was_paid_for => {
                AnswerError::BudgetInFlight { retry_after: std::time::Duration::from_secs(2), attempts }
            }
            Some(Refusal::Request) if !was_paid_for => {
                AnswerError::RequestTooExpensive { limit: self.envelope(work.request), attempts }
            }
            _ if self.time_left(work).is_zero() || was_out_of_time(&attempts) => {
                AnswerError::DeadlineExceeded { attempts }
            }
            _ => AnswerError::NoAnswer { missing_settings: self.missing_settings(&attempts), attempts },
        }
    }

    /// The settings without which attempted models were left out.
    fn missing_settings(&self, attempts: &[Attempt]) -> Vec<String> {
        let mut settings: Vec<String> = attempts
            .iter()
            .filter(|attempt| attempt.outcome == "no_key")
            .filter_map(|attempt| {
                let id = farthing_domain::ids::ModelId::parse(&attempt.model).ok()?;
                self.parts.key_settings.get(&self.parts.registry.api(&id)?.provider).cloned()
            })
            .collect();
        settings.dedup();
        settings
    }
}

/// Below this answerability the passages are about something else: that they lack what a paid answer says is no evidence
/// against it.
const ABOUT_THE_QUERY: f32 = 0.3;

fn was_out_of_time(attempts: &[Attempt]) -> bool {
    attempts.last().is_some_and(|attempt| attempt.outcome == "out_of_time")
}
