//! Rules for the deployment template that public scanners do not know.
//!
//! A rule is a function from a [`Template`] to its [`Fault`]s. Some also take what the code says, so
//! that the two cannot part.

mod fault;
pub mod rules;
mod template;

pub use fault::Fault;
pub use template::{InvalidTemplate, Template};
