//! What Farthing decides.
//!
//! Everything here is a pure function of its arguments: no I/O, no clock, no randomness, no
//! environment. What has to happen next is returned as a value, and the `gateway` crate makes it
//! happen through the [`ports`].

pub mod agent;
pub mod auth;
pub mod breaker;
pub mod cache;
pub mod cascade;
pub mod complexity;
pub mod guard;
pub mod hex;
pub mod ids;
pub mod jobs;
pub mod knowledge;
pub mod ledger;
pub mod metrics;
pub mod money;
pub mod outcome;
pub mod policy;
pub mod ports;
pub mod prompt;
pub mod quality;
pub mod registry;
pub mod release;
pub mod request;
pub mod rollout;
pub mod router;
pub mod time;
pub mod versions;
pub mod weekly;
