//! Answers to learn quality on: the labelled ones, and stored passages as answers.

use std::collections::BTreeMap;
use std::path::Path;

use farthing_domain::ports::Passage;
use farthing_models::encoder::Encoder;
use farthing_models::features::hash;
use farthing_models::knowledge::KnowledgeIndex;
use farthing_models::knowledge::retrieval::Candidate;
use farthing_models::knowledge::source::{self, Entry};
use serde::Deserialize;

use crate::data::{AnswerRow, read};
use crate::quality::ANSWERS;

/// How a case was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// By hand, with a label.
    Labelled,
    /// By rule: a stored passage as the answer.
    Stored,
    /// By rule: a good answer to another question.
    Strayed,
    /// By hand: a sentence that holds the fact that is asked for, or does not. Says nothing of quality.
    Factoid,
    /// By rule: a model's solution of a word problem, marked by its result.
    Solution,
    /// By rule: an answer of a stored knowledge base to a question of it or to another one. Says nothing of quality.
    Paired,
}

/// An answer to be examined.
#[derive(Clone, Debug)]
pub struct Case {
    /// Cases of one group are held out together.
    pub group: String,
    /// The question.
    pub question: String,
    /// What the answer may rely on.
    pub passages: Vec<Passage>,
    /// The answer.
    pub answer: String,
    /// Whether it may be delivered.
    pub acceptable: bool,
    /// What is wrong with it.
    pub flaw: Option<String>,
    /// How it was made.
    pub origin: Origin,
}

impl From<AnswerRow> for Case {
    fn from(row: AnswerRow) -> Self {
        Self {
            group: row.group,
            question: row.question,
            passages: row.passages.iter().enumerate().map(|(at, text)| untitled(at, text)).collect(),
            answer: row.answer,
            acceptable: row.acceptable,
            flaw: row.flaw,
            origin: Origin::Labelled,
        }
    }
}

/// Whether a group of labelled answers is held out: every third of each file but the first, so that there are some with and
/// some without passages. The held-out groups of the first file were looked at often and are learned from.
#[must_use]
pub fn is_fresh(group: &str) -> bool {
    let number = group.get(1..).and_then(|number| number.parse::<u32>().ok());
    author(group).is_some_and(|author| author > 0) && number.is_some_and(|number| number.is_multiple_of(3))
}

/// The file that a group of labelled answers comes from, as a place in [`ANSWERS`]; `None` for solutions.
#[must_use]
pub fn author(group: &str) -> Option<usize> {
    ANSWERS.iter().position(|(_, letter)| group.starts_with(*letter))
}

/// Good answers to another question of the same part: off the topic, however well they read. There
/// is one for each acceptable row.
#[must_use]
pub fn strayed(rows: &[AnswerRow]) -> Vec<Case> {
    let good: Vec<&AnswerRow> = rows.iter().filter(|row| row.acceptable).collect();
    let stray = |row: &&AnswerRow| {
        let is_other = |other: &&&AnswerRow| other.group != row.group && is_fresh(&other.group) == is_fresh(&row.group);
        let others: Vec<&&AnswerRow> = good.iter().filter(is_other).collect();
        let other = others.get((hash("stray", &row.answer) % (others.len() as u64).max(1)) as usize)?;
        let (answer, flaw) = (other.answer.clone(), Some("off_topic".to_owned()));
        let case = Case::from(AnswerRow { answer, flaw, acceptable: false, ..(*row).clone() });
        Some(Case { origin: Origin::Strayed, ..case })
    };
    good.iter().filter_map(stray).collect()
}

/// A sentence beside a question for a fact.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FactoidRow {
    question: String,
    sentence: String,
    label: u8,
}

/// The sentences of `factoids.jsonl`.
///
/// # Errors
/// When the file cannot be read.
pub fn factoids(data: &Path) -> anyhow::Result<Vec<Case>> {
    let rows: Vec<FactoidRow> = read(&data.join("factoids.jsonl"))?;
    let case = |row: FactoidRow| pair(&row.question, &row.question, &row.sentence, row.label == 1, Origin::Factoid);
    Ok(rows.into_iter().map(case).collect())
}

/// A model's solution of a word problem.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SolutionRow {
    question: String,
    answer: String,
    acceptable: bool,
    #[serde(rename = "model")]
    _model: String,
}

/// The solutions of `solutions.jsonl`. The group's name is an `s` and the problem.
///
/// # Errors
/// When the file cannot be read.
pub fn solutions(data: &Path) -> anyhow::Result<Vec<Case>> {
    let case = |SolutionRow { question, answer, acceptable, .. }: SolutionRow| Case {
        flaw: (!acceptable).then(|| "wrong_fact".to_owned()),
        ..pair(&format!("s {question}"), &question, &answer, acceptable, Origin::Solution)
    };
    Ok(read(&data.join("solutions.jsonl"))?.into_iter().map(case).collect())
}

/// One line of a knowledge base of the folder `faqs`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum WorldRow {
    Entry { question: String, answer: String, asked: Vec<String> },
    Missed {},
}

/// Questions to the knowledge bases of the folder `faqs`, each with its own answer and with two others: a neighbour's, which
/// is often on the same subject, and one from afar. The group's name begins with the knowledge base's.
///
/// # Errors
/// When a file cannot be read.
pub fn paired(data: &Path) -> anyhow::Result<Vec<Case>> {
    let files = std::fs::read_dir(data.join("faqs"))?.map(|file| Ok(file?.path()));
    let mut files = files.collect::<std::io::Result<Vec<_>>>()?;
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let world = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let entries: Vec<(String, String, Vec<String>)> = read(&file)?
            .into_iter()
            .filter_map(|row| match row {
                WorldRow::Entry { question, answer, asked } => Some((question, answer, asked)),
                WorldRow::Missed {} => None,
            })
            .collect();
        for (at, (question, answer, asked)) in entries.iter().enumerate() {
            let group = format!("{world} {question}");
            let other = asked.get((hash("asked", question) % (asked.len() as u64).max(1)) as usize);
            for query in [question].into_iter().chain(other) {
                let far = (hash("far", query) % entries.len() as u64) as usize;
                cases.push(pair(&group, query, answer, true, Origin::Paired));
                for place in [(at + 1) % entries.len(), far] {
                    if place != at {
                        cases.push(pair(&group, query, &entries[place].1, false, Origin::Paired));
                    }
                }
            }
        }
    }
    Ok(cases)
}

fn pair(group: &str, question: &str, answer: &str, acceptable: bool, origin: Origin) -> Case {
    Case {
        group: group.to_owned(),
        question: question.to_owned(),
        passages: Vec::new(),
        answer: answer.to_owned(),
        acceptable,
        flaw: (!acceptable).then(|| "off_topic".to_owned()),
        origin,
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum FaqRow {
    Entry { faq: String, question: String, answer: String, also: Vec<String>, asked: Vec<String> },
    Unanswerable { faq: String, unanswerable: String },
}

/// Answers of the kind that the local tier gives: for every question to a stored knowledge base
/// the passage that answers it (acceptable), and two that do not (unacceptable): the best match
/// among the others, as when the knowledge lacks the answer, and any other, as when retrieval fails.
///
/// # Errors
/// When the data cannot be read or the encoder fails.
pub fn derived(encoder: &dyn Encoder, data: &Path) -> anyhow::Result<Vec<Case>> {
    let rows: Vec<FaqRow> = read(&data.join("faqs.jsonl"))?;
    let mut entries: BTreeMap<&str, Vec<Entry>> = BTreeMap::new();
    for row in &rows {
        if let FaqRow::Entry { faq, question, answer, also, .. } = row {
            entries.entry(faq).or_default().push(Entry {
                id: question.clone(),
                title: question.clone(),
                also: also.clone(),
                passages: vec![answer.clone()],
                file: faq.clone(),
                line: 1,
            });
        }
    }
    let mut indexes = BTreeMap::new();
    for (faq, entries) in entries {
        indexes.insert(faq, KnowledgeIndex::build(entries, encoder)?);
    }
    let mut cases = Vec::new();
    for row in &rows {
        match row {
            FaqRow::Entry { faq, question, asked, .. } => {
                for query in asked.iter().chain([question]) {
                    let found = search(encoder, &indexes[faq.as_str()], query)?;
                    let (own, others): (Vec<Passage>, Vec<Passage>) =
                        found.into_iter().partition(|passage| passage.title == *question);
                    let case = |passages: Vec<Passage>, acceptable| {
                        stored(&format!("{faq} {question}"), query, passages, acceptable)
                    };
                    let far = 1 + (hash("far", query) % (others.len() as u64 - 1).max(1)) as usize;
                    cases.push(case(others[far..].to_vec(), false));
                    cases.push(case(others.clone(), false));
                    // Where retrieval puts another passage first, the right one is not the answer.
                    if own.iter().all(|own| others.iter().all(|other| own.score >= other.score)) {
                        cases.push(case(own.into_iter().chain(others).collect(), true));
                    }
                }
            }
            FaqRow::Unanswerable { faq, unanswerable } => {
                let found = search(encoder, &indexes[faq.as_str()], unanswerable)?;
                cases.push(stored(&format!("{faq} {unanswerable}"), unanswerable, found, false));
            }
        }
    }
    Ok(cases)
}

/// What the knowledge in `folder` answers to its own questions, word for word. With `unseen`, the
/// questions are the other ways of asking, each one taken out of the knowledge first.
///
/// # Errors
/// When the knowledge cannot be read or the encoder fails.
pub fn of_knowledge(encoder: &dyn Encoder, folder: &Path, unseen: bool) -> anyhow::Result<Vec<Case>> {
    let entries = source::parse(&source::read_files(folder)?)?;
    let mut cases = Vec::new();
    if unseen {
        for (at, entry) in entries.iter().enumerate() {
            for query in &entry.also {
                let mut without = entries.clone();
                without[at].also.retain(|also| also != query);
                cases.push(answered(encoder, &KnowledgeIndex::build(without, encoder)?, entry, query)?);
            }
        }
    } else {
        let index = KnowledgeIndex::build(entries.clone(), encoder)?;
        for entry in &entries {
            cases.push(answered(encoder, &index, entry, &entry.title)?);
        }
    }
    Ok(cases)
}

/// The first passage that is found as the answer: acceptable when it is one of `entry`.
fn answered(encoder: &dyn Encoder, index: &KnowledgeIndex, entry: &Entry, query: &str) -> anyhow::Result<Case> {
    let found = search(encoder, index, query)?;
    let is_own = found.first().is_some_and(|passage| passage.title == entry.title);
    Ok(stored(&entry.id, query, found, is_own))
}

fn search(encoder: &dyn Encoder, index: &KnowledgeIndex, query: &str) -> anyhow::Result<Vec<Passage>> {
    let found = index.search(query, &encoder.embed(query)?, index.entries().len())?;
    let passage = |candidate: &Candidate| {
        let entry = &index.entries()[candidate.entry];
        Passage {
            id: entry.passage_id(candidate.part),
            title: entry.title.clone(),
            text: entry.passages[candidate.part].clone(),
            score: candidate.score,
        }
    };
    Ok(found.passages.iter().map(passage).collect())
}

/// The first of `passages` as the answer, with the next ones as further passages.
fn stored(group: &str, question: &str, mut passages: Vec<Passage>, acceptable: bool) -> Case {
    passages.truncate(3);
    Case {
        group: group.to_owned(),
        question: question.to_owned(),
        answer: passages.first().map(|passage| passage.text.clone()).unwrap_or_default(),
        passages,
        acceptable,
        flaw: (!acceptable).then(|| "off_topic".to_owned()),
        origin: Origin::Stored,
    }
}

fn untitled(at: usize, text: &str) -> Passage {
    Passage { id: at.to_string(), title: String::new(), text: text.to_owned(), score: 0.5 }
}
