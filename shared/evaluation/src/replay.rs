//! Traffic played through the use case that answers, at recorded answers and real prices.
//!
//! The ledger, the policy, the local models and the encoding of calls are the real ones; only what comes
//! back from a provider is taken from the traffic file. What that file has no text of cannot be judged:
//! such an answer is taken as one that passes, its cost counts, and no score of it does.

mod figures;
mod outlook;
mod played;
mod recorded;
mod remembered;
mod traffic;

pub use figures::Figures;
pub use outlook::{Outlook, StageFigures, Unsure};
pub(crate) use played::everything_to_baseline;
pub use played::{Books, Replay, models_of};
pub(crate) use remembered::Memory;
pub use traffic::{Recorded, Traffic, TrafficError, TrafficRow};
