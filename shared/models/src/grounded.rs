//! Answers from passages by the local language model.

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use farthing_domain::agent::BrandProfile;
use farthing_domain::guard::words;
use farthing_domain::ids::ModelId;
use farthing_domain::ports::{Generator, GroundedAnswerer, LocalAnswer, Passage, Retrieval, Source};

use crate::author::Author;

/// How many passages the model is given: with a second one it mixes both up.
const PASSAGES: usize = 1;
/// The most tokens that it writes, some 75 words.
const MOST_TOKENS: usize = 100;

/// Has a language model answer from the best passage. Its words are not checked against it here: the validator does that.
pub struct GeneratingAnswerer {
    author: Author,
    model: ModelId,
}

impl std::fmt::Debug for GeneratingAnswerer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GeneratingAnswerer").field("model", &self.model).finish_non_exhaustive()
    }
}

impl GeneratingAnswerer {
    /// An answerer by `generator`, whose name is `model`.
    #[must_use]
    pub fn new(model: ModelId, generator: Arc<dyn Generator>) -> Self {
        Self { author: Author::new(generator), model }
    }
}

#[async_trait]
impl GroundedAnswerer for GeneratingAnswerer {
    async fn answer(&self, brand: &BrandProfile, query: &str, retrieval: &Retrieval) -> Option<LocalAnswer> {
        let passages = &retrieval.passages[..retrieval.passages.len().min(PASSAGES)];
        if passages.is_empty() {
            return None;
        }
        let written = self.author.write(brand, rule(brand), user(query, passages), STOPS, MOST_TOKENS).await?;
        if words(&written).starts_with(&NOT_THERE.map(str::to_owned)) {
            return None;
        }
        let text: Vec<&str> = std::iter::once(written.as_str()).chain(brand.disclaimers_for(query)).collect();
        let sources = passages.iter().map(|passage| Source { id: passage.id.clone(), title: passage.title.clone() });
        Some(LocalAnswer { text: text.join("\n\n"), model: self.model.clone(), sources: sources.collect() })
    }
}

/// What the model says when it does not know; as the rule has it.
const NOT_THERE: [&str; 4] = ["not", "in", "the", "note"];
/// Where it begins another question of its own.
const STOPS: &[&str] = &["\nQuestion:", "\nNote:", "Answer:"];

/// The same for all questions to a brand, so that the model reads it once: however long it is, it costs nothing then.
fn rule(brand: &BrandProfile) -> String {
    format!(
        "You answer customers of {name} from the note only, in one or two short sentences, with its numbers and conditions. \
         When the note does not say it, you answer: Not in the note.\n\n\
         Note: Parking\nParking at the hall is free from 18:00 and costs 3 pounds an hour before. The gate closes at \
         23:00.\nQuestion: what do I pay if I come at eight in the evening\nAnswer: Nothing. Parking is free from 18:00.\n\n\
         Note: Parking\nParking at the hall is free from 18:00 and costs 3 pounds an hour before. The gate closes at \
         23:00.\nQuestion: can I charge my electric car there\nAnswer: Not in the note.\n\n\
         Note: Returns\nYou can return what you have not worn within 30 days of delivery, with the receipt. Sale items are \
         exchanged and not refunded.\nQuestion: I want my money back for a coat from the sale\nAnswer: Sale items are \
         exchanged and not refunded.\n\n\
         Note: Returns\nYou can return what you have not worn within 30 days of delivery, with the receipt. Sale items are \
         exchanged and not refunded.\nQuestion: Do you ship to Norway?\nAnswer: Not in the note.",
        name = brand.name
    )
}

fn user(query: &str, passages: &[Passage]) -> String {
    let mut user = String::new();
    for passage in passages {
        let _ = writeln!(user, "Note: {}\n{}", passage.title, passage.text);
    }
    let _ = write!(user, "Question: {query}\nAnswer:");
    user
}
