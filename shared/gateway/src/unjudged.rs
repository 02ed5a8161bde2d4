//! The walk of a request while there are no local models: nothing classifies or screens its query,
//! nothing looks for a stored answer, and nothing but rules judges what the paid models say.

use farthing_domain::ports::Validation;
use farthing_domain::router::{self, Step};
use farthing_domain::time::Timestamp;

use crate::answer::{Answering, Work};
use crate::error::AnswerError;
use crate::receipt::Answer;
use crate::system_prompt::bare_system_prompt;

impl Answering {
    /// The first paid answer that breaks no rule.
    pub(crate) async fn walk_unjudged(&self, work: &mut Work<'_>, started: Timestamp) -> Result<Answer, AnswerError> {
        // A query that nobody screened may ask for the prompt: there must be nothing in it.
        work.system_prompt = bare_system_prompt(work.brand);
        let models = router::plan_unclassified(&self.parts.policy);
        work.recorded.plan = models.iter().cloned().map(Step::Paid).collect();
        for (step, model) in models.iter().enumerate() {
            let Some(sent) = self.send(work, model).await else { continue };
            let fault = self.parts.rules.fault(Validation {
                brand: work.brand,
                query: work.query,
                query_embedding: &[],
                answer: &sent.text,
                passages: &[],
                must_be_grounded: false,
                prior: self.parts.policy.quality.paid_prior,
                answerability: None,
                system_prompt: &work.system_prompt,
            });
            let outcome = fault.map_or("unjudged", |fault| fault.as_str());
            outcome.clone_into(&mut work.attempts[sent.attempt].outcome);
            if fault.is_some() {
                continue;
            }
            return Ok(self.answer_of(work, None, sent.text, sent.tokens, started, |route| {
                route.provider = sent.provider.to_string();
                route.model = model.to_string();
                route.escalated = step > 0;
                route.best_effort = true;
                route.unjudged = true;
            }));
        }
        Err(self.no_answer(work))
    }
}
