//! The arrows between the packages, checked against the workspace's own metadata.
#![expect(clippy::unwrap_used, reason = "a test ends at the first error")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");

/// What each package may depend on, besides packages from outside the workspace.
const ARROWS: &[(&str, &[&str])] = &[
    ("farthing-domain", &[]),
    ("farthing-embedded", &[]),
    ("farthing-gateway", &["farthing-domain"]),
    ("farthing-models", &["farthing-domain"]),
    ("farthing-providers", &["farthing-domain"]),
    ("farthing-stores", &["farthing-domain"]),
    ("farthing-testkit", &["farthing-domain"]),
    ("farthing-template-tests", &[]),
    ("farthing-evaluation", &["farthing-domain", "farthing-gateway", "farthing-models"]),
    ("farthing-learning", &["farthing-domain", "farthing-evaluation", "farthing-models"]),
    ("farthing-api", &["farthing-domain", "farthing-gateway"]),
    (
        "farthing-bootstrap",
        &[
            "farthing-api",
            "farthing-domain",
            "farthing-embedded",
            "farthing-gateway",
            "farthing-models",
            "farthing-providers",
            "farthing-stores",
        ],
    ),
    ("farthing-authorize", &["farthing-bootstrap", "farthing-domain", "farthing-gateway"]),
    ("farthing-inference", &["farthing-api", "farthing-bootstrap", "farthing-domain", "farthing-gateway"]),
    ("farthing-status", &["farthing-api", "farthing-bootstrap", "farthing-domain", "farthing-gateway"]),
    ("farthing-optimize", &["farthing-bootstrap", "farthing-domain", "farthing-gateway"]),
    ("farthing-sweep", &["farthing-bootstrap", "farthing-domain", "farthing-gateway"]),
    ("farthing-simulation", &["farthing-domain", "farthing-gateway", "farthing-stores", "farthing-testkit"]),
    ("farthing-init", &["farthing-api", "farthing-bootstrap", "farthing-domain", "farthing-gateway"]),
    (
        "farthing-local",
        &[
            "farthing-api",
            "farthing-bootstrap",
            "farthing-domain",
            "farthing-evaluation",
            "farthing-gateway",
            "farthing-inference",
            "farthing-init",
            "farthing-models",
            "farthing-optimize",
            "farthing-status",
            "farthing-sweep",
        ],
    ),
];

/// Packages that do I/O or keep time; `domain` may use none of them.
const IMPURE: &[&str] = &["tokio", "reqwest", "tracing", "rand", "aws-config", "axum", "anyhow"];

#[test]
fn every_arrow_is_allowed() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ARROWS.iter().map(|(package, arrows)| (*package, arrows.iter().copied().collect())).collect();
    let found = arrows();
    assert_eq!(found.keys().collect::<Vec<_>>(), allowed.keys().collect::<Vec<_>>(), "the packages have changed");
    for (package, arrows) in &found {
        let inside = arrows.iter().filter(|name| name.starts_with("farthing-"));
        let forbidden: Vec<_> = inside.filter(|name| !allowed[package.as_str()].contains(name.as_str())).collect();
        assert!(forbidden.is_empty(), "{package} may not depend on {forbidden:?}");
    }
}

/// What makes a function large, and which functions that are deployed may have it.
const HEAVY: &[(&str, &[&str])] = &[
    ("tract-onnx", &["farthing-inference", "farthing-init"]),
    ("tokenizers", &["farthing-inference", "farthing-init"]),
    ("reqwest", &["farthing-inference", "farthing-init"]),
    ("dynoxide-rs", &[]),
];

#[test]
fn a_function_links_what_it_needs() {
    let functions = ["authorize", "inference", "init", "optimize", "status", "sweep"];
    for function in functions.map(|name| format!("farthing-{name}")) {
        let mut tree = Command::new(env!("CARGO"));
        tree.args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--package", &function]);
        let output = tree.args(["--manifest-path", MANIFEST]).output().unwrap();
        let tree = String::from_utf8(output.stdout).unwrap();
        assert!(tree.lines().next().is_some_and(|first| first.starts_with(&function)), "no tree of {function}");
        for (package, allowed) in HEAVY {
            let is_linked = tree.lines().any(|line| line.split(' ').next() == Some(package));
            assert_eq!(is_linked, allowed.contains(&function.as_str()), "{function} and {package}");
        }
    }
}

#[test]
fn the_domain_is_pure() {
    let found = arrows();
    let impure: Vec<_> = found["farthing-domain"].iter().filter(|name| IMPURE.contains(&name.as_str())).collect();
    assert!(impure.is_empty(), "farthing-domain may not depend on {impure:?}");
}

/// The names of what each package of the workspace depends on, outside of its tests.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let mut metadata = Command::new(env!("CARGO"));
    metadata.args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path", MANIFEST]);
    let output = metadata.output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let list = |value: &Value| value.as_array().unwrap().clone();
    list(&metadata["packages"])
        .iter()
        .map(|package| {
            // The kind is null for dependencies that are neither of tests nor of build scripts.
            let normal = list(&package["dependencies"]).into_iter().filter(|dependency| dependency["kind"].is_null());
            (name(package), normal.map(|dependency| name(&dependency)).collect())
        })
        .collect()
}
