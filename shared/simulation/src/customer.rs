//! Customers: they ask, lose patience, and ask again.

use std::sync::Arc;
use std::time::Duration;

use farthing_domain::ledger::StoredReply;

use crate::plan::Customer;
use crate::world::Sim;

/// A reply, as a caller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// Whether the same request may succeed later.
    pub(crate) is_retryable: bool,
}

impl Reply {
    pub(crate) const fn of(status: u16, body: String, is_retryable: bool) -> Self {
        Self { status, body, is_retryable }
    }
}

impl From<StoredReply> for Reply {
    fn from(stored: StoredReply) -> Self {
        Self::of(stored.status, String::from_utf8_lossy(&stored.body).into_owned(), false)
    }
}

impl From<Reply> for StoredReply {
    fn from(reply: Reply) -> Self {
        Self { status: reply.status, body: reply.body.into_bytes() }
    }
}

/// One customer's whole life: tries until there is a final reply, or no patience left.
pub(crate) async fn live(sim: Arc<Sim>, customer: Customer) {
    tokio::time::sleep(Duration::from_millis(customer.at_ms)).await;
    for _ in 0..customer.tries {
        let process = sim.process().await;
        let asked = process.invoke(&sim, &customer);
        let patience = Duration::from_millis(customer.patience_ms);
        if let Ok(Some(reply)) = tokio::time::timeout(patience, asked).await {
            if !reply.is_retryable {
                return;
            }
            tokio::time::sleep(sim.chance.millis(100, 4_000)).await;
        }
        tokio::time::sleep(sim.chance.millis(0, 500)).await;
    }
}
