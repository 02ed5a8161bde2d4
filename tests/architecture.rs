//! The arrows between the packages, checked against the workspace's own metadata.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// What each package may depend on, besides packages from outside the workspace.
const ARROWS: &[(&str, &[&str])] = &[
    ("farthing-domain", &[]),
    ("farthing-gateway", &["farthing-domain"]),
    ("farthing-models", &["farthing-domain"]),
    ("farthing-providers", &["farthing-domain"]),
    ("farthing-stores", &["farthing-domain"]),
    ("farthing-testkit", &["farthing-domain"]),
    ("farthing-learning", &["farthing-domain", "farthing-models"]),
    ("farthing-api", &["farthing-domain", "farthing-gateway"]),
    (
        "farthing-bootstrap",
        &[
            "farthing-api",
            "farthing-domain",
            "farthing-gateway",
            "farthing-models",
            "farthing-providers",
            "farthing-stores",
        ],
    ),
    ("farthing-inference", &["farthing-api", "farthing-bootstrap", "farthing-domain", "farthing-gateway"]),
    ("farthing-status", &["farthing-api", "farthing-bootstrap", "farthing-domain", "farthing-gateway"]),
    ("farthing-init", &["farthing-api", "farthing-bootstrap", "farthing-domain", "farthing-gateway"]),
    (
        "farthing-local",
        &[
            "farthing-api",
            "farthing-bootstrap",
            "farthing-domain",
            "farthing-gateway",
            "farthing-inference",
            "farthing-init",
            "farthing-models",
            "farthing-status",
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

#[test]
fn the_domain_is_pure() {
    let found = arrows();
    let impure: Vec<_> = found["farthing-domain"].iter().filter(|name| IMPURE.contains(&name.as_str())).collect();
    assert!(impure.is_empty(), "farthing-domain may not depend on {impure:?}");
}

/// The names of what each package of the workspace depends on, outside of its tests.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    metadata
        .workspace_packages()
        .into_iter()
        .map(|package| {
            let normal = package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
            (package.name.to_string(), normal.map(|dependency| dependency.name.clone()).collect())
        })
        .collect()
}
