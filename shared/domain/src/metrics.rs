//! The names of the metrics, which alarms and dashboards go by. They do not change.

/// Gauge, nano-dollars: what may still be reserved this month. Told after every sweep.
pub const BUDGET_AVAILABLE: &str = "budget.avail_nusd";

/// Counter: paid calls that were not sent because of money, under the label [`REASON`]:
///
/// | Reason | Meaning |
/// |---|---|
/// | `exhausted` | the month's money is spent |
/// | `stopped` | spending is stopped |
/// | `in_flight` | the month's remaining money is reserved by others |
/// | `request_limit` | the request's own limit does not cover the call |
/// | `price_version` | this process has other prices than the ledger |
/// | `fenced` | another invocation has taken the request over |
/// | `unavailable` | the ledger cannot be reached, or it is not known what it did |
pub const BUDGET_REFUSED: &str = "budget.refused";

/// The label of [`BUDGET_REFUSED`] and [`AUTH_REFUSED`].
pub const REASON: &str = "reason";

/// Counter: calls that were not let in, under the label [`REASON`]: the names of
/// [`Refusal`](crate::auth::Refusal), or `unavailable` when it is not known whether the key is good.
pub const AUTH_REFUSED: &str = "auth.refused";

/// Counter: replies of the table which say that a write met another transaction. It is repeated
/// a few times.
pub const TX_CONFLICT: &str = "ledger.tx_conflict";

/// Counter: sends of a transaction after which it is not known whether it was done: a lost reply,
/// a timeout, an error of the service. Each such reply counts, also of a repeat.
pub const TX_AMBIGUOUS: &str = "ledger.tx_ambiguous";

/// Counter: reservations that expired and were charged in full by a sweep.
pub const EXPIRED_POSTED: &str = "ledger.expired_posted";

/// Counter: results that arrived after their reservation had expired and corrected its charge.
pub const LATE_CORRECTIONS: &str = "ledger.late_corrections";

/// Counter: charges above their reservation. Each stops the month.
pub const OVERAGE: &str = "ledger.overage";

/// Gauge, seconds: how long the oldest reservation that the sweep found pending was past its
/// expiry; 0 when none was. Told after every sweep that completed, and by nothing else.
///
/// With a sweep every five minutes it stays below 300. Above 900, sweeps were missed. No figure at
/// all means that no sweep completes: an alarm has to take missing data as breaching.
pub const PENDING_AGE_MAX: &str = "sweep.pending_age_max_s";

/// The counters.
pub const COUNTERS: [&str; 7] =
    [BUDGET_REFUSED, AUTH_REFUSED, TX_CONFLICT, TX_AMBIGUOUS, EXPIRED_POSTED, LATE_CORRECTIONS, OVERAGE];

/// The gauges.
pub const GAUGES: [&str; 2] = [BUDGET_AVAILABLE, PENDING_AGE_MAX];
