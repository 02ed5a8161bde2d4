//! The Lambda function that tells how models and budget stand.

use farthing_bootstrap::{lambda, wiring};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = lambda::config()?;
    let (status, ids) = wiring::status(&config).await?;
    lambda::run(|call| farthing_status::handle(&status, ids.as_ref(), call)).await
}
