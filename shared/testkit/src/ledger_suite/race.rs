//! Races: many tasks at once, on a runtime of several threads.

use std::sync::Arc;

use farthing_domain::ids::{ModelId, ProviderId, RequestId, Tenant};
use farthing_domain::ledger::{
    Claim, ClaimRequest, MonthState, Reservation, ReserveRefused, ReserveRequest, Resolution, Resolved,
};
use farthing_domain::money::Usd;
use farthing_domain::ports::Ledger;
use farthing_domain::time::Timestamp;
use futures::future::join_all;

const NOW: Timestamp = Timestamp::from_millis(1_796_080_500_000);
const HALF_A_CENT: Usd = Usd::from_nanos(5_000_000);
const REQUESTS: u32 = 200;
const SLOTS: u32 = 10;

/// Two hundred requests at once for the money of ten: ten get it, whoever comes first.
///
/// # Panics
/// When it is not exactly ten, or the books say otherwise.
pub async fn admission_is_exact_under_a_race(make: &impl AsyncFn(Usd, u8) -> Arc<dyn Ledger>) {
    let ledger = make(Usd::from_nanos(HALF_A_CENT.nanos() * i64::from(SLOTS)), 100).await;
    let tasks = (0..REQUESTS).map(|number| {
        let ledger = Arc::clone(&ledger);
        tokio::spawn(async move { reserve(ledger.as_ref(), number, 0).await })
    });
    let mut admitted = Vec::new();
    for done in join_all(tasks).await {
        match done.unwrap_or_else(|error| panic!("{error}")) {
            Ok(reservation) => admitted.push(reservation),
            Err(ReserveRefused::InFlight) => {}
            Err(error) => panic!("refused for another reason: {error}"),
        }
    }
    assert_eq!(admitted.len(), SLOTS as usize, "admitted");
    let books = ledger.books(NOW.month()).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((books.available, books.state), (Usd::ZERO, MonthState::Open));
    assert_eq!(books.reserved, books.cap);

    // What one gives back is there for exactly one other.
    let first = admitted.swap_remove(0);
    let voided = ledger.resolve(first, Resolution::Voided, NOW).await;
    assert!(voided.is_ok(), "{voided:?}");
    let tasks = (0..REQUESTS).map(|number| {
        let ledger = Arc::clone(&ledger);
        tokio::spawn(async move { reserve(ledger.as_ref(), REQUESTS + number, 0).await })
    });
    let again = join_all(tasks).await.into_iter().filter(|done| matches!(done, Ok(Ok(_)))).count();
    assert_eq!(again, 1, "admitted after one was voided");
}

/// A result that arrives many times at once, while the sweeper runs, is charged once.
///
/// # Panics
/// When the deliveries disagree, or the books say otherwise.
pub async fn a_reservation_resolves_once_under_a_race(make: &impl AsyncFn(Usd, u8) -> Arc<dyn Ledger>) {
    const DELIVERIES: u32 = 16;
    let ledger = make(Usd::from_nanos(1_000_000_000), 100).await;
    let reservation = reserve(ledger.as_ref(), 1, 0).await.unwrap_or_else(|error| panic!("{error}"));
    let late = Timestamp::from_millis(NOW.millis() + 600_000);
    let tasks = (0..DELIVERIES).map(|delivery| {
        let (ledger, reservation) = (Arc::clone(&ledger), reservation.clone());
        tokio::spawn(async move {
            if delivery % 4 == 3 {
                let swept = ledger.sweep(NOW.month(), late).await;
                return swept.map(|_| None);
            }
            let actual = Usd::from_nanos(1_000_000 + i64::from(delivery));
            let posted = Resolution::Posted { actual, input_tokens: 1, output_tokens: 1 };
            ledger.resolve(reservation, posted, late).await.map(Some)
        })
    });
    let mut charges: Vec<Resolved> = Vec::new();
    for done in join_all(tasks).await {
        let done = done.unwrap_or_else(|error| panic!("{error}")).unwrap_or_else(|error| panic!("{error}"));
        charges.extend(done);
    }
    let first = charges.first().copied().unwrap_or_else(|| panic!("no delivery"));
    assert!(charges.iter().all(|charge| *charge == first), "the deliveries disagree: {charges:?}");
    let books = ledger.books(NOW.month()).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((books.reserved, books.settled, books.unknown), (Usd::ZERO, first.charged, Usd::ZERO));
    assert_eq!(books.available, Usd::from_nanos(books.cap.nanos() - first.charged.nanos()));
}

/// Sweepers that run at once charge each expired reservation once, and say so together.
///
/// # Panics
/// When what they say they charged, or the books, are not what had expired.
pub async fn sweepers_at_once_charge_once(make: &impl AsyncFn(Usd, u8) -> Arc<dyn Ledger>) {
    const SWEEPERS: usize = 4;
    const RESERVATIONS: u32 = 12;
    let ledger = make(Usd::from_nanos(1_000_000_000), 100).await;
    for key in 0..RESERVATIONS {
        let reserved = reserve(ledger.as_ref(), key, 0).await;
        assert!(reserved.is_ok(), "{reserved:?}");
    }
    let late = Timestamp::from_millis(NOW.millis() + 600_000);
    let sweeps = (0..SWEEPERS).map(|_| {
        let ledger = Arc::clone(&ledger);
        tokio::spawn(async move { ledger.sweep(NOW.month(), late).await })
    });
    let mut expired = 0;
    for swept in join_all(sweeps).await {
        let swept = swept.unwrap_or_else(|error| panic!("{error}")).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(swept.pending, 0, "{swept:?}");
        expired += swept.expired;
    }
    assert_eq!(expired, RESERVATIONS, "expired, over all sweepers");
    let books = ledger.books(NOW.month()).await.unwrap_or_else(|error| panic!("{error}"));
    let charged = Usd::from_nanos(HALF_A_CENT.nanos() * i64::from(RESERVATIONS));
    assert_eq!((books.reserved, books.settled, books.unknown), (Usd::ZERO, charged, charged));
}

async fn reserve(ledger: &dyn Ledger, key: u32, attempt: u32) -> Result<Reservation, ReserveRefused> {
    let claim = Claim {
        tenant: Tenant::parse("tenant").unwrap_or_else(|error| panic!("{error}")),
        key_hash: format!("{key:064x}"),
        owner: RequestId::parse(&format!("{key:026}")).unwrap_or_else(|error| panic!("{error}")),
        lease: Timestamp::from_millis(NOW.millis() + 33_000),
    };
    let envelope = Usd::from_nanos(50_000_000);
    let request = ClaimRequest { claim, envelope, payload_hash: [0; 32], now: NOW };
    let claim = ledger.acquire(request).await.unwrap_or_else(|error| panic!("{error}"));
    let provider = ProviderId::parse("provider").unwrap_or_else(|error| panic!("{error}"));
    let model = ModelId::parse("model").unwrap_or_else(|error| panic!("{error}"));
    let (amount, month, now) = (HALF_A_CENT, NOW.month(), NOW);
    ledger.reserve(ReserveRequest { claim, attempt, amount, provider, model, month, now }).await
}
