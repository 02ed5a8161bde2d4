//! The figures that README and FIGURES.md tell are those of the shipped heads, measured anew.
#![expect(clippy::unwrap_used, reason = "a test ends at the first error")]

use std::path::PathBuf;
use std::sync::OnceLock;

use farthing_domain::ids::ModelId;
use farthing_learning::bench::Bench;
use farthing_learning::figures;
use farthing_models::artifacts::{ArtifactConfig, ArtifactStore};
use serde_json::Value;

#[path = "../../models/tests/common/registry.rs"]
mod registry;

/// Processors round otherwise: so far a figure may be off on another one.
const TOLERANCE: f64 = 0.01;

/// The weights' folder; they are fetched when they are missing.
fn weights() -> PathBuf {
    let registry = registry::read();
    let spec = registry.get(&ModelId::parse("all-minilm-l6-v2").unwrap()).unwrap();
    let store = ArtifactStore::new(ArtifactConfig::of_working_copy(&registry::repository()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let files = runtime.block_on(store.get_all(&spec.artifacts)).unwrap();
    files[0].parent().unwrap().parent().unwrap().to_owned()
}

fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| Bench::open(&registry::repository(), &weights()).unwrap())
}

/// Expects every figure that is found of the head `name` to be the one that is told.
#[track_caller]
fn check(name: &str) {
    let found = bench().held_out(name).unwrap();
    let told = figures::read(&registry::repository()).unwrap();
    let mut compared = 0;
    compare(&told[name], &found, name, &mut compared);
    assert!(compared > 3, "{name}: only {compared} figures");
}

fn compare(told: &Value, found: &Value, place: &str, compared: &mut usize) {
    match found {
        Value::Object(entries) => {
            entries.iter().for_each(|(key, found)| compare(&told[key], found, &format!("{place}/{key}"), compared));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(at, found)| compare(&told[at], found, &format!("{place}/{at}"), compared));
        }
        Value::Number(found) => {
            let (found, told) = (found.as_f64().unwrap(), told.as_f64().unwrap_or(f64::NAN));
            // Counts may differ by a row or two.
            let most = if found > 1.0 { 2.0 } else { TOLERANCE };
            assert!(
                (found - told).abs() <= most,
                "{place} is {found}, and {told} is told: run `farthing-learning eval`"
            );
            *compared += 1;
        }
        other => assert_eq!(told, other, "{place}"),
    }
}

#[test]
fn the_readme_has_the_figures_that_were_measured() {
    assert_eq!(figures::drift(&registry::repository()).unwrap(), None);
}

#[test]
fn complexity_is_as_told() {
    check("complexity");
}

#[test]
fn screens_are_as_told() {
    check("injection");
    check("toxicity");
}

#[test]
fn quality_is_as_told() {
    check("quality");
}

#[test]
fn knowledge_is_as_told() {
    check("answerability");
}

#[test]
fn gain_is_as_told() {
    check("gain");
}
