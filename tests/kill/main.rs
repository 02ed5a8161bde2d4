//! The program is killed with `kill -9` at twelve named points, again and again on the same data,
//! while several requests are in work; and the books balance.
//!
//! ```sh
//! cargo test --release --workspace --features farthing-local/test-hooks --test kill -- --nocapture
//! FARTHING_KILLS=200 cargo test …  # kills at each point; 20 unless set
//! FARTHING_KILL_POINT=after-send cargo test …  # one point only
//! ```
//!
//! Every request carries an `Idempotency-Key`. Those that died, or found their key still leased to
//! a process that died, are asked again until each has a final answer; by then a key may have gone
//! through several kills.
#![expect(clippy::unwrap_used, reason = "a test ends at the first error")]

#[path = "../campaigns/books.rs"]
mod books;
mod campaign;
mod keys;
#[path = "../journeys/server.rs"]
#[expect(dead_code, reason = "the journeys use more of it")]
mod server;
#[path = "../campaigns/size.rs"]
mod size;

use campaign::{Campaign, POINTS, Tally};
use futures::StreamExt as _;
use futures::stream;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_books_balance_wherever_the_process_is_killed() {
    let kills = size::size("FARTHING_KILLS", 20);
    let only = size::text("FARTHING_KILL_POINT");
    let points = POINTS.into_iter().filter(|point| only.as_ref().is_none_or(|only| only == point));
    // While one campaign waits for leases to end, others work.
    let at_once = std::thread::available_parallelism().map_or(1, usize::from) + 1;
    let tallies: Vec<Tally> =
        stream::iter(points).map(|point| Campaign::run(point, kills)).buffered(at_once).collect().await;
    assert!(!tallies.is_empty(), "there is no point {only:?}");
    println!("{}", Tally::HEAD);
    for tally in &tallies {
        println!("{tally}");
    }
    assert!(tallies.iter().all(|tally| tally.kills == kills));
}
