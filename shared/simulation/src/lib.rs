//! Deterministic simulation of the real ledger and gateway under faults.
//!
//! One seed is one world: a few processes that run the real use case on the real ledger, customers
//! who repeat themselves, providers that keep their own meter, sweepers, and a network that loses,
//! delays and refuses. The database is the strict model of `farthing-testkit`, the time is tokio's
//! paused clock, and every choice is drawn from the seed: the same seed gives the same world, step
//! by step. After every write the books are checked against the invariants in [`monitor`].

pub mod campaign;
mod chance;
mod customer;
pub mod monitor;
mod network;
mod parts;
pub mod plan;
pub mod planted;
mod process;
mod provider;
mod seen;
mod sweeper;
mod trace;

mod weekly;
mod wire;
pub mod world;

pub use campaign::{Campaign, Found, Tally};
pub use monitor::Violation;
pub use planted::Bug;
pub use seen::Seen;
pub use world::{Ended, Options, run};
