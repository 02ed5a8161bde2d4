//! Files of traffic: JSON Lines, a request each, with what paid models answer to it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use farthing_domain::complexity::Tier;
use farthing_domain::ids::ModelId;
use farthing_domain::prompt::Prompt;
use serde::Deserialize;

/// Stands for every model that has no recorded answer of its own.
const ANY_MODEL: &str = "*";

/// A request, and what paid models answer to it.
#[derive(Clone, Debug)]
pub struct TrafficRow {
    /// The part of the mix that it belongs to.
    pub part: Tier,
    /// What is asked.
    pub query: Prompt,
    /// How many requests it stands for.
    pub weight: f64,
    answers: BTreeMap<String, Recorded>,
}

/// What a paid model answers, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The words.
    Text(String),
    /// Only how many tokens there are.
    Tokens(u64),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowJson {
    part: Tier,
    query: String,
    weight: Option<f64>,
    /// Where the row comes from, for its reader.
    #[serde(rename = "source")]
    _source: Option<String>,
    answers: BTreeMap<String, RecordedJson>,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum RecordedJson {
    Text { text: String },
    Tokens { output_tokens: u64 },
}

/// Why a file is no traffic.
#[derive(Debug, thiserror::Error)]
pub enum TrafficError {
    /// It cannot be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// A line is not as it should be.
    #[error("{path}, line {line}: {what}")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong, and what was expected.
        what: String,
    },
    /// It has no line.
    #[error("{path} is empty: expected one JSON object a line")]
    Empty {
        /// Which file.
        path: PathBuf,
    },
}

/// A file of traffic, in the order of its lines.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// The requests.
    pub rows: Vec<TrafficRow>,
}

impl Traffic {
    /// Reads a file. Each row has to have an answer of each of `models`, or one of `*`, any model.
    ///
    /// # Errors
    /// [`TrafficError`].
    pub fn read(path: &Path, models: &BTreeSet<ModelId>) -> Result<Self, TrafficError> {
        let text =
            std::fs::read_to_string(path).map_err(|cause| TrafficError::Unreadable { path: path.to_owned(), cause })?;
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let rows = lines.map(|(at, line)| {
            row(line, models).map_err(|what| TrafficError::Malformed { path: path.to_owned(), line: at + 1, what })
        });
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        if rows.is_empty() { Err(TrafficError::Empty { path: path.to_owned() }) } else { Ok(Self { rows }) }
    }
}

impl TrafficRow {
    /// What `model` answers.
    pub(crate) fn answer_of(&self, model: &ModelId) -> Option<&Recorded> {
        self.answers.get(model.as_str()).or_else(|| self.answers.get(ANY_MODEL))
    }
}

fn row(line: &str, models: &BTreeSet<ModelId>) -> Result<TrafficRow, String> {
    let row: RowJson = serde_json::from_str(line).map_err(|error| {
        // What serde says of an untagged value names no key.
        let what = error.to_string().replace(
            "data did not match any variant of untagged enum RecordedJson",
            "`answers`: expected `{\"text\": …}` or `{\"output_tokens\": …}` for each model",
        );
        what.split(" at line ").next().unwrap_or_default().to_owned()
    })?;
    let query = Prompt::parse(&row.query).map_err(|error| format!("`query`: {error}"))?;
    let weight = row.weight.unwrap_or(1.0);
    if !(weight.is_finite() && weight > 0.0) {
        return Err("`weight`: expected a number above 0".to_owned());
    }
    let read = |recorded| match recorded {
        RecordedJson::Text { text } => Recorded::Text(text),
        RecordedJson::Tokens { output_tokens } => Recorded::Tokens(output_tokens),
    };
    let answers = row.answers.into_iter().map(|(model, recorded)| (model, read(recorded))).collect();
    let row = TrafficRow { part: row.part, query, weight, answers };
    match models.iter().find(|model| row.answer_of(model).is_none()) {
        Some(missing) => Err(format!("`answers`: expected one of `{missing}` or of `{ANY_MODEL}`, any model")),
        None => Ok(row),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Traffic, TrafficError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("traffic.jsonl");
        std::fs::write(&file, text).unwrap();
        Traffic::read(&file, &BTreeSet::from([ModelId::parse("cheap").unwrap()]))
    }

    #[test]
    fn a_model_of_its_own_goes_before_any_model() {
        let line =
            r#"{"part": "high", "query": " x ", "answers": {"*": {"output_tokens": 3}, "cheap": {"text": "y"}}}"#;
        let traffic = read(line).unwrap();
        let row = &traffic.rows[0];
        assert_eq!((row.query.as_str(), row.weight, row.part), ("x", 1.0, Tier::High));
        assert_eq!(row.answer_of(&ModelId::parse("cheap").unwrap()), Some(&Recorded::Text("y".to_owned())));
        assert_eq!(row.answer_of(&ModelId::parse("dear").unwrap()), Some(&Recorded::Tokens(3)));
    }

    #[test]
    fn a_wrong_line_is_named() {
        let good = r#"{"part": "high", "query": "x", "answers": {"cheap": {"text": "y"}}}"#;
        check("", "is empty");
        check(&format!("{good}\nx"), "line 2: expected value");
        check(&good.replace("high", "hard"), "line 1: unknown variant `hard`");
        check(&good.replace("\"x\"", "\" \""), "`query`: must not be blank");
        check(&good.replace("cheap", "dear"), "`answers`: expected one of `cheap`");
        check(&good.replace("text", "words"), "`answers`: expected `{\"text\": …}`");
        check(&good.replace("\"part\"", "\"weight\": 0, \"part\""), "`weight`: expected a number above 0");
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} has no {expected:?}");
    }
}
