//! The bank: what its customers ask about, and what is right to answer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use farthing_domain::complexity::Tier;
use farthing_domain::ids::ModelId;
use farthing_domain::prompt::Prompt;
use farthing_models::knowledge::source::Entry;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::plan::Plan;
use crate::replay::{Recorded, Traffic, TrafficError};

/// Where the bank's files are.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The folder with `answers.jsonl`, `later.jsonl` and `others.jsonl`.
    pub bank: PathBuf,
    /// Public questions: `text`, `intent` and `source`, a JSON object a line.
    pub intents: PathBuf,
    /// A file of traffic with the texts of recorded answers.
    pub traffic: PathBuf,
}

/// Why there is no bank.
#[derive(Debug, thiserror::Error)]
pub enum BankError {
    /// A file cannot be read.
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
    /// The traffic is not as it should be.
    #[error(transparent)]
    Traffic(#[from] TrafficError),
}

/// What one question may be about.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its name in the public questions.
    pub intent: String,
    /// How the bank puts the question.
    pub question: String,
    /// What is right to answer.
    pub answer: String,
    /// Other topics whose questions it answers as well, by their names in the public questions.
    pub serves: Vec<String>,
    /// How customers ask.
    pub asked: Vec<Prompt>,
    /// Other ways of asking, which nobody asks in.
    pub also: Vec<String>,
}

/// A question that is about none of the bank's topics.
#[derive(Clone, Debug)]
pub struct Other {
    /// How hard it is.
    pub part: Tier,
    /// What is asked.
    pub query: Prompt,
    /// What is answered.
    pub answers: Answers,
}

/// What is answered to a question that is about none of the bank's topics.
#[derive(Clone, Debug)]
pub enum Answers {
    /// This is right to answer.
    Right(String),
    /// This was answered, by model and `*` for any other, and was right or not.
    Recorded(BTreeMap<String, (String, bool)>),
}

/// What customers ask about, and what is right to answer.
#[derive(Clone, Debug)]
pub struct Bank {
    /// What is asked about from the start, commonest first.
    pub topics: Vec<Topic>,
    /// What is asked about later only.
    pub later: Vec<Topic>,
    /// All else.
    pub others: Vec<Other>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerJson {
    intent: String,
    question: String,
    answer: String,
    #[serde(default)]
    serves: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OtherJson {
    part: Tier,
    query: String,
    answer: Option<String>,
    right: Option<BTreeMap<String, bool>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IntentJson {
    text: String,
    intent: String,
    source: String,
}

impl Bank {
    /// Reads the bank. Each of `models` needs a recorded answer to what has no right answer of its own.
    ///
    /// # Errors
    /// [`BankError`].
    pub fn read(sources: &Sources, models: &BTreeSet<ModelId>) -> Result<Self, BankError> {
        let mut asked: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for (_, IntentJson { text, intent, source }) in lines(&sources.intents)? {
            asked.entry((source, intent)).or_default().push(text);
        }
        let read = |file: &str, source: &str| topics(&sources.bank.join(file), source, &asked);
        Ok(Self {
            topics: read("answers.jsonl", "banking77")?,
            later: read("later.jsonl", "clinc150")?,
            others: others(&sources.bank.join("others.jsonl"), &Traffic::read(&sources.traffic, models)?, models)?,
        })
    }

    /// The first `count` topics as the agent knows them.
    #[must_use]
    pub fn knowledge(&self, count: usize) -> Vec<Entry> {
        let entry = |(at, topic): (usize, &Topic)| Entry {
            id: format!("answers#{}", topic.intent),
            title: topic.question.clone(),
            also: topic.also.clone(),
            passages: vec![topic.answer.clone()],
            file: "answers.jsonl".to_owned(),
            line: at + 1,
        };
        self.topics.iter().take(count).enumerate().map(entry).collect()
    }

    /// All topics, those from the start first.
    pub fn all_topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.iter().chain(&self.later)
    }

    /// Every question that can be asked.
    pub fn queries(&self) -> impl Iterator<Item = &Prompt> {
        self.all_topics().flat_map(|topic| &topic.asked).chain(self.others.iter().map(|other| &other.query))
    }
}

fn topics(path: &Path, source: &str, asked: &BTreeMap<(String, String), Vec<String>>) -> Result<Vec<Topic>, BankError> {
    let topic = |(line, AnswerJson { intent, question, answer, serves }): (usize, AnswerJson)| {
        let wrong = |what: String| BankError::Malformed { path: path.to_owned(), line, what };
        let texts = asked.get(&(source.to_owned(), intent.clone())).map_or(&[][..], Vec::as_slice);
        let ways = texts.iter().take(Plan::WAYS).map(|text| Prompt::parse(text));
        let ways = ways.collect::<Result<Vec<_>, _>>().map_err(|error| wrong(format!("`{intent}`: {error}")))?;
        if ways.is_empty() {
            return Err(wrong(format!("`intent`: expected one of {source}; `{intent}` is none")));
        }
        let also = texts.iter().skip(Plan::WAYS).take(Plan::ALSO).cloned().collect();
        if let Some(unknown) = serves.iter().find(|other| !asked.contains_key(&(source.to_owned(), (*other).clone()))) {
            return Err(wrong(format!("`serves`: expected names of {source}; `{unknown}` is none")));
        }
        Ok(Topic { intent, question, answer, serves, asked: ways, also })
    };
    lines(path)?.into_iter().map(topic).collect()
}

fn others(path: &Path, traffic: &Traffic, models: &BTreeSet<ModelId>) -> Result<Vec<Other>, BankError> {
    let other = |(line, OtherJson { part, query, answer, right }): (usize, OtherJson)| {
        let wrong = |what: &str| BankError::Malformed { path: path.to_owned(), line, what: what.to_owned() };
        let query = Prompt::parse(&query).map_err(|error| wrong(&format!("`query`: {error}")))?;
        let answers = match (answer, right) {
            (Some(answer), None) => Answers::Right(answer),
            (None, Some(right)) => {
                let row = traffic.rows.iter().find(|row| row.query == query);
                let row = row.ok_or_else(|| wrong("`query`: expected one of the traffic's"))?;
                let recorded = |model: &ModelId| {
                    let right = right.get(model.as_str()).or_else(|| right.get("*"));
                    match (row.answer_of(model), right) {
                        (Some(Recorded::Text(text)), Some(right)) => Ok((model.to_string(), (text.clone(), *right))),
                        _ => Err(wrong(&format!("`right`: expected whether the recorded answer of `{model}` is"))),
                    }
                };
                Answers::Recorded(models.iter().map(recorded).collect::<Result<_, _>>()?)
            }
            _ => return Err(wrong("expected either `answer` or `right`")),
        };
        Ok(Other { part, query, answers })
    };
    lines(path)?.into_iter().map(other).collect()
}

/// The lines of a file with their numbers, from 1; blank ones are left out.
fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<(usize, T)>, BankError> {
    let text = std::fs::read_to_string(path).map_err(|cause| BankError::Unreadable { path: path.to_owned(), cause })?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = |(at, line): (usize, &str)| {
        let wrong = |error: serde_json::Error| {
            let what = error.to_string().split(" at line ").next().unwrap_or_default().to_owned();
            BankError::Malformed { path: path.to_owned(), line: at + 1, what }
        };
        serde_json::from_str(line).map(|row| (at + 1, row)).map_err(wrong)
    };
    let rows = lines.map(read).collect::<Result<Vec<_>, _>>()?;
    if rows.is_empty() {
        let what = "expected one JSON object a line".to_owned();
        return Err(BankError::Malformed { path: path.to_owned(), line: 1, what });
    }
    Ok(rows)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The bank that is shipped.
    pub(in crate::weeks) fn shipped() -> Bank {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let sources = Sources {
            bank: root.join("tests/data/bank"),
            intents: root.join("shared/learning/data/intents.jsonl"),
            traffic: root.join("tests/data/traffic.jsonl"),
        };
        Bank::read(&sources, &models()).unwrap()
    }

    pub(in crate::weeks) fn models() -> BTreeSet<ModelId> {
        ["deepseek-chat", "claude-sonnet", "gpt-4o"].map(|id| ModelId::parse(id).unwrap()).into()
    }

    #[test]
    fn every_topic_has_its_questions_and_one_answer() {
        let bank = shipped();
        assert_eq!((bank.topics.len(), bank.later.len()), (77, 8));
        let answers: BTreeSet<&str> = bank.all_topics().map(|topic| topic.answer.as_str()).collect();
        assert_eq!(answers.len(), 85, "no two topics have the same answer");
        assert!(bank.all_topics().all(|topic| topic.asked.len() == Plan::WAYS));
        assert!(bank.topics.iter().all(|topic| topic.also.len() == Plan::ALSO));
        let known = bank.knowledge(Plan::KNOWN);
        assert_eq!((known.len(), known[0].id.as_str()), (35, "answers#card_arrival"));
        // What the agent knows of ways of asking is never asked itself.
        let asked: BTreeSet<&str> = bank.queries().map(Prompt::as_str).collect();
        assert!(known.iter().flat_map(|entry| &entry.also).all(|phrasing| !asked.contains(phrasing.as_str())));
    }

    #[test]
    fn a_wrong_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.jsonl");
        let check = |content: &str, expected: &str| {
            std::fs::write(&path, content).unwrap();
            let error = topics(&path, "banking77", &BTreeMap::new()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error:?} has no {expected:?}");
        };
        check("", "line 1: expected one JSON object a line");
        check("{}", "line 1: missing field `intent`");
        let row = r#"{"intent": "no_such", "question": "x", "answer": "y"}"#;
        check(row, "line 1: `intent`: expected one of banking77; `no_such` is none");
    }
}
