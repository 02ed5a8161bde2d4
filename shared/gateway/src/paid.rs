//! The paid step: reserve, send, resolve.
//!
//! One send has one reservation, committed before the first byte. Whatever is not known to be
//! free is charged in full.

mod offer;

use std::error::Error;
use std::time::Duration;

use farthing_domain::hex::hex;
use farthing_domain::ids::{ModelId, ProviderId};
use farthing_domain::ledger::{Claim, ClaimRequest, Reservation, ReserveRefused, ReserveRequest, Resolution};
use farthing_domain::metrics;
use farthing_domain::money::Usd;
use farthing_domain::ports::{Charge, Completion, PreparedCall, Provider, ProviderFailure};
use farthing_domain::registry::ApiModel;
use farthing_domain::time::{Pause, Timestamp};
use sha2::{Digest, Sha256};

use crate::answer::{Answering, Insight, Refusal, Work};
use crate::cascading::{Candidate, Judged, Origin};
use crate::paid::offer::{OVER_REQUEST_LIMIT, Offer};
use crate::receipt::Attempt;

/// The least time that a paid call is given.
const MIN_STEP: Duration = Duration::from_millis(500);
/// The least time between two sweeps for want of money.
const SWEEP_PAUSE: Duration = Duration::from_secs(5);
/// How long a claim outlives the deadline of its invocation.
pub(crate) const LEASE_GRACE: Duration = Duration::from_secs(3);

/// A paid model's answer that nobody has judged yet.
pub(crate) struct Sent {
    pub(crate) text: String,
    /// Whether it ended because the token limit was reached.
    pub(crate) truncated: bool,
    pub(crate) provider: ProviderId,
    pub(crate) tokens: (u64, u64),
    /// Its place among the attempts.
    pub(crate) attempt: usize,
    started: Timestamp,
}

/// Why a paid step gave no completion.
enum Skipped {
    /// It was not sent, for this reason.
    NotSent(&'static str),
    /// It was sent, cost this much and failed.
    Failed(ProviderFailure, Usd),
}

impl Answering {
    /// The paid model's answer, judged; `None` when there is none. Every send is noted as an attempt.
    pub(crate) async fn attempt_paid(
        &self,
        work: &mut Work<'_>,
        insight: &Insight,
        model: &ModelId,
    ) -> Option<Candidate> {
        let sent = self.send(work, model).await?;
        let judged = self.judge(work, insight, (model.as_str(), &sent.text), Origin::Paid).await;
        let attempt = sent.attempt;
        let outcome = if judged.is_some() { "low_score" } else { "not_judged" }.to_owned();
        let latency_ms = self.elapsed_ms(sent.started);
        let noted = Attempt { outcome, latency_ms, ..work.attempts[attempt].clone() };
        work.attempts[attempt] = Judged::noted(judged.as_ref(), noted);
        Some(Candidate {
            text: sent.text,
            model: model.to_string(),
            provider: sent.provider.to_string(),
            sources: Vec::new(),
            tokens: sent.tokens,
            quality: judged?.quality,
            attempt,
            origin: Origin::Paid,
            rephrased: None,
        })
    }

    /// The paid model's answer as it came; `None` when there is none. Every send is noted as an
    /// attempt.
    pub(crate) async fn send(&self, work: &mut Work<'_>, model: &ModelId) -> Option<Sent> {
        let mut retries_left = self.parts.policy.limits.retries;
        loop {
            let started = self.now();
            let note = |outcome: &str, cost, ended: u64| Attempt {
                cost,
                latency_ms: ended,
                ..Attempt::skipped(model.as_str(), outcome)
            };
            match self.send_once(work, model).await {
                Ok((completion, cost)) => {
                    work.attempts.push(note("not_judged", cost, self.elapsed_ms(started)));
                    return Some(Sent {
                        text: completion.text,
                        truncated: completion.truncated,
                        provider: self.parts.registry.api(model)?.provider.clone(),
                        tokens: (completion.input_tokens, completion.output_tokens),
                        attempt: work.attempts.len() - 1,
                        started,
                    });
                }
                Err(Skipped::NotSent(reason)) => {
                    work.attempts.push(note(reason, Usd::ZERO, self.elapsed_ms(started)));
                    return None;
                }
                Err(Skipped::Failed(failure, cost)) => {
                    tracing::warn!(
                        model.id = %model,
                        error = &failure as &dyn Error,
                        "model `{model}` gave no completion"
                    );
                    work.attempts.push(note(failure.code(), cost, self.elapsed_ms(started)));
                    let pause = self.pause_before_retry(work, &failure).filter(|_| retries_left > 0)?;
                    retries_left -= 1;
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// How long to wait before the same step is tried again: only when the provider is known not
    /// to have taken the call, and time allows another.
    fn pause_before_retry(&self, work: &Work<'_>, failure: &ProviderFailure) -> Option<Duration> {
        let asked = match failure {
            ProviderFailure::RateLimited { retry_after } => retry_after.unwrap_or(Duration::from_millis(250)),
            ProviderFailure::Unreachable(_) => Duration::from_millis(100),
            ProviderFailure::Rejected { .. }
            | ProviderFailure::Unauthorized { .. }
            | ProviderFailure::TimedOut
            | ProviderFailure::Broken { .. }
            | ProviderFailure::Unusable { .. } => return None,
        };
        let spread = Sha256::digest(work.context.id.as_str())[0];
        let pause = asked + Duration::from_millis(u64::from(spread) / 2);
        let most = Duration::from_secs(2).min(self.time_for_step(work)?);
        (pause < most).then_some(pause)
    }

    /// Sends one call under one reservation, and says what it cost.
    async fn send_once(&self, work: &mut Work<'_>, model: &ModelId) -> Result<(Completion, Usd), Skipped> {
        let Some(api) = self.parts.registry.api(model) else { return Err(Skipped::NotSent("disabled")) };
        let Some(provider) = self.parts.providers.get(&api.provider) else {
            return Err(Skipped::NotSent("no_key"));
        };
        if self.time_for_step(work).is_none() {
            return Err(Skipped::NotSent("out_of_time"));
        }
        let left = self.envelope(work.request).saturating_sub(work.spending.committed);
        let mut offer = self.offer(work, api, provider.as_ref(), left)?;
        if self.is_open(api) {
            return Err(Skipped::NotSent("circuit_open"));
        }
        let claim = self.claim(work).await?;
        let reservation = match self.reserve(work, &claim, model, api, offer.worst_case).await {
            Err(ReserveRefused::RequestLimit { left }) => {
                // An earlier invocation with the same key has spent a part: ask for less, once.
                offer = self.offer(work, api, provider.as_ref(), left)?;
                self.reserve(work, &claim, model, api, offer.worst_case).await
            }
            other => other,
        };
        let reservation = reservation.map_err(|refused| self.note_refusal(work, refused))?;
        let reason = match self.time_for_step(work) {
            None => "out_of_time",
            Some(_) if !self.admits(api) => "circuit_open",
            Some(limit) => {
                return self.send_reserved(work, api, provider.as_ref(), offer.call, limit, reservation).await;
            }
        };
        self.resolve(reservation, Resolution::Voided).await;
        Err(Skipped::NotSent(reason))
    }

    /// Sends the call that `reservation` is for, and resolves it.
    async fn send_reserved(
        &self,
        work: &mut Work<'_>,
        api: &ApiModel,
        provider: &dyn Provider,
        call: PreparedCall,
        limit: Duration,
        reservation: Reservation,
    ) -> Result<(Completion, Usd), Skipped> {
        work.spending.sends += 1;
        let result = provider.send(call, limit).await;
        self.note_health(api, &result);
        let resolution = match &result {
            Ok(completion) => posted(api, completion.input_tokens, completion.output_tokens),
            Err(failure) => match failure.charge() {
                Charge::None => Resolution::Voided,
                Charge::Known { input_tokens, output_tokens } => posted(api, input_tokens, output_tokens),
                Charge::Unknown => Resolution::PostedUnknown,
            },
        };
        let charged = self.resolve(reservation, resolution).await;
        result.map(|completion| (completion, charged)).map_err(|failure| Skipped::Failed(failure, charged))
    }

    /// The call that asks for the longest answer that `left` covers. That there is none for want of money
    /// is noted.
    fn offer(&self, work: &mut Work<'_>, api: &ApiModel, provider: &dyn Provider, left: Usd) -> Result<Offer, Skipped> {
        Offer::fitting(work, api, provider, left).map_err(|reason| {
            if reason == OVER_REQUEST_LIMIT {
                work.spending.refusal.get_or_insert(Refusal::Request);
                count_refusal(ReserveRefused::RequestLimit { left }.reason());
            }
            Skipped::NotSent(reason)
        })
    }

    /// The claim on the request's key; without a caller's key, on the invocation's own name.
    async fn claim(&self, work: &mut Work<'_>) -> Result<Claim, Skipped> {
        if let Some(claim) = &work.spending.claim {
            return Ok(claim.clone());
        }
        let request = self.claim_request(work.context, self.envelope(work.request));
        match self.parts.ledger.acquire(request).await {
            Ok(claim) => {
                work.spending.claim = Some(claim.clone());
                Ok(claim)
            }
            Err(refused) => {
                tracing::error!(error = &refused as &dyn Error, "ledger.acquire failed");
                count_refusal("unavailable");
                Err(Skipped::NotSent("ledger_unavailable"))
            }
        }
    }

    pub(crate) fn claim_request(
        &self,
        context: &farthing_domain::request::RequestContext,
        envelope: Usd,
    ) -> ClaimRequest {
        // The prefix keeps a caller from naming another invocation's own key.
        let key = context.key.as_ref().map_or_else(|| format!("own:{}", context.id), |key| format!("key:{key}"));
        ClaimRequest {
            claim: Claim {
                tenant: context.tenant.clone(),
                key_hash: hex(&Sha256::digest(key)),
                owner: context.id.clone(),
                lease: context.deadline.instant().plus(LEASE_GRACE),
            },
            envelope,
            payload_hash: context.payload_hash,
            now: self.now(),
        }
    }

    async fn reserve(
        &self,
        work: &mut Work<'_>,
        claim: &Claim,
        model: &ModelId,
        api: &ApiModel,
        amount: Usd,
    ) -> Result<Reservation, ReserveRefused> {
        let now = self.now();
        let request = ReserveRequest {
            claim: claim.clone(),
            attempt: work.spending.reservations,
            amount,
            provider: api.provider.clone(),
            model: model.clone(),
            month: now.month(),
            now,
        };
        // A number is never used twice, even when it is not known whether its row was written.
        work.spending.reservations += 1;
        let reservation = match self.parts.ledger.reserve(request.clone()).await {
            Err(ReserveRefused::InFlight) if self.sweep_when_short(now).await => {
                let request = ReserveRequest { attempt: work.spending.reservations, ..request };
                work.spending.reservations += 1;
                self.parts.ledger.reserve(request).await?
            }
            other => other?,
        };
        work.spending.committed = work.spending.committed.saturating_add(amount);
        Ok(reservation)
    }

    /// Sweeps when money is short, at most every few seconds, and says whether that freed any: a
    /// reservation that a dead invocation left is charged in full, and what it kept from others
    /// only seemed to be in flight.
    async fn sweep_when_short(&self, now: Timestamp) -> bool {
        {
            let mut pause = self.sweep_pause.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if pause.is_some_and(|pause| pause.lasts(now)) {
                return false;
            }
            *pause = Some(Pause::new(now, SWEEP_PAUSE));
        }
        match self.parts.ledger.sweep(now.month(), now).await {
            Ok(swept) => swept.expired > 0,
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "ledger.sweep failed");
                false
            }
        }
    }

    fn note_refusal(&self, work: &mut Work<'_>, refused: ReserveRefused) -> Skipped {
        let (reason, refusal) = match &refused {
            ReserveRefused::Exhausted => ("budget_exhausted", Some(Refusal::Month)),
            ReserveRefused::Stopped => ("budget_stopped", Some(Refusal::Month)),
            ReserveRefused::InFlight => ("budget_in_flight", Some(Refusal::InFlight)),
            ReserveRefused::RequestLimit { .. } => (OVER_REQUEST_LIMIT, Some(Refusal::Request)),
            ReserveRefused::Fenced => ("taken_over", None),
            ReserveRefused::PriceVersion | ReserveRefused::Unavailable(_) => ("ledger_unavailable", None),
        };
        count_refusal(refused.reason());
        tracing::warn!(budget.refused = reason, error = &refused as &dyn Error, "budget refused: {reason}");
        if refusal.is_some() {
            work.spending.refusal = refusal;
        }
        Skipped::NotSent(reason)
    }

    /// Resolves a reservation and returns what it is charged. When the ledger does not answer, the
    /// sweeper charges it in full, and so does the receipt.
    async fn resolve(&self, reservation: Reservation, resolution: Resolution) -> Usd {
        let amount = reservation.amount;
        match self.parts.ledger.resolve(reservation, resolution, self.now()).await {
            Ok(resolved) => resolved.charged,
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "ledger.resolve failed");
                amount
            }
        }
    }

    /// The time that one paid call may take now; `None` when too little is left.
    fn time_for_step(&self, work: &Work<'_>) -> Option<Duration> {
        let limits = &self.parts.policy.limits;
        let left = self.time_left(work);
        let for_step = left.saturating_sub(Duration::from_millis(limits.margin_ms));
        let step = for_step.min(Duration::from_millis(limits.step_ms));
        (step >= MIN_STEP.min(Duration::from_millis(limits.step_ms))).then_some(step)
    }

    fn is_open(&self, api: &ApiModel) -> bool {
        let now = self.now();
        self.with_breaker(api, |breaker, _| breaker.is_open(now))
    }

    fn admits(&self, api: &ApiModel) -> bool {
        let now = self.now();
        self.with_breaker(api, |breaker, rules| breaker.admits(rules, now))
    }

    fn note_health(&self, api: &ApiModel, result: &Result<Completion, ProviderFailure>) {
        let now: Timestamp = self.now();
        self.with_breaker(api, |breaker, rules| match result {
            Err(failure) if failure.is_outage() => breaker.failed(rules, now),
            Ok(_) | Err(_) => breaker.succeeded(),
        });
    }

    fn with_breaker<T>(
        &self,
        api: &ApiModel,
        change: impl FnOnce(&mut farthing_domain::breaker::Breaker, &farthing_domain::breaker::BreakerRules) -> T,
    ) -> T {
        let rules = self.breaker_rules();
        let mut breakers = self.breakers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(breakers.entry(api.provider.clone()).or_default(), &rules)
    }
}

fn count_refusal(reason: &'static str) {
    ::metrics::counter!(metrics::BUDGET_REFUSED, metrics::REASON => reason).increment(1);
}

fn posted(api: &ApiModel, input_tokens: u64, output_tokens: u64) -> Resolution {
    Resolution::Posted { actual: api.price.cost(input_tokens, output_tokens), input_tokens, output_tokens }
}
