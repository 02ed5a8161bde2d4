//! Measures the parts that serve requests, on anybody's labelled files.
//!
//! [`measures`] are pure functions of scores and labels. [`tasks`] have the very parts that serve
//! requests score the rows of a [`table`], and [`replay`] plays a file of traffic through the use case
//! that answers; [`weeks`] plays months of them, with the weekly run after each week. Nothing here opens a store or sends anything
//! by itself.

mod asking;
pub mod baselines;
pub mod door;
pub mod measures;
pub mod replay;
pub mod report;
pub mod table;
pub mod tasks;
pub mod weeks;

pub use door::{Door, EvaluationError};
pub use report::Report;
