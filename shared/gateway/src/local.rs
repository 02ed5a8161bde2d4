//! The local step: an answer from the agent's own knowledge, at no cost.

use farthing_domain::ports::LocalAnswer;
use farthing_domain::quality::Verdict;
use farthing_domain::time::Timestamp;

use crate::answer::{Answering, Insight, Work};
use crate::cascading::{Candidate, Judged, Origin};
use crate::receipt::Attempt;

/// A local answer that was tried.
struct Tried {
    answer: LocalAnswer,
    origin: Origin,
    /// `None` when it could not be judged.
    judged: Option<Judged>,
    latency_ms: u64,
}

impl Answering {
    /// The best local answer, judged; `None` when there is none. Each that was tried is noted as an attempt.
    pub(crate) async fn attempt_local(&self, work: &mut Work<'_>, insight: &Insight) -> Option<Candidate> {
        let started = self.now();
        let tried = self.try_local(work, insight).await;
        if tried.is_empty() {
            let latency_ms = self.elapsed_ms(started);
            work.attempts.push(Attempt { latency_ms, ..Attempt::skipped("knowledge", "not_in_knowledge") });
        }
        let candidates = tried.into_iter().filter_map(|Tried { answer, origin, judged, latency_ms }| {
            let outcome = if judged.is_some() { "low_score" } else { "not_judged" };
            let attempt = Attempt { latency_ms, ..Attempt::skipped(answer.model.as_str(), outcome) };
            work.attempts.push(Judged::noted(judged.as_ref(), attempt));
            let tokens = (insight.analysis.tokens, insight.tier.analyst.count_tokens(&answer.text));
            Some(Candidate {
                text: answer.text,
                model: answer.model.to_string(),
                provider: "local".to_owned(),
                sources: answer.sources,
                tokens,
                quality: judged?.quality,
                attempt: work.attempts.len() - 1,
                origin,
                rephrased: None,
            })
        });
        candidates.reduce(|best, next| if next.quality.score > best.quality.score { next } else { best })
    }

    /// The local answer that was not delivered, for comparison.
    pub(crate) async fn shadow(&self, work: &Work<'_>, insight: &Insight) -> Attempt {
        let tried =
            self.try_local(work, insight).await.into_iter().map(|Tried { answer, judged, latency_ms, .. }| {
                let attempt = Attempt { latency_ms, ..Attempt::skipped(answer.model.as_str(), "compared") };
                Judged::noted(judged.as_ref(), attempt)
            });
        let best = tried.reduce(|best, next| if next.score > best.score { next } else { best });
        best.unwrap_or_else(|| Attempt::skipped("knowledge", "not_in_knowledge"))
    }

    /// The answer in stored words, and when that will not do what the language model makes of the passages.
    async fn try_local(&self, work: &Work<'_>, insight: &Insight) -> Vec<Tried> {
        let started = self.now();
        let mut tried = Vec::new();
        let is_answered = insight.retrieval.answerability >= work.in_force.tuning.thresholds.min_answerability;
        if is_answered && let Some(stored) = insight.tier.knowledge.answer(work.brand, work.query, &insight.retrieval) {
            tried.push(self.tried(work, insight, (stored, Origin::Stored), started).await);
        }
        // The owner's own words that do are not bettered by a model's.
        let will_do = |judged: &Judged| judged.quality.verdict(&self.parts.policy.quality) != Verdict::Escalate;
        if tried.iter().filter_map(|tried| tried.judged.as_ref()).any(will_do) {
            return tried;
        }
        let started = self.now();
        if let Some(written) = self.write(work, insight).await {
            tried.push(self.tried(work, insight, (written, Origin::Written), started).await);
        }
        tried
    }

    async fn write(&self, work: &Work<'_>, insight: &Insight) -> Option<LocalAnswer> {
        let (write_from, answerability) = (self.parts.policy.limits.write_from, insight.retrieval.answerability);
        let writer = insight.tier.grounded.as_ref().filter(|_| write_from < 1.0 && answerability >= write_from)?;
        let written = writer.answer(work.brand, work.query, &insight.retrieval);
        tokio::time::timeout(self.time_left(work), written).await.ok().flatten()
    }

    async fn tried(
        &self,
        work: &Work<'_>,
        insight: &Insight,
        (answer, origin): (LocalAnswer, Origin),
        started: Timestamp,
    ) -> Tried {
        let judged = self.judge(work, insight, (answer.model.as_str(), &answer.text), origin).await;
        Tried { answer, origin, judged, latency_ms: self.elapsed_ms(started) }
    }
}
