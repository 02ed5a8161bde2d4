//! Which calls are made again, how often, and after which waits.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

#[expect(dead_code, reason = "the other tests use more of it")]
mod faulty;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use farthing_domain::ledger::{ReserveRequest, Resolution};
use farthing_domain::money::Usd;
use farthing_domain::ports::Ledger as _;
use farthing_embedded::EmbeddedDynamo;
use farthing_stores::{DynamoLedger, LedgerConfig, Table};

use faulty::requests::{CENT, NOW, claim_request, reserve_request};
use faulty::{Fault, Faulty};

/// A ledger that does not wait, but remembers how long it might have waited.
struct Lab {
    dynamo: Faulty,
    ledger: DynamoLedger,
    waits: Arc<Mutex<Vec<u64>>>,
}

impl Lab {
    async fn new() -> Self {
        let dynamo = Faulty::new(EmbeddedDynamo::in_memory().unwrap());
        let waits = Arc::new(Mutex::new(Vec::new()));
        let remembered = Arc::clone(&waits);
        let table = Table::over(dynamo.clone(), "farthing").with_jitter(move |most| {
            remembered.lock().unwrap().push(u64::try_from(most.as_millis()).unwrap());
            Duration::ZERO
        });
        table.create_if_missing().await.unwrap();
        let ledger = DynamoLedger::new(table, LedgerConfig::new(Usd::from_nanos(100 * CENT.nanos()), 95, "1"));
        ledger.set_stopped(NOW.month(), false).await.unwrap();
        Self { dynamo, ledger, waits }
    }

    async fn claim(&self) -> bool {
        self.ledger.acquire(claim_request()).await.is_ok()
    }

    fn waits(&self) -> Vec<u64> {
        std::mem::take(&mut self.waits.lock().unwrap())
    }
}

/// A reservation of one cent, so that three of them fit the key.
fn one_cent(attempt: u32) -> ReserveRequest {
    ReserveRequest { amount: CENT, ..reserve_request(&claim_request().claim, attempt) }
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_again_and_what_does_not_is_not() {
    let lab = Lab::new().await;
    let passing = [
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    ];
    for code in passing {
        // More often than a call of which nothing is known.
        lab.dynamo.plan(&[Fault::Refused(code); 3]);
        assert!(lab.claim().await, "{code}");
        lab.dynamo.plan(&[Fault::Refused(code); 3]);
        assert!(lab.ledger.reserve(one_cent(0)).await.is_ok(), "{code}");
        assert_eq!(lab.dynamo.left(), 0);
    }
    for code in ["ValidationException", "AccessDeniedException", "ResourceNotFoundException"] {
        lab.dynamo.plan(&[Fault::Refused(code), Fault::Busy]);
        assert!(!lab.claim().await, "{code}");
        assert_eq!(lab.dynamo.left(), 1, "{code} was tried again");
        assert!(lab.claim().await);
        lab.dynamo.plan(&[Fault::Refused(code), Fault::Busy]);
        assert!(lab.ledger.reserve(one_cent(7)).await.is_err(), "{code}");
        assert_eq!(lab.dynamo.left(), 1, "{code} was tried again");
        assert!(lab.claim().await);
    }
}

#[tokio::test]
async fn a_cancelled_transaction_is_tried_again_when_its_reason_passes() {
    let lab = Lab::new().await;
    assert!(lab.claim().await);
    for (attempt, code) in (0..).zip(["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]) {
        lab.dynamo.plan(&[Fault::Cancelled(code); 3]);
        assert!(lab.ledger.reserve(one_cent(attempt)).await.is_ok(), "{code}");
        assert_eq!(lab.dynamo.left(), 0);
    }
    for code in ["ValidationError", "ItemCollectionSizeLimitExceeded"] {
        lab.dynamo.plan(&[Fault::Cancelled(code), Fault::Busy]);
        assert!(lab.ledger.reserve(one_cent(7)).await.is_err(), "{code}");
        assert_eq!(lab.dynamo.left(), 1, "{code} was tried again");
        assert!(lab.claim().await);
    }
}

#[tokio::test]
async fn waits_double_up_to_a_limit() {
    let lab = Lab::new().await;
    assert!(lab.claim().await);
    assert!(lab.waits().is_empty(), "what is done at once waits for nothing");
    lab.dynamo.plan(&[Fault::Busy; 5]);
    assert!(lab.claim().await);
    assert_eq!(lab.waits(), [10, 20, 40, 80, 160]);
    lab.dynamo.plan(&[Fault::Busy; 6]);
    assert!(!lab.claim().await);
    assert_eq!(lab.waits(), [10, 20, 40, 80, 160]);
    lab.dynamo.plan(&[Fault::LostReply, Fault::LostReply]);
    assert!(!lab.claim().await, "what nothing is heard of is tried twice");
    assert_eq!(lab.waits(), [10]);
}

#[tokio::test]
async fn a_resolution_is_tried_more_often_than_a_reservation() {
    let lab = Lab::new().await;
    assert!(lab.claim().await);
    lab.dynamo.plan(&[Fault::Conflict; 6]);
    assert!(lab.ledger.reserve(one_cent(0)).await.is_err());
    let reservation = lab.ledger.reserve(one_cent(1)).await.unwrap();
    lab.waits();
    lab.dynamo.plan(&[Fault::Conflict; 13]);
    assert!(lab.ledger.resolve(reservation.clone(), Resolution::Voided, NOW).await.is_err());
    assert_eq!((lab.dynamo.left(), lab.waits().len()), (0, 12));
    lab.dynamo.plan(&[Fault::Conflict; 12]);
    assert!(lab.ledger.resolve(reservation, Resolution::Voided, NOW).await.is_ok());
}
