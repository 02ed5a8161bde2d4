//! The use cases: let a caller in, answer a request, answer a batch, prepare the models, tell the
//! status, sweep the ledger, reconcile it.
//!
//! The gateway orders: it asks `farthing-domain` what to do and has the ports do it. It knows no
//! adapter, no wire format and no environment.

pub mod answer;
pub mod authorize;
pub mod batch;
mod caching;
mod cascading;
pub mod error;
pub mod init;
mod local;
pub mod optimize;
mod paid;
pub mod receipt;
pub mod reconcile;
pub mod reply;
pub mod secrets;
pub mod status;
pub mod sweep;
mod system_prompt;
pub mod wrappers;

pub use answer::{Answering, Parts};
pub use error::AnswerError;
pub use receipt::{Answer, Attempt};
