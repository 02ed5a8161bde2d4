//! Campaigns over the real program and HTTP: many callers race for the last of the money, and a
//! month is spent to its end while the provider fails in every way.
//!
//! ```sh
//! cargo test --release --test campaigns -- --nocapture
//! FARTHING_RACES=100 cargo test …   # repeats of the race; 10 unless set
//! FARTHING_CALLS=38000 cargo test … # calls that the month pays for; 400 unless set
//! ```
//!
//! The month of 38,000 calls is the shipped budget: $190 of $200, half a cent a call.
#![expect(clippy::unwrap_used, reason = "a test ends at the first error")]

#[expect(dead_code, reason = "the kills look at more of the rows")]
mod books;
mod exhaustion;
mod prices;
mod race;
#[path = "../journeys/server.rs"]
#[expect(dead_code, reason = "the journeys use more of it")]
mod server;
mod size;
