//! Sweepers, besides those that gateways run when money is short.

use std::sync::Arc;
use std::time::Duration;

use farthing_gateway::sweep::Sweep;

use crate::process::{Life, SkewedClock, open_ledger};
use crate::world::Sim;

/// Sweeps at `at_ms` from the start, as a process of its own.
pub(crate) async fn sweep_at(sim: Arc<Sim>, at_ms: u64) {
    tokio::time::sleep(Duration::from_millis(at_ms)).await;
    sweep(&sim).await;
}

/// Sweeps once.
pub(crate) async fn sweep(sim: &Arc<Sim>) {
    let life = Life::new(sim, "sweeper");
    sim.note(&life.name, "sweeps");
    let (_, ledger) = open_ledger(sim, &life);
    let sweep = Sweep { ledger: Arc::new(ledger), clock: Arc::new(SkewedClock::new(sim, &life)) };
    let (done, is_done) = tokio::sync::oneshot::channel();
    life.spawn(async move {
        // A sweep that fails is made again by the next sweeper.
        let _ = done.send(sweep.run().await.is_ok());
    });
    let _ = is_done.await;
}
