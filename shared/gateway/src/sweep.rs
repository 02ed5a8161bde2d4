//! The use case that charges what nobody resolved, and tells how the month's money stands.

use std::sync::Arc;
use std::time::Duration;

use farthing_domain::ledger::{LastSweep, LedgerUnavailable, MonthBooks, Swept};
use farthing_domain::metrics;
use farthing_domain::ports::{Clock, Ledger};
use farthing_domain::time::{Month, Timestamp};

/// The longest that a month may get reservations after its end: a request that reads the time in
/// its last moment, on a clock that is slow, with a store that makes it wait.
const STRAGGLERS: Duration = Duration::from_secs(300);

/// The use case that sweeps the ledger. It needs nothing but the ledger and the time, so that it
/// goes on when everything else does not.
pub struct Sweep {
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What a sweep of the ledger did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepReport {
    /// The time it went by.
    pub at: Timestamp,
    /// The months that were swept, the later one last, each with what was done.
    pub months: Vec<(Month, Swept)>,
    /// The books of this month afterwards.
    pub books: MonthBooks,
}

impl SweepReport {
    /// How long the oldest reservation that was found pending was past its expiry; none when no
    /// reservation was.
    #[must_use]
    pub fn longest_overdue(&self) -> Duration {
        let oldest = self.months.iter().filter_map(|(_, swept)| swept.oldest).min();
        oldest.map_or(Duration::ZERO, |oldest| self.at.since(oldest))
    }
}

impl Sweep {
    /// Sweeps this month, and the one before while reservations may be left there; then tells
    /// metrics how the money stands.
    ///
    /// # Errors
    /// [`LedgerUnavailable`] when a month was not swept, after the other one was tried. Then no
    /// gauge is told: no figure is better than an old one.
    pub async fn run(&self) -> Result<SweepReport, LedgerUnavailable> {
        let at = self.clock.now();
        let (before, current) = (month_before(at.month()), at.month());
        let first = self.sweep_unless_finished(before, at).await;
        let second = self.ledger.sweep(current, at).await;
        let months = [first?.map(|swept| (before, swept)), Some((current, second?))].into_iter().flatten().collect();
        let report = SweepReport { at, months, books: self.ledger.books(current).await? };
        tell(&report);
        Ok(report)
    }

    async fn sweep_unless_finished(&self, month: Month, now: Timestamp) -> Result<Option<Swept>, LedgerUnavailable> {
        let last = self.ledger.last_sweep(month).await?;
        if last.is_some_and(|last| is_finished(month, &last)) {
            return Ok(None);
        }
        self.ledger.sweep(month, now).await.map(Some)
    }
}

fn month_before(month: Month) -> Month {
    month.start().minus(Duration::from_millis(1)).month()
}

/// Whether nothing can be left to sweep in `month`.
fn is_finished(month: Month, last: &LastSweep) -> bool {
    last.swept.pending == 0 && last.at > month.resets_at().plus(STRAGGLERS)
}

fn tell(report: &SweepReport) {
    ::metrics::gauge!(metrics::BUDGET_AVAILABLE).set(report.books.available.nanos() as f64);
    ::metrics::gauge!(metrics::PENDING_AGE_MAX).set(report.longest_overdue().as_secs_f64());
}

#[cfg(test)]
mod tests;
