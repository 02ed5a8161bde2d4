//! What another step makes of a query that was answered: a sample for the weekly run, never delivered.
//!
//! Local answers cost nothing. Paid ones have a small scope of their own in the ledger, within the month's money: one key a day,
//! held by one request at a time, so that all that a key guarantees holds for them.

use std::error::Error;

use farthing_domain::hex::hex;
use farthing_domain::ids::{ModelId, Tenant};
use farthing_domain::ledger::{Claim, ClaimRefused, ClaimRequest};
use farthing_domain::money::Usd;
use farthing_domain::rollout::{Arm, is_compared};
use farthing_domain::router::Step;
use sha2::{Digest, Sha256};

use crate::answer::{Answering, Insight, Recorded, Spending, Work};
use crate::cascading::Delivered;
use crate::paid::LEASE_GRACE;
use crate::receipt::Attempt;

/// Whose the keys of comparisons are. A caller's key cannot be one of them: what is hashed begins otherwise.
const OWN: &str = "farthing";

impl Answering {
    /// What another step makes of the query, when it is one of those that are compared and there is such a step.
    pub(crate) async fn compare(&self, work: &Work<'_>, insight: &Insight, delivered: &Delivered) -> Option<Attempt> {
        let sample = work.in_force.policy.rollout.compare_sample;
        let is_local = delivered.answer.provider == "local";
        match work.arm {
            Arm::Shadow if is_local => None,
            Arm::Shadow => Some(self.shadow(work, insight).await),
            Arm::Local | Arm::Paid if is_compared(work.context.id.as_str(), sample) => {
                match other_step(work, is_local)? {
                    Step::Local => Some(self.shadow(work, insight).await),
                    Step::Paid(model) => self.compare_paid(work, insight, &model).await,
                }
            }
            Arm::Local | Arm::Paid => None,
        }
    }

    async fn compare_paid(&self, work: &Work<'_>, insight: &Insight, model: &ModelId) -> Option<Attempt> {
        if !self.has_key_of(model) {
            return None;
        }
        let claim = self.claim_of_the_day(work).await?;
        let mut other = Work {
            context: work.context,
            began: work.began,
            request: work.request,
            brand: work.brand,
            query: work.query,
            arm: work.arm,
            in_force: work.in_force.clone(),
            withdrawn: work.withdrawn.clone(),
            system_prompt: work.system_prompt.clone(),
            instructions: work.instructions.clone(),
            spending: Spending { claim: Some(claim.clone()), ..Spending::default() },
            attempts: Vec::new(),
            recorded: Recorded::default(),
        };
        let answered = self.attempt_paid(&mut other, insight, model).await.is_some();
        if let Err(error) = self.parts.ledger.release(&claim).await {
            tracing::warn!(error = &error as &dyn Error, "ledger.release failed; the lease will run out");
        }
        // What was tried first and failed at a cost counts, too.
        let cost = other.attempts.iter().map(|attempt| attempt.cost).sum();
        let last = other.attempts.pop().filter(|_| answered || cost > Usd::ZERO)?;
        Some(Attempt { outcome: "compared".to_owned(), cost, ..last })
    }

    fn has_key_of(&self, model: &ModelId) -> bool {
        self.parts.registry.api(model).is_some_and(|api| self.parts.providers.contains_key(&api.provider))
    }

    /// The claim on the day's key; `None` when another request holds it, or nothing may be compared for money.
    async fn claim_of_the_day(&self, work: &Work<'_>) -> Option<Claim> {
        let envelope = self.parts.policy.budget.compare_daily_usd;
        if envelope <= Usd::ZERO {
            return None;
        }
        let now = self.now();
        let request = ClaimRequest {
            claim: Claim {
                tenant: Tenant::parse(OWN).ok()?,
                key_hash: hex(&Sha256::digest(format!("compare:{}", now.day()))),
                owner: work.context.id.clone(),
                lease: work.context.deadline.instant().plus(LEASE_GRACE),
            },
            envelope,
            payload_hash: [0; 32],
            now,
        };
        match self.parts.ledger.acquire(request).await {
            Ok(claim) => Some(claim),
            Err(ClaimRefused::InProgress { .. }) => None,
            Err(refused) => {
                tracing::warn!(error = &refused as &dyn Error, "no answer is compared");
                None
            }
        }
    }
}

/// A step that was not tried: the local one, the next paid one of the plan, or the cheap model. Of two, the request's name says
/// which.
fn other_step(work: &Work<'_>, is_local: bool) -> Option<Step> {
    let was_tried = |model: &ModelId| work.attempts.iter().any(|attempt| attempt.model == model.as_str());
    let planned = work.recorded.plan.iter().filter_map(|step| match step {
        Step::Local => None,
        Step::Paid(model) => Some(model),
    });
    let paid: Vec<&ModelId> =
        planned.chain(work.in_force.policy.tiers.cheap()).filter(|model| !was_tried(model)).collect();
    // Where the cheap model gave the answer the next one is of interest, elsewhere the cheap one.
    let cheap = work.in_force.policy.tiers.cheap();
    let paid =
        paid.iter().find(|model| cheap == Some(**model)).or(paid.first()).map(|model| Step::Paid((**model).clone()));
    let local_was_tried = is_local || work.attempts.iter().any(|attempt| is_of_local_tier(work, attempt));
    let first = (!local_was_tried).then_some(Step::Local);
    match (first, paid) {
        (Some(local), Some(_)) if Sha256::digest(work.context.id.as_str())[1] % 2 == 0 => Some(local),
        (Some(_), Some(paid)) => Some(paid),
        (first, paid) => first.or(paid),
    }
}

fn is_of_local_tier(work: &Work<'_>, attempt: &Attempt) -> bool {
    let is_planned = |step: &Step| matches!(step, Step::Paid(model) if model.as_str() == attempt.model);
    !work.recorded.plan.iter().any(is_planned)
}
