//! How probable it is that the best passage answers the query.
//!
//! [`features`] measures a query against what was found; a [`Head`], trained beforehand on many
//! small knowledge bases and calibrated on others, turns the measures into a probability. It takes
//! half of all queries to have an answer: where more do, it errs on the careful side.

pub mod features;
mod head;
#[cfg(test)]
mod tests;

pub use features::{FEATURES, Features};
pub use head::{Calibration, Head, InvalidHead};
