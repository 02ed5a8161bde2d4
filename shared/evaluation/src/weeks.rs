//! Months of traffic, played week by week through the use case that answers, each week followed by the weekly run.
//!
//! The local models, the policy, the ledger, the outcomes and the weekly run are the real ones. Only the paid providers are
//! played, by an [`Oracle`] that knows which of their answers are right; so the truth stands beside what the validator says.
//! What is outside of this crate, stores and the weekly run, comes through [`Setting`] and [`Premises`].

mod bank;
mod chance;
mod clock;
mod compare;
mod course;
mod events;
mod figures;
mod oracle;
mod plan;
mod played;
mod setting;
mod show;
mod simulation;
mod traffic;

pub use bank::{Bank, BankError, Sources, Topic};
pub use clock::SimulatedClock;
pub use compare::{FixedStage, Summary};
pub use events::{Conditions, Events, Hurt};
pub use figures::WeekFigures;
pub use oracle::Oracle;
pub use plan::{InvalidPlan, Plan};
pub use setting::{Premises, Setting};
pub use simulation::{Simulation, SimulationError, Weeks};
