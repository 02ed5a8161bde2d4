//! The Lambda function that prepares the local models.

use farthing_bootstrap::{lambda, wiring};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = lambda::config()?;
    let (init, ids) = wiring::init(&config).await?;
    lambda::run(|call| farthing_init::handle(&init, ids.as_ref(), call)).await
}
