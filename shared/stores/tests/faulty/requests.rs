//! What tests of the ledger ask it.

use std::time::Duration;

use farthing_domain::ids::{ModelId, ProviderId, RequestId, Tenant};
use farthing_domain::ledger::{Claim, ClaimRequest, ReserveRequest};
use farthing_domain::money::Usd;
use farthing_domain::time::Timestamp;

/// 2026-11-30, 23:15.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_796_080_500_000);
pub(crate) const CENT: Usd = Usd::from_nanos(10_000_000);

/// The claim on a key that may cost five cents, with a lease of 33 s.
pub(crate) fn claim_request() -> ClaimRequest {
    let claim = Claim {
        tenant: Tenant::parse("tenant").unwrap(),
        key_hash: "0".repeat(64),
        owner: RequestId::parse(&"A".repeat(26)).unwrap(),
        lease: NOW.plus(Duration::from_secs(33)),
    };
    ClaimRequest { claim, envelope: Usd::from_nanos(5 * CENT.nanos()), payload_hash: [1; 32], now: NOW }
}

/// A reservation of two cents.
pub(crate) fn reserve_request(claim: &Claim, attempt: u32) -> ReserveRequest {
    ReserveRequest {
        claim: claim.clone(),
        attempt,
        amount: Usd::from_nanos(2 * CENT.nanos()),
        provider: ProviderId::parse("provider").unwrap(),
        model: ModelId::parse("model").unwrap(),
        month: NOW.month(),
        now: NOW,
    }
}
