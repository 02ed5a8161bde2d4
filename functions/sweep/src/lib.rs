//! Charges reservations that nobody resolved, on a schedule of its own.
//!
//! It needs the ledger and nothing else: it goes on while requests are throttled, models are broken
//! or providers' keys are gone.

use farthing_domain::ledger::LedgerUnavailable;
use farthing_gateway::sweep::{Sweep, SweepReport};
use serde_json::{Value, json};

/// Sweeps once. What the event holds is of no interest; the report is the invocation's result.
///
/// # Errors
/// [`LedgerUnavailable`] when not everything was swept; the next event tries again.
pub async fn handle(sweep: &Sweep) -> Result<Value, LedgerUnavailable> {
    sweep.run().await.map(|report| report_json(&report))
}

fn report_json(report: &SweepReport) -> Value {
    let months = report.months.iter().map(|(month, swept)| {
        json!({
            "month": month.to_string(),
            "expired": swept.expired,
            "chargedUsd": swept.charged.as_dollars(),
            "pending": swept.pending,
        })
    });
    json!({
        "at": report.at.to_string(),
        "months": months.collect::<Vec<_>>(),
        "longestOverdueS": report.longest_overdue().as_secs(),
        "availableUsd": report.books.available.as_dollars(),
        "state": report.books.state.as_str(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use farthing_bootstrap::clock::SystemClock;
    use farthing_domain::money::Usd;
    use farthing_testkit::ledger_suite::OracleLedger;

    use super::*;

    #[tokio::test]
    async fn the_report_tells_what_was_swept_and_what_is_left() {
        let ledger = Arc::new(OracleLedger::new(Usd::from_nanos(200_000_000_000), 95));
        let report = handle(&Sweep { ledger, clock: Arc::new(SystemClock) }).await.unwrap();
        assert_eq!(report["months"].as_array().map(Vec::len), Some(2), "{report}");
        for month in report["months"].as_array().into_iter().flatten() {
            let figures = [&month["expired"], &month["pending"]];
            assert_eq!((figures, &month["chargedUsd"]), ([&json!(0), &json!(0)], &json!(0.0)), "{report}");
        }
        let state = [&report["availableUsd"], &report["longestOverdueS"], &report["state"]];
        assert_eq!(state, [&json!(190.0), &json!(0), &json!("open")], "{report}");
    }
}
