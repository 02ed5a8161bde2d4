//! What can be evaluated: each task reads its columns, has the serving parts score the rows, and reports.

pub mod cache;
pub mod complexity;
pub mod embed;
pub mod faq;
pub mod quality;
pub mod relevance;
pub mod routing;
pub mod screen;

/// The seed of the bootstrap and of random baselines.
pub(crate) const SEED: u64 = 20_261_124;
