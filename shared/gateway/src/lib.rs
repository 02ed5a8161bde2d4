//! The use cases: let a caller in, answer a request, answer a batch, prepare the models, load them, tell the
//! status, sweep the ledger, reconcile it.
//!
//! The gateway orders: it asks `farthing-domain` what to do and has the ports do it. It knows no
//! adapter, no wire format and no environment.

pub mod answer;
pub mod authorize;
pub mod batch;
mod caching;
mod cascading;
mod comparing;
pub mod error;
pub mod init;
pub mod learned;
pub mod loading;
mod local;
pub mod local_tier;
pub mod optimize;
mod paid;
pub mod phrasing;
mod policies;
pub mod receipt;
pub mod reconcile;
pub mod reply;
pub mod secrets;
pub mod status;
pub mod sweep;
mod system_prompt;
mod unjudged;
pub mod versions;
mod withdrawals;
pub mod wrappers;

pub use answer::{Answering, Parts};
pub use caching::hit_between;
pub use error::AnswerError;
pub use local_tier::{LocalTier, LocalTierSource};
pub use receipt::{Answer, Attempt};
