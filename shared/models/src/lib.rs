//! The models that run in this process, each behind a port of `farthing-domain`.

pub mod analyst;
pub mod artifacts;
mod author;
pub mod cpu;
pub mod encoder;
pub mod features;
pub mod gain;
pub mod generator;
pub mod grounded;
pub mod heads;
pub mod knowledge;
pub mod matcher;
pub mod rephraser;
pub mod sentences;
pub mod toxicity;
pub mod validator;
