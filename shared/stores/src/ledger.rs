//! The ledger on DynamoDB.
//!
//! Money is whole nano-dollars throughout. Every rule that guards it is a condition of the write
//! that it guards, so that it holds whatever else is under way.

mod audit;
mod budget;
mod claims;
mod month;
mod reserve;
mod resolve;
mod rows;
mod sweep;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::ledger::{
    AttemptEntry, Claim, ClaimRefused, ClaimRequest, Finish, LastSweep, LedgerUnavailable, MonthBooks, Reservation,
    ReserveRefused, ReserveRequest, Resolution, Resolved, Swept,
};
use farthing_domain::money::Usd;
use farthing_domain::ports::{Ledger, LedgerAudit};
use farthing_domain::time::{Month, Timestamp};

use crate::table::Table;

/// How a ledger keeps money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerConfig {
    /// The cap of a month that is opened from now on. An open month keeps the cap it has, until
    /// [`DynamoLedger::adopt_budget`].
    pub cap: Usd,
    /// The percentage of the cap at which spending stops, 1 to 100.
    pub stop_percent: u8,
    /// Names the prices that amounts are worked out with. Nothing is reserved while the ledger
    /// goes by others.
    pub price_version: String,
    /// How long after its claim's lease a reservation expires. 60 s unless set otherwise.
    pub expiry_grace: Duration,
    /// How long a resolved attempt is kept. 400 days unless set otherwise.
    pub attempt_retention: Duration,
    /// Spending stops when more than 5 % of what was charged is unknown usage; but not while that
    /// is less than this, so that the first lost reply of a month does not end it. $1 unless set
    /// otherwise.
    pub unknown_allowance: Usd,
    /// How far our clock may be from the service's while money is reserved. 30 s unless set
    /// otherwise.
    pub max_skew: Duration,
}

impl LedgerConfig {
    /// A ledger with this budget and these prices, and the usual times.
    #[must_use]
    pub fn new(cap: Usd, stop_percent: u8, price_version: &str) -> Self {
        Self {
            cap,
            stop_percent,
            price_version: price_version.to_owned(),
            expiry_grace: Duration::from_secs(60),
            attempt_retention: Duration::from_secs(400 * 24 * 3_600),
            unknown_allowance: Usd::from_nanos(1_000_000_000),
            max_skew: Duration::from_secs(30),
        }
    }

    /// The line that reserved and settled money together do not cross.
    fn stop_line(&self) -> Usd {
        self.cap.percent_floor(self.stop_percent.min(100))
    }
}

/// The ledger, in a [`Table`].
///
/// It goes by one set of prices at a time, named by [`LedgerConfig::price_version`]. A process that
/// starts calls [`DynamoLedger::adopt_prices`]; from then on those that still have other prices are
/// refused, and answer without paid models until they end.
#[derive(Debug)]
pub struct DynamoLedger {
    table: Table,
    config: LedgerConfig,
    /// Months that are known to be open in the table.
    opened: Mutex<BTreeSet<Month>>,
}

impl DynamoLedger {
    /// The ledger in `table`.
    #[must_use]
    pub fn new(table: Table, config: LedgerConfig) -> Self {
        Self { table, config, opened: Mutex::default() }
    }

    /// Refuses when `now` is too far from the service's time.
    fn refuse_wrong_clock(&self, now: Timestamp) -> Result<(), LedgerUnavailable> {
        match self.table.server_clock().skew(now) {
            Some(skew) if skew > self.config.max_skew => {
                Err(unavailable(format!("our clock is {} s off", skew.as_secs())))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// An error of the ledger.
fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> LedgerUnavailable {
    LedgerUnavailable(cause.into())
}

#[async_trait]
impl Ledger for DynamoLedger {
    async fn acquire(&self, request: ClaimRequest) -> Result<Claim, ClaimRefused> {
        self.acquire_claim(request).await
    }

    async fn reserve(&self, request: ReserveRequest) -> Result<Reservation, ReserveRefused> {
        self.reserve_attempt(request).await
    }

    async fn resolve(
        &self,
        reservation: Reservation,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<Resolved, LedgerUnavailable> {
        self.resolve_attempt(&reservation, resolution, now).await
    }

    async fn finish(&self, finish: Finish) -> Result<bool, LedgerUnavailable> {
        self.finish_claim(finish).await
    }

    async fn release(&self, claim: &Claim) -> Result<(), LedgerUnavailable> {
        self.release_claim(claim).await
    }

    async fn sweep(&self, month: Month, now: Timestamp) -> Result<Swept, LedgerUnavailable> {
        self.sweep_month(month, now).await
    }

    async fn last_sweep(&self, month: Month) -> Result<Option<LastSweep>, LedgerUnavailable> {
        self.read_last_sweep(month).await
    }

    async fn books(&self, month: Month) -> Result<MonthBooks, LedgerUnavailable> {
        self.read_books(month).await
    }

    async fn set_stopped(&self, month: Month, stopped: bool) -> Result<(), LedgerUnavailable> {
        self.set_state_by_hand(month, stopped).await
    }
}

#[async_trait]
impl LedgerAudit for DynamoLedger {
    async fn attempts(&self, month: Month) -> Result<Vec<AttemptEntry>, LedgerUnavailable> {
        self.scan_attempts(month).await
    }
}
