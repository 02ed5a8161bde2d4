//! The Lambda function that answers requests.

use farthing_bootstrap::{lambda, wiring};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = lambda::config()?;
    let parts = wiring::inference(&config).await?;
    let inference =
        farthing_inference::Inference { answering: parts.answering, defaults: parts.defaults, ids: parts.ids };
    lambda::run(|call| farthing_inference::handle(&inference, call)).await
}
