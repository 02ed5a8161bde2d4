//! The Lambda function that says who may call which route.

use farthing_bootstrap::{lambda, wiring};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = lambda::config()?;
    let authorize = wiring::authorizer(&config).await?;
    let authorize = &authorize;
    lambda::run_authorizer(|event| async move { farthing_authorize::handle(authorize, &event).await }).await
}
