//! Chooses: reads the environment and the owner's files, and wires the parts together.
//!
//! Nothing else in the workspace reads the environment, the clock or randomness.

pub mod clock;
pub mod config;
pub mod files;
#[cfg(feature = "test-hooks")]
mod hooks;
pub mod lambda;
pub mod telemetry;
pub mod wiring;
