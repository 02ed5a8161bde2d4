//! What is learned of a week of outcomes: what it came to, and whether it was another week than usual.

pub mod digest;
pub mod drift;
pub mod measures;

pub use digest::Digest;
