//! Phrasings that a model made once, as one JSON object a line.
//!
//! A line belongs to the entry whose content has its SHA-256, so that a changed entry has none, and the
//! lines of entries that are gone do nothing. The owner may edit or empty the list of a line: it stays
//! as edited while the entry does.

use std::collections::{BTreeSet, HashMap, HashSet};

use farthing_domain::guard;
use farthing_domain::hex::{hex, is_sha256};
use farthing_domain::money::Usd;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Entry, Fault, SourceFile, slug, text_of};
use crate::knowledge::artifact;

/// The name of the file, which is beside the knowledge files.
pub const FILE: &str = "phrasings.lock";

/// The largest such file that is read, in bytes.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

const FIELDS: [&str; 7] = ["entry", "phrasings", "model", "input_tokens", "output_tokens", "cost_usd", "sha256"];

/// What a model made for one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The entry's name when they were made, for whoever reads the file.
    pub entry: String,
    /// Other ways of asking it.
    pub phrasings: Vec<String>,
    /// Which model made them.
    pub model: String,
    /// The call's input tokens as charged.
    pub input_tokens: u64,
    /// The call's output tokens as charged.
    pub output_tokens: u64,
    /// What the call cost, in dollars.
    pub cost_usd: String,
    /// SHA-256 of the entry's content, in hex: see [`content_sha256`].
    pub sha256: String,
}

/// SHA-256 over an entry's question and answer, in hex. The owner's other phrasings do not count.
#[must_use]
pub fn content_sha256(entry: &Entry) -> String {
    hex(&artifact::content_hash(&entry.title, entry.passages.iter().map(|text| ("", text.as_bytes()))))
}

/// What two phrasings have in common that differ in case and punctuation alone.
pub(crate) fn folded(phrasing: &str) -> String {
    guard::words(phrasing).join(" ")
}

/// The lines of `file`; blank ones are skipped.
///
/// # Errors
/// The first [`Fault`]; a second line for the same content is one too.
pub fn parse(file: &SourceFile) -> Result<Vec<Line>, Fault> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut lines = Vec::new();
    for (number, text) in text_of(file, MAX_BYTES)?.lines().enumerate().map(|(at, text)| (at + 1, text.trim())) {
        if text.is_empty() {
            continue;
        }
        let line = parse_line(&file.name, number, text)?;
        if let Some(first) = seen.insert(line.sha256.clone(), number) {
            let expected = format!("one that no other line has; line {first} has the same");
            return Err(Fault::new(&file.name, number, "sha256", expected));
        }
        lines.push(line);
    }
    Ok(lines)
}

fn parse_line(file: &str, number: usize, text: &str) -> Result<Line, Fault> {
    let fault = |key: &str, expected: &str| Fault::new(file, number, key, expected);
    let object: Map<String, Value> =
        serde_json::from_str(text).map_err(|_| fault("line", "one JSON object on one line"))?;
    if let Some(key) = object.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        return Err(fault(key, &format!("no such field: {} are known", FIELDS.join(", "))));
    }
    let text = |key: &str, expected: &str, is_valid: &dyn Fn(&str) -> bool| {
        let value = object.get(key).and_then(Value::as_str).filter(|value| is_valid(value));
        value.map(str::to_owned).ok_or_else(|| fault(key, expected))
    };
    let count = |key: &str| object.get(key).and_then(Value::as_u64).ok_or_else(|| fault(key, "a number of tokens"));
    let not_blank = |value: &str| !value.trim().is_empty();
    let phrasing = |value: &Value| {
        let value = value.as_str().map(str::trim).filter(|value| !slug(value).is_empty());
        value.map(str::to_owned).ok_or_else(|| fault("phrasings", "a list of texts, none of them blank"))
    };
    let phrasings = object.get("phrasings").and_then(Value::as_array);
    let phrasings = phrasings.ok_or_else(|| fault("phrasings", "a list of texts, none of them blank"))?;
    Ok(Line {
        entry: text("entry", "the name of an entry", &not_blank)?,
        phrasings: phrasings.iter().map(phrasing).collect::<Result<_, _>>()?,
        model: text("model", "the name of a model", &not_blank)?,
        input_tokens: count("input_tokens")?,
        output_tokens: count("output_tokens")?,
        cost_usd: text("cost_usd", "an amount of dollars such as \"0.000123\"", &|value| Usd::parse(value).is_ok())?,
        sha256: text("sha256", "64 lower-case hexadecimal digits", &is_sha256)?,
    })
}

/// The content of the file with `lines`.
///
/// # Errors
/// Never in practice: texts and numbers can be written.
pub(crate) fn written<'a>(lines: impl Iterator<Item = &'a Line>) -> Result<String, serde_json::Error> {
    lines.map(|line| Ok(serde_json::to_string(line)? + "\n")).collect()
}

/// Adds to each entry the phrasings of its line that are its own: none that it has, and none that another
/// entry has or is given too.
pub(crate) fn add(entries: &mut [Entry], lines: &[Line]) {
    let lines: HashMap<&str, &Line> = lines.iter().map(|line| (line.sha256.as_str(), line)).collect();
    if lines.is_empty() {
        return;
    }
    let given: Vec<&[String]> = entries
        .iter()
        .map(|entry| lines.get(content_sha256(entry).as_str()).map_or(&[][..], |line| line.phrasings.as_slice()))
        .collect();
    let mut askers: HashMap<String, BTreeSet<usize>> = HashMap::new();
    for (at, (entry, given)) in entries.iter().zip(&given).enumerate() {
        for phrasing in entry.phrasings().chain(given.iter().map(String::as_str)) {
            askers.entry(folded(phrasing)).or_default().insert(at);
        }
    }
    for (entry, given) in entries.iter_mut().zip(given) {
        let mut has: HashSet<String> = entry.phrasings().map(folded).collect();
        let is_own = |phrasing: &&String| {
            let folded = folded(phrasing);
            askers.get(&folded).is_some_and(|askers| askers.len() == 1) && has.insert(folded)
        };
        let own: Vec<String> = given.iter().filter(is_own).cloned().collect();
        entry.also.extend(own);
    }
}
