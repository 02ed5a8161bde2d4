//! One question through the use case that answers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod compared;
mod followed;
mod parts;
mod recorded;
mod refused;
mod unjudged;
mod withdrawn;
mod written;
