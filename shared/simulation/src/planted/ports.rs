//! Bugs between the gateway and its ports.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::ids::ProviderId;
use farthing_domain::ledger::{
    Claim, ClaimRefused, ClaimRequest, Finish, LastSweep, LedgerUnavailable, MonthBooks, Reservation, ReserveRefused,
    ReserveRequest, Resolution, Resolved, Swept,
};
use farthing_domain::money::Usd;
use farthing_domain::ports::{Charge, Completion, CompletionRequest, Ledger, PreparedCall, Provider, ProviderFailure};
use farthing_domain::time::{Month, Timestamp};

use super::Bug;
use crate::process::HANDLER_LIMIT;
use crate::world::Sim;

/// A ledger whose caller, or author, got one thing wrong.
pub(super) struct BuggyLedger {
    pub(super) bug: Bug,
    pub(super) sim: Arc<Sim>,
    pub(super) inner: Arc<dyn Ledger>,
}

impl BuggyLedger {
    fn lease(&self, request: &ClaimRequest) -> Timestamp {
        match (self.bug, self.sim.invoked(&request.claim.owner)) {
            (Bug::LeaseTooShort, _) => request.now.plus(Duration::from_secs(4)),
            (Bug::DeadlineFromWorkStart, Some(invoked)) => invoked.plus(HANDLER_LIMIT + Duration::from_secs(3)),
            _ => request.claim.lease,
        }
    }
}

fn as_asked(request: &ReserveRequest) -> Reservation {
    let ReserveRequest { claim, attempt, amount, month, .. } = request.clone();
    Reservation { claim, attempt, amount, month }
}

#[async_trait]
impl Ledger for BuggyLedger {
    async fn acquire(&self, mut request: ClaimRequest) -> Result<Claim, ClaimRefused> {
        request.claim.lease = self.lease(&request);
        self.inner.acquire(request).await
    }

    async fn reserve(&self, request: ReserveRequest) -> Result<Reservation, ReserveRefused> {
        if self.bug == Bug::CheckThenAct && self.inner.books(request.month).await?.available < request.amount {
            return Err(ReserveRefused::InFlight);
        }
        match (self.bug, self.inner.reserve(request.clone()).await) {
            (Bug::SendOnAmbiguousReserve, Err(ReserveRefused::Unavailable(_))) => Ok(as_asked(&request)),
            (Bug::ReservationCappedToHeadRoom, Err(ReserveRefused::Exhausted | ReserveRefused::InFlight)) => {
                let amount = self.inner.books(request.month).await?.available;
                if amount <= Usd::ZERO {
                    return Err(ReserveRefused::Exhausted);
                }
                self.inner.reserve(ReserveRequest { amount, ..request }).await
            }
            (_, reserved) => reserved,
        }
    }

    async fn resolve(
        &self,
        reservation: Reservation,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<Resolved, LedgerUnavailable> {
        let is_forgiven = self.bug == Bug::VoidOnTimeout && resolution == Resolution::PostedUnknown;
        let resolution = if is_forgiven { Resolution::Voided } else { resolution };
        self.inner.resolve(reservation, resolution, now).await
    }

    async fn finish(&self, finish: Finish) -> Result<bool, LedgerUnavailable> {
        self.inner.finish(finish).await
    }

    async fn release(&self, claim: &Claim) -> Result<(), LedgerUnavailable> {
        self.inner.release(claim).await
    }

    async fn sweep(&self, month: Month, now: Timestamp) -> Result<Swept, LedgerUnavailable> {
        self.inner.sweep(month, now).await
    }

    async fn last_sweep(&self, month: Month) -> Result<Option<LastSweep>, LedgerUnavailable> {
        self.inner.last_sweep(month).await
    }

    async fn books(&self, month: Month) -> Result<MonthBooks, LedgerUnavailable> {
        self.inner.books(month).await
    }

    async fn set_stopped(&self, month: Month, stopped: bool) -> Result<(), LedgerUnavailable> {
        self.inner.set_stopped(month, stopped).await
    }
}

/// A provider that is sent a call again when nothing is known of the first.
pub(super) struct SendsTwice(pub(super) Arc<dyn Provider>);

#[async_trait]
impl Provider for SendsTwice {
    fn id(&self) -> &ProviderId {
        self.0.id()
    }

    fn encode(&self, request: &CompletionRequest) -> PreparedCall {
        self.0.encode(request)
    }

    async fn send(&self, call: PreparedCall, limit: Duration) -> Result<Completion, ProviderFailure> {
        match self.0.send(call.clone(), limit).await {
            Err(failure) if failure.charge() == Charge::Unknown => self.0.send(call, limit).await,
            sent => sent,
        }
    }
}
