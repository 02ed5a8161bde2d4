//! Small knowledge bases to learn answerability on, and questions to them.
//!
//! A world is a domain with topics that a knowledge base may have or lack. Public intents make
//! worlds without answers: a few utterances of an intent are its phrasings and another stands for
//! its answer. The hand-written ones are real questions and answers with look-alikes that they do
//! not answer. A simulation draws a knowledge base from a world; questions to topics that it left
//! out are the near misses that a real customer asks.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use farthing_domain::guard::words;
use farthing_models::encoder::{Encoder, cosine};
use farthing_models::knowledge::KnowledgeIndex;
use farthing_models::knowledge::answerability::Features;
use farthing_models::knowledge::answerability::features::measure;
use farthing_models::knowledge::retrieval::Weights;
use farthing_models::knowledge::source::Entry;
use serde::Deserialize;

use super::wording::{altered, in_passing};
use crate::data::{Part, read};

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

/// Something that may be asked about.
#[derive(Clone, Debug)]
struct Topic {
    /// The stored answer; a public intent has none.
    answer: Option<String>,
    /// Phrasings that an author would write down.
    written: Vec<String>,
    /// Phrasings that only customers use.
    asked: Vec<String>,
}

/// A domain.
#[derive(Clone, Debug)]
pub(super) struct World {
    /// Its name.
    pub(super) name: String,
    /// Whether its topics are public intents.
    pub(super) is_public: bool,
    topics: Vec<Topic>,
    /// Questions that none of its topics answers.
    strangers: Vec<String>,
}

/// One question to one knowledge base.
#[derive(Clone, Debug)]
pub(super) struct Example {
    /// What was measured.
    pub(super) features: Features,
    /// Whether the first entry found is the one that answers.
    pub(super) is_right: bool,
    /// Whether the knowledge base has an entry that answers.
    pub(super) is_answerable: bool,
    /// Whether the world is made of public intents.
    pub(super) is_public: bool,
    /// How much it counts.
    pub(super) weight: f32,
}

/// Which hand-written world belongs to which part; all others are for training.
const HELD_OUT_FAQS: &[(&str, Part)] = &[("shop", Part::Validation), ("invoices", Part::Test)];

/// The worlds of each part. Public intents are split by intent, hand-written ones by world.
pub(super) struct Worlds {
    /// All worlds with the part that they belong to.
    pub(super) all: Vec<(Part, World)>,
    /// The rows of each public source.
    pub(super) sources: BTreeMap<String, usize>,
    /// How many hand-written lines there are.
    pub(super) own_rows: usize,
}

impl Worlds {
    /// Reads `intents.jsonl` and `faqs.jsonl` in the folder `data`.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub(super) fn read(data: &Path) -> anyhow::Result<Self> {
        let intents: Vec<IntentRow> = read(&data.join("intents.jsonl"))?;
        let faqs: Vec<FaqRow> = read(&data.join("faqs.jsonl"))?;
        let mut sources = BTreeMap::new();
        intents.iter().for_each(|row| *sources.entry(row.source.clone()).or_default() += 1);
        let mut all = public(&intents);
        let own_rows = faqs.len();
        all.extend(own(faqs));
        Ok(Self { all, sources, own_rows })
    }

    /// The worlds of `part`.
    pub(super) fn of(&self, part: Part) -> impl Iterator<Item = &World> {
        self.all.iter().filter(move |(other, _)| *other == part).map(|(_, world)| world)
    }
}

/// Three worlds of public intents. Half of the intents, by the hash of the name, are for training;
/// the other half is shared by validation and test, which need enough topics for near misses.
fn public(rows: &[IntentRow]) -> Vec<(Part, World)> {
    let mut topics: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut outside: Vec<String> = Vec::new();
    for row in rows {
        if row.intent == "oos" {
            outside.push(row.text.clone());
        } else {
            topics.entry(&row.intent).or_default().push(row.text.clone());
        }
    }
    let share = |key: &str| farthing_models::features::hash("answerability", key) % 4;
    [(Part::Train, [0, 1].as_slice()), (Part::Validation, &[2]), (Part::Test, &[3])]
        .into_iter()
        .map(|(part, shares)| {
            let is_here = |key: &str| shares.contains(&share(key));
            let here = topics.iter().filter(|(intent, _)| is_here(intent));
            let world = World {
                name: "public intents".to_owned(),
                is_public: true,
                topics: here
                    .map(|(_, texts)| Topic { answer: None, written: texts.clone(), asked: Vec::new() })
                    .collect(),
                strangers: outside.iter().filter(|text| is_here(text)).cloned().collect(),
            };
            (part, world)
        })
        .collect()
}

fn own(rows: Vec<FaqRow>) -> Vec<(Part, World)> {
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
    let part_of =
        |name: &str| HELD_OUT_FAQS.iter().find(|(held, _)| *held == name).map_or(Part::Train, |(_, part)| *part);
    worlds.into_values().map(|world| (part_of(&world.name), world)).collect()
}

/// A drawn knowledge base with its questions, and the place of the entry that answers each.
pub(super) struct Simulation {
    index: KnowledgeIndex,
    questions: Vec<(String, Vec<f32>, Option<usize>)>,
    is_public: bool,
}

impl Simulation {
    /// Draws a knowledge base from `world`; `passers_by` are questions of other domains.
    ///
    /// # Errors
    /// When a text cannot be embedded.
    pub(super) fn draw(
        world: &World,
        passers_by: &[String],
        encoder: &dyn Encoder,
        random: &mut Random,
    ) -> anyhow::Result<Self> {
        let share = if world.is_public { 0.3 + 0.4 * random.unit() } else { 0.65 + 0.3 * random.unit() };
        let mut entries: Vec<Entry> = Vec::new();
        let mut questions: Vec<(String, Option<usize>)> = Vec::new();
        let mut look_alikes: Vec<String> = Vec::new();
        for topic in &world.topics {
            let mut written = topic.written.clone();
            if random.unit() > share {
                questions.extend(topic.asked.iter().chain(&written).take(4).map(|text| (text.clone(), None)));
                continue;
            }
            if world.is_public {
                random.shuffle(&mut written);
            }
            let phrasings = if world.is_public {
                1 + random.below(3)
            } else {
                written.len().saturating_sub(random.below(3)).max(1)
            };
            let mut rest = written.split_off(phrasings.min(written.len()));
            let answer = match &topic.answer {
                Some(answer) => answer.clone(),
                None => rest.pop().unwrap_or_default(),
            };
            let at = entries.len();
            questions.extend(topic.asked.iter().chain(&rest).take(6).map(|text| (text.clone(), Some(at))));
            // Customers often use an entry's own words, and an author has put down the common ones.
            for _ in 0..2 {
                questions.push((in_passing(&written[random.below(written.len())], random), Some(at)));
            }
            look_alikes.extend(altered(&written[random.below(written.len())], random));
            let mut written = written.into_iter();
            entries.push(Entry {
                id: format!("{}#{at}", world.name),
                title: written.next().unwrap_or_default(),
                also: written.collect(),
                passages: vec![answer],
                file: world.name.clone(),
                line: at + 1,
            });
        }
        // An opposite question may have an entry of its own: then it is no look-alike.
        let known: HashSet<Vec<String>> =
            (world.topics.iter().flat_map(|topic| &topic.written)).map(|text| words(text)).collect();
        let others = look_alikes.into_iter().filter(|text| !known.contains(&words(text)));
        questions.extend(others.map(|text| (text, None)));
        questions.extend(world.strangers.iter().map(|text| (text.clone(), None)));
        let mut others = passers_by.to_vec();
        random.shuffle(&mut others);
        questions.extend(others.into_iter().take(world.topics.len() / 2).map(|text| (text, None)));
        let embedded = questions
            .into_iter()
            .map(|(text, entry)| Ok((encoder.embed(&text)?, text, entry)))
            .map(|row: anyhow::Result<_>| row.map(|(vector, text, entry)| (text, vector, entry)));
        let questions = embedded.collect::<anyhow::Result<_>>()?;
        Ok(Self { index: KnowledgeIndex::build(entries, encoder)?, questions, is_public: world.is_public })
    }

    /// Whether its world is made of public intents.
    #[must_use]
    pub(super) const fn is_public(&self) -> bool {
        self.is_public
    }

    /// How many questions with an answer find it first, and how many there are.
    ///
    /// # Errors
    /// When a vector is of the wrong length.
    pub(super) fn first_right(&self, weights: Weights) -> anyhow::Result<(usize, usize)> {
        let mut right = 0;
        let answerable = self.questions.iter().filter_map(|(text, vector, entry)| Some((text, vector, (*entry)?)));
        let all = answerable.clone().count();
        for (text, vector, entry) in answerable {
            let found = self.index.search_with(weights, text, vector, 1)?;
            right += usize::from(found.passages.first().is_some_and(|first| first.entry == entry));
        }
        Ok((right, all))
    }

    /// The questions as examples; those with an answer and those without count the same in sum.
    ///
    /// # Errors
    /// When a vector is of the wrong length.
    pub(super) fn examples(&self) -> anyhow::Result<Vec<Example>> {
        let mut examples = Vec::with_capacity(self.questions.len());
        for (text, vector, entry) in &self.questions {
            let found = self.index.search(text, vector, 1)?;
            let Some(features) = measure(&self.index, text, &found) else { continue };
            examples.push(Example {
                features,
                is_right: entry.is_some() && found.passages.first().map(|first| first.entry) == *entry,
                is_answerable: entry.is_some(),
                is_public: self.is_public,
                weight: 1.0,
            });
        }
        let answerable = examples.iter().filter(|example| example.is_answerable).count().max(1) as f32;
        let others = (examples.len() as f32 - answerable).max(1.0);
        for example in &mut examples {
            example.weight = 0.5 / if example.is_answerable { answerable } else { others };
        }
        Ok(examples)
    }
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

/// A reproducible source of chance: `SplitMix64`.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to, and without, 1.
    pub(super) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// A whole number from 0 up to, and without, `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(parts.iter().map(HashSet::len).sum::<usize>(), 1_000);
        assert!(parts.iter().all(|part| part.len() >= 150));
        for (at, part) in parts.iter().enumerate() {
            assert!(parts[at + 1..].iter().all(|other| part.is_disjoint(other)));
        }
    }

    /// Texts with the same words have the same vector.
    struct Hashing;

    impl Encoder for Hashing {
        fn embed(&self, text: &str) -> Result<Vec<f32>, farthing_models::encoder::EncoderError> {
            let mut vector = vec![0.0_f32; 128];
            for word in words(text) {
                vector[(farthing_models::features::hash("t", &word) % 128) as usize] += 1.0;
            }
            let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::EPSILON);
            Ok(vector.iter().map(|x| x / length).collect())
        }

        fn count_tokens(&self, text: &str) -> usize {
            words(text).len()
        }
    }

    #[test]
    fn a_simulation_has_both_kinds_of_questions_in_balance() {
        let worlds = public(&rows());
        let drawn = Simulation::draw(&worlds[0].1, &["what is the time".to_owned()], &Hashing, &mut Random(5)).unwrap();
        let examples = drawn.examples().unwrap();
        let sum = |answerable: bool| -> f32 {
            examples.iter().filter(|example| example.is_answerable == answerable).map(|example| example.weight).sum()
        };
        assert!((sum(true) - 0.5).abs() < 1e-3 && (sum(false) - 0.5).abs() < 1e-3, "{} {}", sum(true), sum(false));
        assert!(examples.iter().all(|example| example.is_answerable || !example.is_right));
        let (right, all) = drawn.first_right(Weights::default()).unwrap();
        assert!(right > 0 && right <= all);
        let again = Simulation::draw(&worlds[0].1, &["what is the time".to_owned()], &Hashing, &mut Random(5)).unwrap();
        assert_eq!(again.questions, drawn.questions, "the same seed gives the same simulation");
    }
}
