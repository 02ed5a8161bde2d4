//! The Lambda function that answers requests.

use farthing_bootstrap::{lambda, wiring};

/// Gives memory back that building the models needed; the system's allocator keeps up to half as much again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = lambda::config()?;
    let parts = wiring::inference(&config).await?;
    let inference =
        farthing_inference::Inference { answering: parts.answering, defaults: parts.defaults, ids: parts.ids };
    lambda::run(|call| farthing_inference::handle(&inference, call)).await
}
