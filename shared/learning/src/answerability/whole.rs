//! Held-out worlds as they are: every entry, every customer's question, every near miss.

use farthing_models::encoder::{Encoder, PairReader};
use farthing_models::knowledge::KnowledgeIndex;
use farthing_models::knowledge::answerability::Head;
use farthing_models::knowledge::answerer::retrieve;
use farthing_models::knowledge::retrieval::Weights;
use farthing_models::knowledge::source::Entry;
use serde_json::{Value, json};

use super::outcomes::{Kind, Outcome, right_at_most_wrong, shares};
use super::worlds::{World, Worlds};
use crate::data::Part;
use crate::head_file::figure;
use crate::report::table;

/// The share of wrong answers, of all questions, at which the steps are compared.
const MOST_WRONG: f32 = 0.02;

/// How many entries the one knowledge base has in which worlds are put together.
const ENTRIES_OF_ONE_BASE: usize = 1_250;

/// The models that are measured.
#[derive(Clone, Copy)]
pub(super) struct Models<'a> {
    /// The encoder as it was published.
    pub(super) published: &'a dyn Encoder,
    /// The encoder that is trained for knowledge.
    pub(super) encoder: &'a dyn Encoder,
    pub(super) reader: &'a dyn PairReader,
    pub(super) head: &'a Head,
}

/// What the models make of the held-out worlds, each alone and all among the entries of other worlds, and
/// what each step towards it gives.
///
/// # Errors
/// When a text cannot be embedded or read.
pub(super) fn measure(models: Models<'_>, worlds: &Worlds) -> anyhow::Result<(Value, String)> {
    let held_out = held_out(worlds);
    let all: Vec<&World> = worlds.all.iter().map(|(_, world)| world).filter(|world| !world.is_public).collect();
    let alone = asked_alone(&held_out, 0, Step::Head(models))?;
    // The held-out worlds come first, so that their entries have the places that their questions name.
    let others = all.iter().filter(|world| held_out.iter().all(|held| held.name != world.name));
    let mut merged: Vec<Entry> = held_out.iter().chain(others).flat_map(|world| entries(world, 0)).collect();
    merged.truncate(ENTRIES_OF_ONE_BASE);
    let among_all = outcomes(&merged, &held_out, 0, Step::Head(models))?;
    let names = held_out.iter().map(|world| world.name.as_str()).collect::<Vec<_>>().join(", ");
    let ((by_world, alone_table), (together, among_all_table)) = (shares(&alone), shares(&among_all));
    let (steps, steps_table) = steps(&held_out, models)?;
    let section = format!(
        "### Held-out knowledge bases as they are\n\nThe worlds {names}: {} questions, each to its own world. \
         {alone_table}\nThe same questions, to one knowledge base of {} entries with other worlds in it as well (where \
         another world's entry may answer a question too, and counts as wrong). {among_all_table}\n{steps_table}\n",
        alone.len(),
        merged.len(),
    );
    Ok((
        json!({"worlds": by_world, "one_base": together, "entries_of_one_base": merged.len(), "steps": steps}),
        section,
    ))
}

/// What the models make of the held-out worlds, each alone.
///
/// # Errors
/// When a text cannot be embedded or read.
pub(super) fn each_alone(models: Models<'_>, worlds: &Worlds) -> anyhow::Result<Value> {
    Ok(shares(&asked_alone(&held_out(worlds), 0, Step::Head(models))?).0)
}

fn held_out(worlds: &Worlds) -> Vec<&World> {
    worlds.of(Part::Test).filter(|world| !world.is_public).collect()
}

/// A way to find an entry, and to tell how sure that is.
#[derive(Clone, Copy)]
enum Step<'a> {
    /// The first by these weights, and its score.
    Retrieval(&'a dyn Encoder, Weights),
    /// The first as it is served, and the probability that it answers.
    Head(Models<'a>),
}

impl Step<'_> {
    fn encoder(&self) -> &dyn Encoder {
        match self {
            Self::Retrieval(encoder, _) => *encoder,
            Self::Head(models) => models.encoder,
        }
    }

    /// The id of the first entry of `index` for `text`, and the score.
    fn first(&self, index: &KnowledgeIndex, text: &str) -> anyhow::Result<(Option<String>, f32)> {
        let vector = self.encoder().embed(text)?;
        match self {
            Self::Retrieval(_, weights) => {
                let found = index.search_with(*weights, text, &vector, 1)?;
                let first = found.passages.first();
                let id = first.and_then(|first| Some(index.entries().get(first.entry)?.id.clone()));
                Ok((id, first.map_or(0.0, |first| first.score)))
            }
            Self::Head(models) => {
                let found = retrieve(index, models.head, models.reader, text, &vector, 1)?;
                Ok((found.passages.first().map(|passage| passage.id.clone()), found.answerability))
            }
        }
    }
}

/// What each step gives; the last two with only the customers' later questions.
fn steps(worlds: &[&World], models: Models<'_>) -> anyhow::Result<(Value, String)> {
    let weights = |question, answer, words| Weights { question, answer, words };
    let retrieval = |encoder, weights| Step::Retrieval(encoder, weights);
    let steps = [
        ("BM25 of question and answer", 0, retrieval(models.published, weights(0.0, 0.0, 1.0))),
        ("the published encoder, cosine with the questions", 0, retrieval(models.published, weights(1.0, 0.0, 0.0))),
        ("the knowledge encoder, cosine with the questions", 0, retrieval(models.encoder, weights(1.0, 0.0, 0.0))),
        ("the knowledge encoder, questions, answers and words", 0, retrieval(models.encoder, Weights::default())),
        ("the answerability head over these and the pair model", 0, Step::Head(models)),
        ("the same with two more phrasings for each entry, on other questions", PHRASINGS, Step::Head(models)),
    ];
    let (mut figures, mut rows) = (json!({}), Vec::new());
    for (name, phrasings, step) in steps {
        let found = asked_alone(worlds, phrasings, step)?;
        let answerable = found.iter().filter(|outcome| outcome.kind == Kind::Answerable).count() as f32;
        let first = found.iter().filter(|outcome| outcome.is_right).count() as f32 / answerable;
        let right = right_at_most_wrong(&found, MOST_WRONG);
        figures[name] = json!({"right_first": figure(first), "right_at_2_percent_wrong": figure(right)});
        rows.push(vec![name.to_owned(), found.len().to_string(), format!("{first:.3}"), format!("{right:.3}")]);
    }
    let header = ["Step", "Questions", "Right first", "Right, of the answerable, with 2 % of all wrong"];
    let text = format!(
        "What each step gives, on the held-out worlds each alone, at the threshold that suits it best there:\n\n{}",
        table(&header, &rows)
    );
    Ok((figures, text))
}

/// How many of the customers' phrasings an owner might have written down.
const PHRASINGS: usize = 2;

fn asked_alone(worlds: &[&World], phrasings: usize, step: Step<'_>) -> anyhow::Result<Vec<Outcome>> {
    let mut found = Vec::new();
    for world in worlds {
        found.extend(outcomes(&entries(world, phrasings), &[world], phrasings, step)?);
    }
    Ok(found)
}

/// The entries with the first `phrasings` of what customers ask among their phrasings.
fn entries(world: &World, phrasings: usize) -> Vec<Entry> {
    let entry = |(at, topic): (usize, &super::worlds::Topic)| Entry {
        id: format!("{}#{at}", world.name),
        title: topic.written.first().cloned().unwrap_or_default(),
        also: topic.written.iter().skip(1).chain(topic.asked.iter().take(phrasings)).cloned().collect(),
        passages: topic.answer.iter().cloned().collect(),
        file: world.name.clone(),
        line: at + 1,
    };
    world.topics.iter().enumerate().map(entry).collect()
}

/// What becomes of the customers' questions after the first `skipped` of each entry, and of near misses.
fn outcomes(entries: &[Entry], asked: &[&World], skipped: usize, step: Step<'_>) -> anyhow::Result<Vec<Outcome>> {
    let index = KnowledgeIndex::build(entries.to_vec(), step.encoder())?;
    let mut found = Vec::new();
    let mut ask = |text: &str, gold: Option<String>| -> anyhow::Result<()> {
        let (first, score) = step.first(&index, text)?;
        let kind = if gold.is_some() { Kind::Answerable } else { Kind::NearMiss };
        found.push(Outcome { kind, is_right: gold.is_some() && first == gold, score });
        Ok(())
    };
    for world in asked {
        for (at, topic) in world.topics.iter().enumerate() {
            let later = topic.asked.iter().skip(skipped);
            later.into_iter().try_for_each(|text| ask(text, Some(format!("{}#{at}", world.name))))?;
        }
        world.strangers.iter().try_for_each(|text| ask(text, None))?;
    }
    Ok(found)
}
