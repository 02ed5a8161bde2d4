//! Months of traffic in minutes: the run that learns, its control, and stages that are kept.

use serde_json::Value;

use crate::server::{program, pull_weights_once};

/// Simulates weeks. Gives whether that succeeded, and what was printed.
fn simulate(arguments: &[&str]) -> (bool, String) {
    pull_weights_once();
    let output = program().args(["simulate", "weeks"]).args(arguments).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap() + &errors)
}

fn weeks(run: &Value) -> Vec<Value> {
    run.as_array().unwrap().clone()
}

#[test]
fn the_same_seed_gives_the_same_weeks() {
    let arguments = ["--weeks", "2", "--requests", "40", "--json"];
    let (succeeded, printed) = simulate(&arguments);
    assert!(succeeded, "{printed}");
    assert_eq!(simulate(&arguments), (true, printed));
}

#[test]
fn who_learns_leaves_the_shadow_stage_and_the_control_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("weeks.html");
    let arguments = ["--weeks", "8", "--requests", "200", "--json", "--html", page.to_str().unwrap()];
    let (succeeded, printed) = simulate(&arguments);
    assert!(succeeded, "{printed}");
    let found: Value = serde_json::from_str(&printed).unwrap();
    let (learning, fixed) = (weeks(&found["learning"]), weeks(&found["fixed"]));
    let stages = |weeks: &[Value]| weeks.iter().map(|week| week["stage"].clone()).collect::<Vec<_>>();
    let number = |week: &Value, name: &str| week[name].as_u64().unwrap();

    // Each week goes by what the one before it decided, and every change is another version of the policy.
    assert_eq!(learning[0]["stage"], "shadow");
    assert!(stages(&learning).iter().any(|stage| stage != "shadow"), "{:?}", stages(&learning));
    for pair in learning.windows(2) {
        assert_eq!(pair[0]["decided"], pair[1]["stage"]);
        let versions = [&pair[0], &pair[1]].map(|week| number(week, "policy_version"));
        assert!(versions[0] < versions[1] || pair[0]["stage"] == pair[1]["stage"], "{versions:?}");
        assert!(number(&pair[0], "entries") <= number(&pair[1], "entries"));
    }
    // The threshold of local answers was moved before they were shown to be no worse, and paid answers became knowledge.
    let first_on = learning.iter().position(|week| week["stage"] != "shadow").unwrap();
    assert!(number(&learning[first_on - 1], "policy_version") > 1, "{found}");
    assert!(number(&learning[7], "entries") > number(&learning[0], "entries"), "{found}");
    let control = weeks(&fixed[0]["weeks"]);
    assert!(stages(&control).iter().all(|stage| stage == "shadow"));
    for name in ["policy_version", "entries"] {
        assert!(control.iter().all(|week| week[name] == control[0][name]), "{name}");
    }

    // The first week is the same one in both, but that who learns pays for comparisons.
    assert!(learning[0]["cost_usd"].as_f64() >= control[0]["cost_usd"].as_f64());
    let shared = ["right", "score", "local", "baseline_usd"];
    assert!(shared.iter().all(|name| learning[0][name] == control[0][name]), "{} {}", learning[0], control[0]);

    // More is answered locally the further the rollout is, and that costs less.
    let sum = |run: &Value, name: &str| weeks(&run["weeks"]).iter().map(|w| w[name].as_f64().unwrap()).sum::<f64>();
    assert!(fixed.windows(2).all(|pair| sum(&pair[0], "local") <= sum(&pair[1], "local")), "{found}");
    assert!(sum(&fixed[4], "cost_usd") < sum(&fixed[0], "cost_usd"), "{found}");
    assert!(learning.iter().all(|week| week["cached"] == 0.0 && week["saved"].as_f64().unwrap() > 0.3), "{found}");

    let page = std::fs::read_to_string(page).unwrap();
    assert_eq!((page.matches("<svg").count(), page.matches("</svg>").count()), (5, 5));
    for part in ["<script", "src=", "href=", "NaN"] {
        assert!(!page.contains(part), "{part:?} in the page");
    }
}

#[test]
fn what_cannot_be_simulated_is_named() {
    for (arguments, expected) in [
        (&["--weeks", "0"][..], "`weeks`: expected 1 to 104"),
        (&["--requests", "19"], "`requests`: expected 20 to 20000"),
        (&["--weeks", "many"], "invalid value 'many' for '--weeks <NUMBER>'"),
        (&["--bank", "tests/data"], "tests/data/agent.toml"),
        (&["--intents", "tests/data/traffic.jsonl"], "traffic.jsonl, line 1: unknown field"),
    ] {
        let (succeeded, printed) = simulate(arguments);
        assert!(!succeeded && printed.contains(expected), "{arguments:?}: {printed}");
    }
}
