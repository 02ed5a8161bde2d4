//! The whole of one request: claim its key, answer, record the outcome, keep the reply.

use std::error::Error;
use std::time::Duration;

use farthing_domain::ids::{ModelId, RequestId, Tenant};
use farthing_domain::ledger::{Claim, ClaimRefused, Finish, StoredReply};
use farthing_domain::money::Usd;
use farthing_domain::outcome::{Feedback, Origin, Outcome, Words};
use farthing_domain::ports::{Rated, StoreError};
use farthing_domain::request::{AgentRequest, RequestContext};

use crate::answer::{Answering, Ended};
use crate::error::AnswerError;
use crate::receipt::{Answer, total_cost};

/// How long a reply is kept for its key.
pub(crate) const KEEP_REPLY: Duration = Duration::from_secs(24 * 3_600);

impl Answering {
    /// Answers `request` and returns the reply as `render` writes it. Everything that has to be
    /// remembered is written before this returns: a function is frozen once it has responded.
    pub async fn reply<R, F>(&self, context: &RequestContext, request: &AgentRequest, render: F) -> R
    where
        R: Clone + From<StoredReply> + Into<StoredReply>,
        F: Fn(&Result<Answer, AnswerError>) -> R,
    {
        let started = self.now();
        let claim = match self.claim_key(context, request).await {
            Ok(claim) => claim,
            Err(AnswerError::AlreadyAnswered(reply)) => return reply.into(),
            Err(refused) => return render(&Err(refused)),
        };
        let ended = self.answer(context, request, claim, started).await;
        let reply = render(&ended.result);
        let outcome = self.outcome_of(context, request, &ended, self.elapsed_ms(started));
        log(&outcome);
        let (recorded, kept) =
            tokio::join!(self.parts.outcomes.record(&outcome), self.end_claim(context, &ended, reply.clone().into()));
        if let Err(error) = recorded {
            tracing::error!(error = &error as &dyn Error, "outcomes.record failed");
        }
        match kept {
            Ok(()) => reply,
            Err(error) => render(&Err(error)),
        }
    }

    /// Notes what `tenant` says of the answer to its `request`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rate(&self, tenant: &Tenant, request: &RequestId, feedback: Feedback) -> Result<Rated, StoreError> {
        self.parts.outcomes.rate(tenant, request, feedback).await.inspect_err(|error| {
            tracing::error!(error = error as &dyn Error, "outcomes.rate failed");
        })
    }

    /// The claim on the caller's key. Without a key, or while the ledger is down, there is none
    /// yet: local and cached answers need no claim, and a paid step takes it or is left out.
    async fn claim_key(&self, context: &RequestContext, request: &AgentRequest) -> Result<Option<Claim>, AnswerError> {
        if context.key.is_none() {
            return Ok(None);
        }
        let wanted = self.claim_request(context, self.envelope(request));
        match self.parts.ledger.acquire(wanted).await {
            Ok(claim) => Ok(Some(claim)),
            Err(ClaimRefused::Done(reply)) => Err(AnswerError::AlreadyAnswered(reply)),
            Err(ClaimRefused::OtherPayload) => Err(AnswerError::KeyReused),
            Err(ClaimRefused::InProgress { retry_after }) => Err(AnswerError::InProgress { retry_after }),
            Err(ClaimRefused::Unavailable(error)) => {
                tracing::error!(error = &error as &dyn Error, "ledger.acquire failed");
                Ok(None)
            }
        }
    }

    /// Ends the claim: with its reply when it is final, else so that the caller may try again.
    async fn end_claim(&self, context: &RequestContext, ended: &Ended, reply: StoredReply) -> Result<(), AnswerError> {
        let Some(claim) = &ended.claim else { return Ok(()) };
        let is_final = ended.result.as_ref().err().is_none_or(AnswerError::is_final);
        let has_key = context.key.is_some();
        if has_key && !is_final {
            if let Err(error) = self.parts.ledger.release(claim).await {
                tracing::warn!(error = &error as &dyn Error, "ledger.release failed; the lease will run out");
            }
            return Ok(());
        }
        let finish =
            Finish { claim: claim.clone(), reply: has_key.then_some(reply), forget_at: self.now().plus(KEEP_REPLY) };
        match self.parts.ledger.finish(finish).await {
            Ok(true) => Ok(()),
            Ok(false) if has_key => Err(AnswerError::InProgress { retry_after: Duration::from_secs(1) }),
            Err(error) if has_key => {
                // One key has one answer: one that could not be kept may not be given.
                Err(AnswerError::Unavailable { what: "the idempotency store", cause: Box::new(error) })
            }
            Ok(false) | Err(_) => Ok(()),
        }
    }

    fn outcome_of(&self, context: &RequestContext, request: &AgentRequest, ended: &Ended, latency_ms: u64) -> Outcome {
        let answer = ended.result.as_ref().ok();
        let origin = match &ended.result {
            Err(_) => Origin::Failed,
            Ok(answer) if answer.route.cache.is_some() => Origin::Cached,
            Ok(answer) if answer.quality.is_none() && !answer.route.unjudged => Origin::Refused,
            Ok(answer) if answer.route.provider == "local" => Origin::Local,
            Ok(_) => Origin::Paid,
        };
        let (attempts, cost) = match &ended.result {
            Ok(answer) => (answer.route.attempts.as_slice(), answer.cost),
            Err(error) => (error.attempts(), total_cost(error.attempts())),
        };
        let policy = &ended.in_force.policy;
        let keeps_words = self.parts.agents.get(&request.agent).is_some_and(|brand| brand.keeps_words);
        let words = answer.filter(|_| keeps_words && origin != Origin::Refused);
        Outcome {
            request: context.id.clone(),
            at: self.now(),
            tenant: context.tenant.clone(),
            agent: request.agent.clone(),
            policy: policy.version,
            arm: policy.rollout.stage.arm(context.id.as_str(), policy.rollout.shadow_sample),
            query: ended.recorded.query.clone(),
            plan: ended.recorded.plan.clone(),
            attempts: attempts.iter().take(Outcome::MOST_ATTEMPTS).cloned().collect(),
            cache: answer.and_then(|answer| answer.route.cache),
            origin,
            model: answer.and_then(|answer| ModelId::parse(&answer.route.model).ok()),
            score: answer.and_then(|answer| answer.quality.as_ref()).map(|quality| quality.score),
            escalated: answer.is_some_and(|answer| answer.route.escalated),
            shadow: ended.recorded.shadow.clone(),
            cost,
            baseline: answer.map_or(Usd::ZERO, |answer| answer.baseline),
            latency_ms,
            error: ended.result.as_ref().err().map(|error| error.code().to_owned()),
            feedback: None,
            words: words.map(|answer| Words {
                is_follow_up: !request.conversation.is_single_turn(),
                ..Words::new(request.conversation.query().as_str(), &answer.text)
            }),
        }
    }
}

fn log(outcome: &Outcome) {
    let origin = outcome.origin.as_str();
    tracing::info!(
        request.id = %outcome.request,
        request.tier = outcome.tier().map(|tier| tier.as_str()),
        answer.origin = origin,
        answer.model = outcome.model.as_ref().map(ModelId::as_str),
        answer.score = outcome.score,
        answer.error = outcome.error.as_deref(),
        cost_nusd = outcome.cost.nanos(),
        duration_ms = outcome.latency_ms,
        "request `{id}` ended: {origin} in {ms} ms",
        id = outcome.request,
        ms = outcome.latency_ms,
    );
}
