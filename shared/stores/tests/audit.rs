//! Every attempt can be read back, and the month's books are those of its rows.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::time::Duration;

use farthing_domain::ids::{ModelId, ProviderId, RequestId, Tenant};
use farthing_domain::ledger::{AttemptState, Claim, ClaimRequest, Reservation, ReserveRequest, Resolution};
use farthing_domain::money::Usd;
use farthing_domain::ports::{Ledger, LedgerAudit};
use farthing_domain::time::Timestamp;
use farthing_embedded::EmbeddedDynamo;
use farthing_stores::{DynamoLedger, LedgerConfig, Table};

/// 2026-11-30, 23:15.
const NOW: Timestamp = Timestamp::from_millis(1_796_080_500_000);
const MILLS: [i64; 6] = [10, 11, 12, 13, 14, 15];

/// Reserves one cent and more for each attempt, in the month of `now`.
async fn reserve(ledger: &DynamoLedger, key: u8, now: Timestamp) -> Vec<Reservation> {
    let claim = Claim {
        tenant: Tenant::parse("tenant").unwrap(),
        key_hash: format!("{key:064x}"),
        owner: RequestId::parse(&"A".repeat(26)).unwrap(),
        lease: now.plus(Duration::from_secs(33)),
    };
    let envelope = Usd::from_nanos(1_000_000_000);
    ledger.acquire(ClaimRequest { claim: claim.clone(), envelope, payload_hash: [1; 32], now }).await.unwrap();
    let mut reservations = Vec::new();
    for (attempt, mills) in (0..).zip(MILLS) {
        let request = ReserveRequest {
            claim: claim.clone(),
            attempt,
            amount: Usd::from_nanos(mills * 1_000_000),
            provider: ProviderId::parse("provider").unwrap(),
            model: ModelId::parse(&format!("model-{attempt}")).unwrap(),
            month: now.month(),
            now,
        };
        reservations.push(ledger.reserve(request).await.unwrap());
    }
    reservations
}

#[tokio::test]
async fn rows_of_every_state_are_read_and_add_up_to_the_books() {
    let table = Table::over(EmbeddedDynamo::in_memory().unwrap(), "farthing");
    table.create_if_missing().await.unwrap();
    let ledger = DynamoLedger::new(table, LedgerConfig::new(Usd::from_nanos(1_000_000_000), 95, "1"));
    let posted = |mills: i64| Resolution::Posted {
        actual: Usd::from_nanos(mills * 1_000_000),
        input_tokens: 7,
        output_tokens: 3,
    };
    let reserved = reserve(&ledger, 1, NOW).await;
    let resolve = async |attempt: usize, resolution, now| {
        ledger.resolve(reserved[attempt].clone(), resolution, now).await.unwrap();
    };
    resolve(0, posted(4), NOW).await;
    resolve(1, Resolution::PostedUnknown, NOW).await;
    resolve(2, Resolution::Voided, NOW).await;
    let after = NOW.plus(Duration::from_secs(600));
    ledger.sweep(NOW.month(), after).await.unwrap();
    resolve(3, posted(5), after).await;
    // Another month, which is not asked for.
    reserve(&ledger, 2, NOW.month().resets_at()).await;

    let mut entries = ledger.attempts(NOW.month()).await.unwrap();
    entries.sort_by(|one, other| one.model.cmp(&other.model));
    let found: Vec<_> = entries
        .iter()
        .map(|entry| (entry.state, entry.reserved.nanos() / 1_000_000, entry.charged.nanos() / 1_000_000, entry.usage))
        .collect();
    use AttemptState::{Expired, Late, Posted, PostedUnknown, Voided};
    assert_eq!(
        found,
        [
            (Posted, 10, 4, Some((7, 3))),
            (PostedUnknown, 11, 11, None),
            (Voided, 12, 0, None),
            (Late, 13, 5, Some((7, 3))),
            (Expired, 14, 14, None),
            (Expired, 15, 15, None),
        ]
    );
    let books = ledger.books(NOW.month()).await.unwrap();
    assert_eq!(books.settled, entries.iter().map(|entry| entry.charged).sum());
    let december = ledger.attempts(NOW.month().next()).await.unwrap();
    assert!(december.iter().all(|entry| entry.state == AttemptState::Pending && entry.charged == Usd::ZERO));
    let books = ledger.books(NOW.month().next()).await.unwrap();
    assert_eq!((december.len(), books.reserved), (6, december.iter().map(|entry| entry.reserved).sum()));
}
