//! What a training run tells: the same figures for a head's file and for the reader.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use farthing_domain::hex::hex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::data::SPLIT_RULE;

/// Which licence the rows of a source have.
const LICENCES: &[(&str, &str)] = &[
    ("farthing", "MIT OR Apache-2.0"),
    ("banking77", "CC-BY-4.0"),
    ("clinc150", "CC-BY-3.0"),
    ("gsm8k", "Apache-2.0"),
    ("mmlu", "Apache-2.0"),
    ("s-labs", "MIT"),
    ("surge", "MIT"),
    ("davidson", "MIT"),
];

/// What a head was found to do on held-out rows.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The figures.
    pub figures: Value,
    /// The same as a section of Markdown.
    pub section: String,
}

/// A trained head, with its report.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The file's name.
    pub file: &'static str,
    /// The head's JSON, provenance included.
    pub head: Value,
    /// A section of Markdown.
    pub section: String,
}

/// Where a head comes from. The figures are those of the held-out rows.
///
/// # Errors
/// When the data file cannot be read, or has a source without a known licence.
pub fn provenance(
    data: &Path,
    sources: BTreeMap<&str, usize>,
    split: [usize; 3],
    settings: &Value,
    figures: &Value,
) -> anyhow::Result<Value> {
    let bytes = std::fs::read(data).with_context(|| format!("`{}` cannot be read", data.display()))?;
    let sources = sources
        .into_iter()
        .map(|(source, rows)| {
            let known = LICENCES.iter().find(|(name, _)| *name == source);
            let (_, licence) = known.with_context(|| format!("the source `{source}` has no known licence"))?;
            Ok(json!({"source": source, "rows": rows, "licence": licence}))
        })
        .collect::<anyhow::Result<Vec<Value>>>()?;
    Ok(json!({
        "trained_by": "cargo run --release -p farthing-learning -- train",
        "encoder": "all-minilm-l6-v2",
        "data": format!("shared/learning/data/{}", data.file_name().unwrap_or_default().to_string_lossy()),
        "data_sha256": hex(&Sha256::digest(bytes)),
        "sources": sources,
        "split": SPLIT_RULE,
        "rows": {"train": split[0], "validation": split[1], "test": split[2]},
        "seed": "none is needed: the split is a hash and the fit is deterministic",
        "settings_chosen_on_validation": settings,
        "figures_on_test": figures,
    }))
}

/// How many rows there are of each source.
pub fn count<'a>(sources: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    sources.for_each(|source| *counts.entry(source).or_default() += 1);
    counts
}

/// A Markdown table.
#[must_use]
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(header.to_vec());
    text.push_str(&line(header.iter().map(|_| "---").collect()));
    rows.iter().for_each(|row| text.push_str(&line(row.iter().map(String::as_str).collect())));
    text
}
