//! Farthing on a laptop.

use clap::Parser;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    farthing_local::run(farthing_local::Cli::parse()).await
}
