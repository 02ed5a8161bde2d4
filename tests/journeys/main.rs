//! Journeys over real HTTP: the real program, real weights and the embedded database, with loopback
//! servers in the place of the paid providers.
#![expect(clippy::unwrap_used, reason = "a test ends at the first error")]

mod bad_input;
mod budget;
mod cascade;
mod evaluation;
mod feedback;
mod idempotency;
mod keys;
mod learned;
mod local_answers;
mod log_lines;
mod phrasings;
mod policy;
mod replay;
mod server;
mod simulate;
mod sweep;
mod weekly;
