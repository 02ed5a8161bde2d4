//! Knowledge that paid answers propose: of questions that come again and again, and are answered alike.
//!
//! A proposal needs, of one agent's topic, enough questions whose paid answers were good and say the same. What is left out
//! can only make fewer proposals: answers that deviate, those of a tenant that asks more than all others together, and texts
//! that look personal.

mod agreement;
mod privacy;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use self::agreement::Said;
use super::digest::{Bought, BoughtAnswer};
use super::report::WEEKS;
use super::topics::{Cluster, SAME_TOPIC, clusters, cosine, plain};
use crate::guard;
use crate::hex::hex;
use crate::ids::{AgentId, EntryId};
use crate::knowledge::{EntryState, LearnedEntry};
use crate::money::Usd;
use crate::outcome::QuantizedVector;
use crate::policy::{Approval, Policy};
use crate::time::Week;

/// The most proposals of a week.
const MOST: usize = 10;
/// Of the good answers on a topic so many have to say the same, in thirds: more than a tenant can have.
const ALIKE_THIRDS: usize = 2;
/// The most characters of a question's words in an id.
const MOST_SLUG_CHARS: usize = 48;

/// A proposal, as a report tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProposalLine {
    /// The entry's id.
    pub id: EntryId,
    /// Whose knowledge it would be.
    pub agent: AgentId,
    /// The question, without marks that would mean something in a page.
    pub question: String,
    /// How many paid questions of the week it stands for, about.
    pub questions: u64,
    /// What it would save in a month, about.
    pub saves_usd_a_month: f64,
    /// Whether it waits for the owner or is accepted.
    pub state: EntryState,
}

impl From<&LearnedEntry> for ProposalLine {
    fn from(entry: &LearnedEntry) -> Self {
        Self {
            id: entry.id.clone(),
            agent: entry.agent.clone(),
            question: plain(&entry.question),
            questions: entry.questions,
            saves_usd_a_month: entry.saves_usd_a_month,
            state: entry.state,
        }
    }
}

/// A paid question that may propose knowledge.
#[derive(Clone, Copy)]
struct Evidence<'a> {
    question: &'a str,
    answer: &'a BoughtAnswer,
    said: &'a Said,
    /// How near it is to its topic's mean.
    nearness: f64,
}

/// The entries that `week`, in which this was bought, proposes beside those that are `known`, whatever became of these: the
/// entries of the largest topics first. Asked again for the same week it proposes the same.
#[must_use]
pub fn proposals(week: Week, bought: &Bought, policy: &Policy, known: &[LearnedEntry]) -> Vec<LearnedEntry> {
    let mut proposed: Vec<LearnedEntry> = Vec::new();
    for cluster in clusters(bought) {
        if proposed.len() == MOST {
            break;
        }
        let Some(entry) = proposal(week, &cluster, bought, policy) else { continue };
        // This run may have been made before, but for its end.
        let mut before = known.iter().filter(|known| known.week != week);
        if !before.any(|known| is_about_the_same(known, &entry)) && proposed.iter().all(|other| other.id != entry.id) {
            proposed.push(entry);
        }
    }
    proposed
}

fn proposal(week: Week, cluster: &Cluster<'_>, bought: &Bought, policy: &Policy) -> Option<LearnedEntry> {
    let agent = &cluster.questions[0].agent;
    let answered: Vec<_> = cluster
        .questions
        .iter()
        .filter_map(|question| {
            let (words, answer) = (question.words.as_deref()?.trim(), question.answered.as_ref()?);
            let is_usable = !guard::words(words).is_empty() && !guard::words(&answer.text).is_empty();
            let is_personal = privacy::is_personal(words) || privacy::is_personal(&answer.text);
            let vector: Vec<f64> = question.embedding.to_vec().into_iter().map(f64::from).collect();
            let nearness = cosine(&cluster.sum, &vector);
            (is_usable && !is_personal).then(|| (words, answer, Said::of(&answer.text), nearness))
        })
        .collect();
    let all = answered.iter().map(|(question, answer, said, nearness)| Evidence {
        question,
        answer,
        said,
        nearness: *nearness,
    });
    let all: Vec<Evidence<'_>> = all.collect();
    let is_good =
        |evidence: &&Evidence<'_>| evidence.answer.score > policy.quality.deliver && !evidence.answer.is_unhelpful;
    let several = bought.has_several_tenants(agent);
    let good = of_fair_shares(all.iter().filter(is_good).copied().collect(), several);
    let alike = alike(&good);
    if 3 * alike.len() < ALIKE_THIRDS * good.len() {
        return None;
    }
    let mut alike = of_fair_shares(alike, several);
    if alike.len() < policy.learning.min_questions {
        return None;
    }
    let answer = *alike.get(medoid(&alike)?)?;
    if all.iter().any(|evidence| evidence.answer.is_unhelpful && evidence.said.agrees_with(answer.said)) {
        return None;
    }
    alike.sort_by(|one, other| {
        other.nearness.total_cmp(&one.nearness).then_with(|| one.answer.request.cmp(&other.answer.request))
    });
    let mut seen = HashSet::new();
    let mut questions = alike.iter().map(|evidence| evidence.question).filter(|question| seen.insert(folded(question)));
    let question = questions.next()?.to_owned();
    let drawn = bought.sample.iter().count() as f64;
    let share = alike.len() as f64 / drawn;
    let mean: Vec<f32> = cluster.sum.iter().map(|sum| (sum / cluster.questions.len() as f64) as f32).collect();
    Some(LearnedEntry {
        id: entry_id(agent, &question)?,
        agent: agent.clone(),
        also: questions.take(LearnedEntry::MOST_ALSO).map(str::to_owned).collect(),
        question,
        answer: answer.answer.text.trim().to_owned(),
        sources: alike.iter().map(|evidence| evidence.answer.request.clone()).collect(),
        questions: (share * bought.count as f64).round() as u64,
        saves_usd_a_month: share * Usd::from_nanos(bought.cost).as_dollars() * WEEKS,
        week,
        topic: QuantizedVector::of(&mean),
        state: match policy.learning.approve {
            Approval::Owner => EntryState::Proposed,
            Approval::Automatic => EntryState::Accepted,
        },
    })
}

/// The evidence of which no tenant has more than half, where several ask the agent: of a tenant that has more, as much as all
/// others have together.
fn of_fair_shares(evidence: Vec<Evidence<'_>>, several: bool) -> Vec<Evidence<'_>> {
    if !several {
        return evidence;
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for one in &evidence {
        *counts.entry(one.answer.tenant.as_str()).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    let Some((tenant, count)) = most.map(|(tenant, count)| (tenant.to_owned(), count)) else { return evidence };
    let mut left = evidence.len() - count;
    let mut fits = |one: &Evidence<'_>| {
        let is_other = one.answer.tenant.as_str() != tenant;
        let fits = is_other || left > 0;
        left -= usize::from(!is_other && fits);
        fits
    };
    evidence.into_iter().filter(|one| fits(one)).collect()
}

/// Those that say what the answer says with which most agree, itself among them.
fn alike<'a>(evidence: &[Evidence<'a>]) -> Vec<Evidence<'a>> {
    let Some(medoid) = medoid(evidence) else { return Vec::new() };
    let said = evidence[medoid].said;
    evidence.iter().filter(|one| one.said.agrees_with(said)).copied().collect()
}

/// The place of the answer with which most agree; of equals that which has most in common with all.
fn medoid(evidence: &[Evidence<'_>]) -> Option<usize> {
    let standing = |one: &Evidence<'_>| {
        let agreeing = evidence.iter().filter(|other| other.said.agrees_with(one.said)).count();
        let common: f64 = evidence.iter().map(|other| other.said.overlap(one.said)).sum();
        (agreeing, common)
    };
    let standings = evidence.iter().map(standing).enumerate();
    let best = standings.reduce(|best, next| {
        let order = next.1.0.cmp(&best.1.0).then(next.1.1.total_cmp(&best.1.1));
        if order.is_gt() { next } else { best }
    });
    best.map(|(place, _)| place)
}

/// Whether both are about the same, as their embeddings or their words tell.
fn is_about_the_same(known: &LearnedEntry, entry: &LearnedEntry) -> bool {
    let vector = |entry: &LearnedEntry| entry.topic.to_vec().into_iter().map(f64::from).collect::<Vec<_>>();
    let phrasings = |entry: &LearnedEntry| -> HashSet<String> {
        std::iter::once(&entry.question).chain(&entry.also).map(|phrasing| folded(phrasing)).collect()
    };
    known.agent == entry.agent
        && (cosine(&vector(known), &vector(entry)) >= SAME_TOPIC || !phrasings(known).is_disjoint(&phrasings(entry)))
}

/// What two phrasings have in common that differ in case and punctuation alone.
fn folded(phrasing: &str) -> String {
    guard::words(phrasing).join(" ")
}

/// The id of the entry for a question: words of it for people, and a hash that tells it from others.
fn entry_id(agent: &AgentId, question: &str) -> Option<EntryId> {
    let folded = folded(question);
    let hash = hex(&Sha256::digest(format!("{agent} {folded}"))[..5]);
    let is_plain = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == ' ';
    let slug: String = folded.chars().filter(is_plain).take(MOST_SLUG_CHARS).collect();
    let slug = slug.split_whitespace().chain([hash.as_str()]).collect::<Vec<_>>().join("-");
    EntryId::parse(&slug).ok()
}
