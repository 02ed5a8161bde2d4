//! The Lambda function of the weekly run.

use farthing_bootstrap::{lambda, wiring};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = lambda::config()?;
    let optimize = wiring::optimize(&config).await?;
    lambda::run_scheduled(|| farthing_optimize::handle(&optimize)).await
}
