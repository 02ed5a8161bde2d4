//! The Lambda function that charges reservations which nobody resolved.

use farthing_bootstrap::{lambda, wiring};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = lambda::config()?;
    let sweep = wiring::sweep(&config).await?;
    lambda::run_scheduled(|| farthing_sweep::handle(&sweep)).await
}
