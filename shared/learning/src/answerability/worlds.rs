//! Small knowledge bases to learn answerability on, and questions to them.
//!
//! A world is a domain with topics that a knowledge base may have or lack. Public intents make
//! worlds without answers: a few utterances of an intent are its phrasings and another stands for
//! its answer. The hand-written ones are questions and answers with look-alikes that they do not
//! answer.

use std::collections::BTreeMap;
use std::path::Path;

use farthing_models::encoder::{Encoder, cosine};
use serde::Deserialize;

use crate::data::{Part, part_of_world, read};

/// One question or statement of a public intent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IntentRow {
    text: String,
    intent: String,
    /// Where the row comes from.
    pub(super) source: String,
}

/// One line of the hand-written knowledge bases: an entry, or a question without one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, untagged)]
enum FaqRow {
    Entry { faq: String, question: String, answer: String, also: Vec<String>, asked: Vec<String> },
    Unanswerable { faq: String, unanswerable: String },
}

/// One line of a file that has one world of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, untagged)]
enum WorldRow {
    Entry {
        question: String,
        answer: String,
        also: Vec<String>,
        asked: Vec<String>,
    },
    /// A question that the entry `near` looks like answering, and does not.
    Missed {
        unanswerable: String,
        #[serde(rename = "near")]
        _near: String,
    },
}

impl WorldRow {
    fn of(self, faq: String) -> FaqRow {
        match self {
            Self::Entry { question, answer, also, asked } => FaqRow::Entry { faq, question, answer, also, asked },
            Self::Missed { unanswerable, .. } => FaqRow::Unanswerable { faq, unanswerable },
        }
    }
}

/// Something that may be asked about.
#[derive(Clone, Debug)]
pub(super) struct Topic {
    /// The stored answer; a public intent has none.
    pub(super) answer: Option<String>,
    /// Phrasings that an author would write down.
    pub(super) written: Vec<String>,
    /// Phrasings that only customers use.
    pub(super) asked: Vec<String>,
}

/// A domain.
#[derive(Clone, Debug)]
pub(super) struct World {
    /// Its name.
    pub(super) name: String,
    /// Whether its topics are public intents.
    pub(super) is_public: bool,
    /// What may be asked about.
    pub(super) topics: Vec<Topic>,
    /// Questions that none of its topics answers.
    pub(super) strangers: Vec<String>,
}

/// The worlds of each part. Public intents are split by intent, hand-written ones by world.
pub(super) struct Worlds {
    /// All worlds with the part that they belong to; `None` for those that taught the pair model.
    pub(super) all: Vec<(Option<Part>, World)>,
    /// The rows of each public source.
    pub(super) sources: BTreeMap<String, usize>,
    /// How many hand-written lines there are.
    pub(super) own_rows: usize,
}

impl Worlds {
    /// Reads `intents.jsonl`, `faqs.jsonl` and the files of the folder `faqs` in the folder `data`.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub(super) fn read(data: &Path) -> anyhow::Result<Self> {
        let intents: Vec<IntentRow> = read(&data.join("intents.jsonl"))?;
        let mut faqs: Vec<FaqRow> = read(&data.join("faqs.jsonl"))?;
        let files = std::fs::read_dir(data.join("faqs"))?.map(|file| Ok(file?.path()));
        let mut files = files.collect::<std::io::Result<Vec<_>>>()?;
        files.sort();
        for file in files {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            faqs.extend(read::<WorldRow>(&file)?.into_iter().map(|row| row.of(name.clone())));
        }
        let mut sources = BTreeMap::new();
        intents.iter().for_each(|row| *sources.entry(row.source.clone()).or_default() += 1);
        let mut all = public(&intents);
        let own_rows = faqs.len();
        all.extend(own(faqs));
        Ok(Self { all, sources, own_rows })
    }

    /// The worlds of `part`.
    pub(super) fn of(&self, part: Part) -> impl Iterator<Item = &World> {
        self.all.iter().filter(move |(other, _)| *other == Some(part)).map(|(_, world)| world)
    }
}

/// Three worlds of public intents: four fifths, by the hash of source and name, taught the pair model;
/// of the rest one half is the test, and the other is divided once more.
fn public(rows: &[IntentRow]) -> Vec<(Option<Part>, World)> {
    let mut topics: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    let mut outside: Vec<String> = Vec::new();
    for row in rows {
        if row.intent == "oos" {
            outside.push(row.text.clone());
        } else {
            topics.entry((&row.source, &row.intent)).or_default().push(row.text.clone());
        }
    }
    [Part::Train, Part::Validation, Part::Test]
        .into_iter()
        .map(|part| {
            let here =
                topics.iter().filter(|((source, intent), _)| part_of(&format!("{source} {intent}")) == Some(part));
            let world = World {
                name: "public intents".to_owned(),
                is_public: true,
                topics: here
                    .map(|(_, texts)| Topic { answer: None, written: texts.clone(), asked: Vec::new() })
                    .collect(),
                strangers: outside.iter().filter(|text| part_of(text) == Some(part)).cloned().collect(),
            };
            (Some(part), world)
        })
        .collect()
}

/// The part of an intent, by FNV-1a of its name: the rule by which the pair model's rows were chosen.
fn part_of(name: &str) -> Option<Part> {
    let hash = name.bytes().fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    match hash % 100 {
        0..80 => None,
        80..85 => Some(Part::Train),
        85..90 => Some(Part::Validation),
        _ => Some(Part::Test),
    }
}

fn own(rows: Vec<FaqRow>) -> Vec<(Option<Part>, World)> {
    let mut worlds: BTreeMap<String, World> = BTreeMap::new();
    for row in rows {
        let (name, topic, stranger) = match row {
            FaqRow::Entry { faq, question, answer, also, asked } => {
                let written = std::iter::once(question).chain(also).collect();
                (faq, Some(Topic { answer: Some(answer), written, asked }), None)
            }
            FaqRow::Unanswerable { faq, unanswerable } => (faq, None, Some(unanswerable)),
        };
        let empty = || World { name: name.clone(), is_public: false, topics: Vec::new(), strangers: Vec::new() };
        let world = worlds.entry(name.clone()).or_insert_with(empty);
        world.topics.extend(topic);
        world.strangers.extend(stranger);
    }
    worlds.into_values().map(|world| (part_of_world(&world.name), world)).collect()
}

/// Questions of other worlds of the same part that are not about `world`: at a cosine under 0.6
/// from all that it has written.
///
/// # Errors
/// When a text cannot be embedded.
pub(super) fn passers_by(world: &World, others: &[&World], encoder: &dyn Encoder) -> anyhow::Result<Vec<String>> {
    let written: Vec<Vec<f32>> = (world.topics.iter().flat_map(|topic| &topic.written))
        .map(|text| encoder.embed(text))
        .collect::<Result<_, _>>()?;
    let mut passing = Vec::new();
    for other in others.iter().filter(|other| other.name != world.name) {
        for text in other.topics.iter().flat_map(|topic| topic.asked.iter().chain(&topic.written).take(2)) {
            let vector = encoder.embed(text)?;
            if written.iter().all(|known| cosine(known, &vector) < 0.6) {
                passing.push(text.clone());
            }
        }
    }
    Ok(passing)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn rows() -> Vec<IntentRow> {
        let row =
            |intent: String, at: usize| IntentRow { text: format!("{intent} {at}"), intent, source: "t".to_owned() };
        (0..200).flat_map(|intent| (0..5).map(move |at| row(format!("intent {intent}"), at))).collect()
    }

    #[test]
    fn no_intent_is_in_two_parts() {
        let worlds = public(&rows());
        let texts = |world: &World| -> HashSet<String> {
            world.topics.iter().flat_map(|topic| topic.written.clone()).collect()
        };
        let parts: Vec<HashSet<String>> = worlds.iter().map(|(_, world)| texts(world)).collect();
        assert!(parts.iter().all(|part| !part.is_empty()));
        for (at, part) in parts.iter().enumerate() {
            assert!(parts[at + 1..].iter().all(|other| part.is_disjoint(other)));
        }
    }
}
