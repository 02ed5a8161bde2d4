//! Knowledge bases drawn from a world, and questions to them.
//!
//! Questions to topics that a draw left out are the near misses that a real customer asks.

use std::collections::HashSet;

use farthing_domain::guard::words;
use farthing_evaluation::measures::Random;
use farthing_models::encoder::{Encoder, PairReader};
use farthing_models::knowledge::KnowledgeIndex;
use farthing_models::knowledge::answerability::Features;
use farthing_models::knowledge::answerability::features::measure;
use farthing_models::knowledge::retrieval::Weights;
use farthing_models::knowledge::source::Entry;

use super::wording::{altered, in_passing};
use super::worlds::World;

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
        // A world of few intents needs most of them; of the hand-written ones a quarter is left out at most.
        let share = if world.is_public { 0.6 + 0.3 * random.unit() } else { 0.75 + 0.25 * random.unit() };
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
        self.count_right(|text, vector| {
            let found = self.index.search_with(weights, text, vector, 1)?;
            Ok(found.passages.first().map(|first| first.entry))
        })
    }

    /// The same after reading, with `weight` for the score of retrieval beside the reader's log-odds.
    ///
    /// # Errors
    /// When a vector is of the wrong length, or a pair cannot be read.
    pub(super) fn first_right_read(&self, reader: &dyn PairReader, weight: f32) -> anyhow::Result<(usize, usize)> {
        self.count_right(|text, vector| {
            let read = self.index.read_with(reader, weight, text, vector)?;
            Ok(read.found.passages.first().map(|first| first.entry))
        })
    }

    fn count_right(
        &self,
        first: impl Fn(&str, &[f32]) -> anyhow::Result<Option<usize>>,
    ) -> anyhow::Result<(usize, usize)> {
        let (mut right, mut all) = (0, 0);
        for (text, vector, entry) in &self.questions {
            let Some(entry) = entry else { continue };
            all += 1;
            right += usize::from(first(text, vector)? == Some(*entry));
        }
        Ok((right, all))
    }

    /// The questions as examples; those with an answer and those without count the same in sum.
    ///
    /// # Errors
    /// When a vector is of the wrong length, or a pair cannot be read.
    pub(super) fn examples(&self, reader: &dyn PairReader) -> anyhow::Result<Vec<Example>> {
        let mut examples = Vec::with_capacity(self.questions.len());
        for (text, vector, entry) in &self.questions {
            let read = self.index.read(reader, text, vector)?;
            let Some(features) = measure(&self.index, text, &read) else { continue };
            examples.push(Example {
                features,
                is_right: entry.is_some() && read.found.passages.first().map(|first| first.entry) == *entry,
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

#[cfg(test)]
mod tests {
    use farthing_models::encoder::{EncoderError, PairLogits};

    use super::super::worlds::Topic;
    use super::*;

    /// Texts with the same words have the same vector.
    struct Hashing;

    impl Encoder for Hashing {
        fn embed(&self, text: &str) -> Result<Vec<f32>, EncoderError> {
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

    struct Undecided;

    impl PairReader for Undecided {
        fn read(&self, _: &str, _: &str) -> Result<PairLogits, EncoderError> {
            Ok(PairLogits { answers: 0.0, same: 0.0 })
        }
    }

    fn world() -> World {
        let topic = |at: usize| Topic {
            answer: None,
            written: (0..5).map(|n| format!("topic {at} words {n}")).collect(),
            asked: Vec::new(),
        };
        World {
            name: "t".to_owned(),
            is_public: true,
            topics: (0..60).map(topic).collect(),
            strangers: vec!["something else".to_owned()],
        }
    }

    #[test]
    fn a_simulation_has_both_kinds_of_questions_in_balance() {
        let drawn =
            Simulation::draw(&world(), &["what is the time".to_owned()], &Hashing, &mut Random::new(5)).unwrap();
        let examples = drawn.examples(&Undecided).unwrap();
        let sum = |answerable: bool| -> f32 {
            examples.iter().filter(|example| example.is_answerable == answerable).map(|example| example.weight).sum()
        };
        assert!((sum(true) - 0.5).abs() < 1e-3 && (sum(false) - 0.5).abs() < 1e-3, "{} {}", sum(true), sum(false));
        assert!(examples.iter().all(|example| example.is_answerable || !example.is_right));
        let (right, all) = drawn.first_right(Weights::default()).unwrap();
        assert!(right > 0 && right <= all);
        let again =
            Simulation::draw(&world(), &["what is the time".to_owned()], &Hashing, &mut Random::new(5)).unwrap();
        assert_eq!(again.questions, drawn.questions, "the same seed gives the same simulation");
    }
}
