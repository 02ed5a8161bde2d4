//! What was paid for, by topic: what an owner might write knowledge about.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::digest::{Bought, BoughtQuestion};
use crate::ids::AgentId;
use crate::money::Usd;

/// From this cosine with a topic's mean up a question is on it. At 0.7, of 190 questions to a bank in topics of three and more
/// 92 % are of their topic's commonest intent (BANKING77), and 41 % are in one; at 0.65 73 %, at 0.75 97 %.
pub(super) const SAME_TOPIC: f64 = 0.7;
/// The fewest questions of a sample that make a topic.
const LEAST: usize = 3;
/// The most topics that are told.
const MOST: usize = 20;

/// Questions about the same that were paid for, as far as a sample tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Topic {
    /// Whose knowledge did not answer them.
    pub agent: AgentId,
    /// How many, about.
    pub questions: u64,
    /// What their answers cost, about.
    pub cost_usd: f64,
    /// The passage that came nearest most often.
    pub nearest_passage: Option<String>,
    /// One of the questions, where the agent's owner wants words kept.
    pub example: Option<String>,
}

/// Questions of one agent that are near to each other.
pub(super) struct Cluster<'a> {
    /// The sum of their embeddings.
    pub(super) sum: Vec<f64>,
    pub(super) questions: Vec<&'a BoughtQuestion>,
}

/// The questions of the sample by topic, the largest topic first.
pub(super) fn clusters(bought: &Bought) -> Vec<Cluster<'_>> {
    let mut clusters: Vec<Cluster<'_>> = Vec::new();
    for question in bought.sample.iter() {
        let vector: Vec<f64> = question.embedding.to_vec().into_iter().map(f64::from).collect();
        let near = clusters.iter_mut().filter(|cluster| cluster.questions[0].agent == question.agent);
        let near = near.map(|cluster| (cosine(&cluster.sum, &vector), cluster));
        match near.max_by(|one, other| one.0.total_cmp(&other.0)).filter(|(cosine, _)| *cosine >= SAME_TOPIC) {
            Some((_, cluster)) => {
                cluster.sum.iter_mut().zip(&vector).for_each(|(sum, value)| *sum += value);
                cluster.questions.push(question);
            }
            None => clusters.push(Cluster { sum: vector, questions: vec![question] }),
        }
    }
    clusters.retain(|cluster| cluster.questions.len() >= LEAST);
    clusters.sort_by_key(|cluster| std::cmp::Reverse(cluster.questions.len()));
    clusters
}

/// The topics of what was paid for, the largest first.
#[must_use]
pub fn topics(bought: &Bought) -> Vec<Topic> {
    let drawn = bought.sample.iter().count() as f64;
    let topic = |cluster: Cluster<'_>| {
        let share = cluster.questions.len() as f64 / drawn;
        Topic {
            agent: cluster.questions[0].agent.clone(),
            questions: (share * bought.count as f64).round() as u64,
            cost_usd: share * Usd::from_nanos(bought.cost).as_dollars(),
            nearest_passage: commonest(cluster.questions.iter().filter_map(|question| question.passage.as_deref())),
            example: cluster.questions.iter().find_map(|question| question.words.as_deref()).map(plain),
        }
    };
    clusters(bought).into_iter().take(MOST).map(topic).collect()
}

/// The commonest text; of equals the first by name.
fn commonest<'a>(texts: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    texts.for_each(|text| *counts.entry(text).or_default() += 1);
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(text, _)| plain(text))
}

/// The text without marks that mean something in a page or a table: these are other people's words.
pub(super) fn plain(text: &str) -> String {
    let is_plain = |c: &char| c.is_alphanumeric() || " .,:?!'’-#/€$£%".contains(*c);
    text.chars().filter(is_plain).collect()
}

pub(super) fn cosine(one: &[f64], other: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let lengths = (dot(one, one) * dot(other, other)).sqrt();
    if lengths > 0.0 { dot(one, other) / lengths } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RequestId;
    use crate::outcome::QuantizedVector;

    /// A question of `agent` on the topic in this place.
    fn question(agent: &str, place: usize, number: u32) -> BoughtQuestion {
        let mut vector = vec![0.0; 40];
        vector[place] = 1.0;
        vector[20 + number as usize % 20] = 0.4;
        BoughtQuestion {
            agent: AgentId::parse(agent).unwrap(),
            embedding: QuantizedVector::of(&vector),
            passage: Some(format!("passage-{}", number % 3 / 2)),
            words: (number % 2 == 1).then(|| format!("question {place}")),
            answered: None,
        }
    }

    fn bought(questions: &[BoughtQuestion]) -> Bought {
        let mut bought = Bought { count: 10 * questions.len() as u64, cost: 5_000_000_000, ..Bought::default() };
        for (number, question) in questions.iter().enumerate() {
            bought.sample.add(&RequestId::parse(&format!("{number:026}")).unwrap(), || question.clone());
        }
        bought
    }

    #[test]
    fn questions_about_the_same_are_one_topic_and_agents_are_told_apart() {
        let mut questions: Vec<BoughtQuestion> = (0..12).map(|number| question("shop", 0, number)).collect();
        questions.extend((0..6).map(|number| question("shop", 1, number)));
        questions.extend((0..6).map(|number| question("bank", 0, number)));
        questions.extend((2..4).map(|place| question("shop", place, 0)));
        let found = topics(&bought(&questions));
        let sizes: Vec<_> = found.iter().map(|topic| (topic.agent.as_str(), topic.questions)).collect();
        assert_eq!(sizes[0], ("shop", 120));
        assert_eq!(sizes.len(), 3, "single questions are no topic: {sizes:?}");
        assert!(sizes.contains(&("bank", 60)) && sizes.contains(&("shop", 60)), "{sizes:?}");
        assert!((found[0].cost_usd - 5.0 * 12.0 / 26.0).abs() < 1e-9);
        assert_eq!(found[0].nearest_passage.as_deref(), Some("passage-0"), "two in three");
        assert_eq!(found[0].example.as_deref(), Some("question 0"), "the first that was kept");
    }

    #[test]
    fn words_of_others_are_shown_without_marks() {
        let words = Some("| <b>Where</b> is `it`?\n".to_owned());
        let questions: Vec<BoughtQuestion> =
            (0..3).map(|number| BoughtQuestion { words: words.clone(), ..question("shop", 0, number) }).collect();
        assert_eq!(topics(&bought(&questions))[0].example.as_deref(), Some(" bWhere/b is it?"));
    }

    #[test]
    fn nothing_bought_is_no_topic() {
        assert_eq!(topics(&Bought::default()), []);
        let silent: Vec<BoughtQuestion> =
            (0..4).map(|number| BoughtQuestion { words: None, passage: None, ..question("shop", 0, number) }).collect();
        let found = topics(&bought(&silent));
        assert_eq!((found.len(), &found[0].example, &found[0].nearest_passage), (1, &None, &None));
    }
}
