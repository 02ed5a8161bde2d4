//! The conformance suite of the ledger port.
//!
//! A case is a script: one step a line, with what must come of it. Every implementation runs the
//! same scripts, the same races, and random scripts beside [`OracleLedger`]. After every step the
//! books must balance.

mod cases;
mod oracle;
mod race;
mod random;
mod script;
mod step;

use std::sync::Arc;

use farthing_domain::money::Usd;
use farthing_domain::ports::Ledger;

pub use cases::{CASES, Case};
pub use oracle::OracleLedger;
pub use race::{
    a_reservation_resolves_once_under_a_race, admission_is_exact_under_a_race, sweepers_at_once_charge_once,
};
pub use random::{SCRIPT_STEPS, agrees_with_the_oracle};
pub use script::play;

/// Plays every case on a fresh ledger each, which `make` opens with a cap and a stop percentage.
///
/// # Panics
/// When the ledger does not keep the port's guarantees.
pub async fn run_cases(make: impl AsyncFn(Usd, u8) -> Arc<dyn Ledger>) {
    for case in CASES {
        case.check(&make).await;
    }
}

/// Runs cases and races; random scripts are apart, in [`agrees_with_the_oracle`], since they need a
/// runtime of their own.
///
/// # Panics
/// When the ledger does not keep the port's guarantees.
pub async fn run_all(make: impl AsyncFn(Usd, u8) -> Arc<dyn Ledger>) {
    run_cases(&make).await;
    for _ in 0..5 {
        admission_is_exact_under_a_race(&make).await;
        a_reservation_resolves_once_under_a_race(&make).await;
        sweepers_at_once_charge_once(&make).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn oracle(cap: Usd, stop_percent: u8) -> Arc<dyn Ledger> {
        Arc::new(OracleLedger::new(cap, stop_percent))
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn the_oracle_is_a_ledger() {
        run_all(oracle).await;
    }
}
