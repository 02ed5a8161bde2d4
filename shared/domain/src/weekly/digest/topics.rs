//! What was asked about, as embeddings tell.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::complexity::Tier;
use crate::hex::hex;
use crate::ids::{AgentId, RequestId, Tenant};
use crate::knowledge::LearnedEntry;
use crate::outcome::{Feedback, Origin, Outcome, QuantizedVector, QueryRecord};

/// How many requests a sample has: enough for shares within 3 %, and 200 KB of embeddings.
const SAMPLED: usize = 256;
const MILLION: f32 = 1e6;

/// The sum of embeddings, in millionths, so that the order in which they come makes no difference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Centroid {
    count: u64,
    sum: Vec<i64>,
}

impl Centroid {
    /// Adds an embedding. One with more or fewer numbers than the first is of another encoder, and not added.
    pub fn add(&mut self, embedding: &QuantizedVector) {
        let vector = embedding.to_vec();
        if self.count == 0 {
            self.sum = vec![0; vector.len()];
        }
        if vector.len() == self.sum.len() {
            self.count += 1;
            let millionths = vector.into_iter().map(|value| (value * MILLION).round() as i64);
            self.sum.iter_mut().zip(millionths).for_each(|(sum, value)| *sum += value);
        }
    }

    /// Adds what `other` added.
    pub fn merge(&mut self, other: &Self) {
        if self.count == 0 {
            *self = other.clone();
        } else if self.sum.len() == other.sum.len() {
            self.count += other.count;
            self.sum.iter_mut().zip(&other.sum).for_each(|(sum, other)| *sum += other);
        }
    }

    /// How many were added.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; nothing when there are none.
    #[must_use]
    pub fn mean(&self) -> Vec<f64> {
        let count = self.count as f64;
        self.sum.iter().map(|sum| *sum as f64 / f64::from(MILLION) / count).collect()
    }
}

/// Something of some requests: of those whose names hash lowest, so that it is the same sample however outcomes are split, and
/// nobody can choose to be in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample<T, const MOST: usize = SAMPLED>(Vec<Drawn<T>>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Drawn<T> {
    /// The beginning of the hash.
    hash: String,
    of: T,
}

impl<T, const MOST: usize> Default for Sample<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Clone, const MOST: usize> Sample<T, MOST> {
    /// Adds what `of` gives of the request, if its name hashes low enough.
    pub fn add(&mut self, request: &RequestId, of: impl FnOnce() -> T) {
        let hash = hex(&Sha256::digest(format!("sample:{request}"))[..8]);
        if let Some(place) = self.place(&hash) {
            self.insert(place, Drawn { hash, of: of() });
        }
    }

    /// Adds those of `other` that hash low enough.
    pub fn merge(&mut self, other: &Self) {
        for drawn in &other.0 {
            if let Some(place) = self.place(&drawn.hash) {
                self.insert(place, drawn.clone());
            }
        }
    }

    /// Half of what was drawn, or the other half: by the names of the requests, so that a request is always in the same one.
    pub fn half(&self, first: bool) -> impl Iterator<Item = &T> + Clone {
        let is_in = move |drawn: &&Drawn<T>| drawn.hash.bytes().last().is_some_and(|digit| (digit % 2 == 0) == first);
        self.0.iter().filter(is_in).map(|drawn| &drawn.of)
    }

    /// What was drawn.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|drawn| &drawn.of)
    }

    fn place(&self, hash: &String) -> Option<usize> {
        self.0.binary_search_by(|drawn| drawn.hash.cmp(hash)).err().filter(|place| *place < MOST)
    }

    fn insert(&mut self, place: usize, drawn: Drawn<T>) {
        self.0.insert(place, drawn);
        self.0.truncate(MOST);
    }
}

/// The questions that knowledge did not answer and money did, simple and medium ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bought {
    /// How many.
    pub count: u64,
    /// What their answers cost, in nano-USD.
    pub cost: i64,
    /// Some of them.
    pub sample: Sample<BoughtQuestion>,
    /// The tenants that asked each agent anything at all, the first two by name: whether there were several.
    #[serde(default)]
    pub tenants: BTreeMap<String, BTreeSet<String>>,
}

/// One question that was paid for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoughtQuestion {
    /// Whose knowledge did not answer it.
    pub agent: AgentId,
    /// Its embedding.
    pub embedding: QuantizedVector,
    /// The passage that came nearest, if there was one.
    pub passage: Option<String>,
    /// Its words, where the agent's owner wants them kept; the beginning of them.
    pub words: Option<String>,
    /// Its answer, where words are kept and both texts are short enough to be here whole.
    #[serde(default)]
    pub answered: Option<BoughtAnswer>,
}

/// What money bought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoughtAnswer {
    /// Which request it was.
    pub request: RequestId,
    /// Whose.
    pub tenant: Tenant,
    /// The answer.
    pub text: String,
    /// Its score, 0 to 1.
    pub score: f32,
    /// Whether its caller called it unhelpful.
    pub is_unhelpful: bool,
}

impl Bought {
    /// The most characters of a question's words.
    const MOST_CHARS: usize = LearnedEntry::MOST_QUESTION_CHARS;
    /// The most characters of an answer: longer ones are left out, as a part of one is no answer.
    const MOST_ANSWER_CHARS: usize = 1_000;
    /// How many tenants of an agent are named.
    const TENANTS: usize = 2;

    /// Adds a request, if it is one.
    pub fn add(&mut self, outcome: &Outcome, query: &QueryRecord) {
        let tenants = self.tenants.entry(outcome.agent.as_str().to_owned()).or_default();
        add_first(tenants, outcome.tenant.as_str());
        let is_about_knowledge = matches!(query.tier, Tier::Simple | Tier::Medium);
        if outcome.origin != Origin::Paid || !is_about_knowledge {
            return;
        }
        self.count += 1;
        self.cost += outcome.cost.nanos();
        self.sample.add(&outcome.request, || BoughtQuestion {
            agent: outcome.agent.clone(),
            embedding: query.embedding.clone(),
            passage: query.knowledge.as_ref().map(|knowledge| knowledge.passage.clone()),
            words: outcome.words.as_ref().map(|words| words.question.chars().take(Self::MOST_CHARS).collect()),
            answered: Self::answer(outcome),
        });
    }

    /// The outcome's answer, if words are kept, both texts are whole, and the question can be understood alone.
    fn answer(outcome: &Outcome) -> Option<BoughtAnswer> {
        let is_within = |text: &str, most: usize| text.chars().nth(most).is_none();
        let words = outcome.words.as_ref().filter(|words| {
            !words.is_follow_up
                && is_within(&words.question, Self::MOST_CHARS)
                && is_within(&words.answer, Self::MOST_ANSWER_CHARS)
        })?;
        Some(BoughtAnswer {
            request: outcome.request.clone(),
            tenant: outcome.tenant.clone(),
            text: words.answer.clone(),
            score: outcome.score?,
            is_unhelpful: outcome.feedback == Some(Feedback::Unhelpful),
        })
    }

    /// Adds what `other` is of.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.cost += other.cost;
        self.sample.merge(&other.sample);
        for (agent, others) in &other.tenants {
            let tenants = self.tenants.entry(agent.clone()).or_default();
            others.iter().for_each(|tenant| add_first(tenants, tenant));
        }
    }

    /// Whether several tenants asked the agent.
    #[must_use]
    pub fn has_several_tenants(&self, agent: &AgentId) -> bool {
        self.tenants.get(agent.as_str()).is_some_and(|tenants| tenants.len() > 1)
    }
}

/// Adds a tenant to the first ones by name.
fn add_first(tenants: &mut BTreeSet<String>, tenant: &str) {
    if !tenants.contains(tenant) {
        tenants.insert(tenant.to_owned());
    }
    if tenants.len() > Bought::TENANTS {
        tenants.pop_last();
    }
}
