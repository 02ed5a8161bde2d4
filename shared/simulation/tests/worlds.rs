//! The invariants hold in many worlds, and a seed says all about one.

use farthing_simulation::{Campaign, Options, run};

/// Enough for each of the planted bugs to be found several times over, but for the rarest.
const WORLDS: u64 = 4_000;

#[test]
fn the_invariants_hold() {
    let tally = Campaign::of(0..WORLDS).run();
    println!("{tally}");
    if let Some(found) = tally.found {
        panic!(
            "seed {}: {}\nreplay it with `cargo run --release -p farthing-simulation -- --seed {}`",
            found.seed, found.violation, found.seed
        );
    }
    assert_eq!(tally.worlds, WORLDS);
    assert!(tally.seen.sends > WORLDS, "hardly anything was sent: {tally}");
}

#[test]
fn a_seed_replays_step_by_step() {
    for seed in 0..60 {
        let options = Options { is_traced: true, bug: None };
        let (first, again) = (run(seed, options), run(seed, options));
        assert!(!first.trace.is_empty());
        let differs = first.trace.iter().zip(&again.trace).position(|(a, b)| a != b);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first.trace.len(), again.trace.len(), "seed {seed}");
    }
}
