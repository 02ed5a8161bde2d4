//! The order of attempts at one answer, as a state machine.
//!
//! The machine never does anything: it is told what happened and says what to do next.

use crate::policy::QualityThresholds;
use crate::quality::{Quality, Verdict};

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The attempt at the current step gave an answer of this quality.
    Answered(Quality),
    /// The attempt gave an answer of this quality, and a better model is expected to gain much.
    Doubted(Quality),
    /// The attempt gave none, whatever the reason.
    Failed,
    /// The rephrasing of the last answer has this quality; `None` when nothing could be changed.
    Rephrased(Option<Quality>),
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Attempt the step with this index.
    Attempt(usize),
    /// Rephrase the answer of the step with this index.
    Rephrase(usize),
    /// Deliver the answer of `step`, as it was or rephrased.
    Deliver {
        /// Whose answer.
        step: usize,
        /// Whether the rephrased form is the better one.
        rephrased: bool,
        /// Whether the chain ended without an answer that passed, and this is the best of it.
        best_effort: bool,
    },
    /// No answer is fit to be delivered.
    GiveUp,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Candidate {
    step: usize,
    score: f32,
}

/// The state of one cascade.
#[derive(Clone, Debug)]
pub struct Cascade {
    steps: usize,
    current: usize,
    thresholds: QualityThresholds,
    rephrasing: Option<f32>,
    best: Option<Candidate>,
    /// The step of the first answer that passed and was doubted.
    doubted: Option<usize>,
}

impl Cascade {
    /// A cascade of `steps` steps, with its first action.
    #[must_use]
    pub fn start(steps: usize, thresholds: QualityThresholds) -> (Self, Action) {
        let cascade = Self { steps, current: 0, thresholds, rephrasing: None, best: None, doubted: None };
        let first = if steps == 0 { Action::GiveUp } else { Action::Attempt(0) };
        (cascade, first)
    }

    /// What to do after `event`.
    pub fn next(&mut self, event: Event) -> Action {
        match event {
            Event::Answered(quality) => self.judge(&quality),
            Event::Doubted(quality) => self.doubt(&quality),
            Event::Failed => self.advance(),
            Event::Rephrased(quality) => self.settle_rephrasing(quality),
        }
    }

    fn judge(&mut self, quality: &Quality) -> Action {
        match quality.verdict(&self.thresholds) {
            Verdict::Deliver => Action::Deliver { step: self.current, rephrased: false, best_effort: false },
            Verdict::Rephrase => {
                self.rephrasing = Some(quality.score);
                Action::Rephrase(self.current)
            }
            Verdict::Escalate => {
                let better = self.best.is_none_or(|best| quality.score > best.score);
                if quality.is_above_floor(&self.thresholds) && better {
                    self.best = Some(Candidate { step: self.current, score: quality.score });
                }
                self.advance()
            }
        }
    }

    /// An answer that passed waits for a better one, and is delivered when none comes. Doubt spares no
    /// answer that failed, and none is rephrased for it.
    fn doubt(&mut self, quality: &Quality) -> Action {
        let is_last = self.current + 1 == self.steps;
        if is_last || quality.verdict(&self.thresholds) != Verdict::Deliver {
            return self.judge(quality);
        }
        self.doubted.get_or_insert(self.current);
        self.advance()
    }

    fn settle_rephrasing(&mut self, quality: Option<Quality>) -> Action {
        let original = self.rephrasing.take().unwrap_or_default();
        let rephrased = quality.is_some_and(|new| new.hard_fail.is_none() && new.score > original);
        Action::Deliver { step: self.current, rephrased, best_effort: false }
    }

    fn advance(&mut self) -> Action {
        self.current += 1;
        if self.current < self.steps {
            return Action::Attempt(self.current);
        }
        if let Some(step) = self.doubted {
            return Action::Deliver { step, rephrased: false, best_effort: false };
        }
        match self.best {
            Some(best) => Action::Deliver { step: best.step, rephrased: false, best_effort: true },
            None => Action::GiveUp,
        }
    }
}

#[cfg(test)]
mod tests;
