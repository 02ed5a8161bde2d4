//! The simulation finds what it is there to find.

use farthing_simulation::{Bug, campaign};

/// The rarest bug was met once in a few thousand worlds.
const MOST: u64 = 60_000;

#[test]
fn every_planted_bug_is_found() {
    let found = campaign::hunt(Bug::ALL, MOST);
    for (bug, found) in &found {
        match found {
            Some((worlds, found)) => {
                println!("{:32} after {worlds} worlds: seed {}, {}", bug.as_str(), found.seed, found.violation);
            }
            None => println!("{:32} not found", bug.as_str()),
        }
    }
    let survivors: Vec<_> = found.iter().filter(|(_, found)| found.is_none()).map(|(bug, _)| bug.as_str()).collect();
    assert!(survivors.is_empty(), "in {MOST} worlds each these bugs were not noticed: {survivors:?}");
}
