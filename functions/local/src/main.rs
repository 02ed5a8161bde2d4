//! Farthing on a laptop.

use clap::Parser;

/// Gives memory back that building the models needed; the system's allocator keeps up to half as much again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    farthing_local::run(farthing_local::Cli::parse()).await
}
