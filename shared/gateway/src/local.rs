//! The local step: an answer from the agent's own knowledge, at no cost.

use farthing_domain::ports::LocalAnswer;
use farthing_domain::quality::Quality;

use crate::answer::{Answering, Insight, Work};
use crate::cascading::Candidate;
use crate::receipt::Attempt;

impl Answering {
    /// The local answer, judged; `None` when the knowledge has none. Either is noted as an attempt.
    pub(crate) async fn attempt_local(&self, work: &mut Work<'_>, insight: &Insight) -> Option<Candidate> {
        let started = self.now();
        let Some((answer, judged)) = self.local_answer(work, insight).await else {
            work.attempts.push(Attempt {
                latency_ms: self.elapsed_ms(started),
                ..Attempt::skipped("knowledge", "not_in_knowledge")
            });
            return None;
        };
        work.attempts.push(Attempt {
            latency_ms: self.elapsed_ms(started),
            score: judged.as_ref().map(|quality| quality.score),
            ..Attempt::skipped(answer.model.as_str(), if judged.is_some() { "low_score" } else { "not_judged" })
        });
        let tokens = (insight.analysis.tokens, insight.tier.analyst.count_tokens(&answer.text));
        Some(Candidate {
            text: answer.text,
            model: answer.model.to_string(),
            provider: "local".to_owned(),
            sources: answer.sources,
            tokens,
            quality: judged?,
            attempt: work.attempts.len() - 1,
            must_be_grounded: true,
            rephrased: None,
        })
    }

    /// The score of the local answer that was not delivered, for comparison.
    pub(crate) async fn shadow(&self, work: &Work<'_>, insight: &Insight) -> Option<f32> {
        let (_, quality) = self.local_answer(work, insight).await?;
        quality.map(|quality| quality.score)
    }

    async fn local_answer(&self, work: &Work<'_>, insight: &Insight) -> Option<(LocalAnswer, Option<Quality>)> {
        let answer = insight.tier.knowledge.answer(work.brand, work.query, &insight.retrieval)?;
        let quality = self.judge(work, insight, &answer.text, true).await;
        Some((answer, quality))
    }
}
