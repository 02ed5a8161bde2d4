//! Rewrites a middling answer with the local language model, and takes its words only when they say the same.

use std::sync::Arc;

use async_trait::async_trait;
use farthing_domain::agent::BrandProfile;
use farthing_domain::ports::{Generator, ModelUnavailable, Passage, Rephraser, Validation, Validator};
use farthing_domain::quality::Quality;

use super::EditingRephraser;
use crate::author::Author;
use crate::cpu::CpuPool;
use crate::encoder::EncoderError;
use crate::sentences::sentences;
use crate::validator::{Examiner, Owned};

/// From this cosine up two answers are about the same.
const SAME: f32 = 0.85;
/// The fewest words that are worth another wording, and the most that are written in good time.
const WORDS: std::ops::RangeInclusive<usize> = 8..=90;

/// Rephrases by editing, and then in the brand's voice by a language model. The model's words are taken only when they keep
/// every amount and name, deny nothing, add nothing, and the validator prefers them.
pub struct GeneratingRephraser {
    editing: EditingRephraser,
    author: Author,
    validator: Arc<dyn Validator>,
    examiner: Arc<Examiner>,
    pool: CpuPool,
}

impl std::fmt::Debug for GeneratingRephraser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GeneratingRephraser").finish_non_exhaustive()
    }
}

impl GeneratingRephraser {
    /// A rephraser that judges on `pool`, with the validator's own examiner.
    #[must_use]
    pub fn new(
        examiner: Arc<Examiner>,
        validator: Arc<dyn Validator>,
        generator: Arc<dyn Generator>,
        pool: CpuPool,
    ) -> Self {
        let editing = EditingRephraser::new(Arc::clone(&examiner), pool.clone());
        Self { editing, author: Author::new(generator), validator, examiner, pool }
    }

    /// `text` in other words that say the same, when the model finds any.
    async fn reworded(&self, validation: Validation<'_>, text: &str) -> Option<String> {
        let length = text.split_whitespace().count();
        let owned = Arc::new(Owned::of(Validation { answer: text, ..validation }));
        if !WORDS.contains(&length) || self.on_pool(&owned, is_stored).await? {
            return None;
        }
        let brand = validation.brand;
        let written = self.author.write(brand, rule(brand), text.to_owned(), &[], 2 * length + 30).await?;
        let check = move |examiner: &Examiner, validation: Validation<'_>| {
            says_the_same(examiner, validation, &written).map(|same| same.then_some(written))
        };
        self.on_pool(&owned, check).await?.ok()?
    }

    /// What `work` gives, off the async threads; `None` when no core is to be had.
    async fn on_pool<T: Send + 'static>(
        &self,
        owned: &Arc<Owned>,
        work: impl FnOnce(&Examiner, Validation<'_>) -> T + Send + 'static,
    ) -> Option<T> {
        let (examiner, owned) = (Arc::clone(&self.examiner), Arc::clone(owned));
        self.pool.run(move || work(&examiner, owned.borrow())).await.ok()
    }

    async fn score(&self, validation: Validation<'_>, answer: &str) -> Result<f32, ModelUnavailable> {
        Ok(self.validator.validate(Validation { answer, ..validation }).await?.score)
    }
}

/// The same for all answers of a brand, so that the model reads it once.
fn rule(brand: &BrandProfile) -> String {
    format!(
        "You rewrite answers of the customer service of {}. Keep every fact, number, name and condition, and add nothing. \
         The voice: {} Answer with the rewritten text only.",
        brand.name, brand.voice.tone
    )
}

#[async_trait]
impl Rephraser for GeneratingRephraser {
    async fn rephrase(
        &self,
        validation: Validation<'_>,
        quality: &Quality,
    ) -> Result<Option<String>, ModelUnavailable> {
        let edited = self.editing.rephrase(validation, quality).await?;
        let before = edited.as_deref().unwrap_or(validation.answer);
        let Some(reworded) = self.reworded(validation, before).await else { return Ok(edited) };
        let (score, of_reworded) = (self.score(validation, before).await?, self.score(validation, &reworded).await?);
        Ok(if of_reworded > score { Some(reworded) } else { edited })
    }
}

/// Whether the answer is the owner's own words, which are left as they are.
fn is_stored(examiner: &Examiner, validation: Validation<'_>) -> bool {
    let evidence = examiner.evidence(validation);
    sentences(validation.answer).into_iter().all(|sentence| evidence.has(sentence))
}

/// Whether `reworded` says what the answer says, no more and no less, and nothing that the brand does not.
fn says_the_same(examiner: &Examiner, validation: Validation<'_>, reworded: &str) -> Result<bool, EncoderError> {
    if reworded == validation.answer {
        return Ok(false);
    }
    let keeps_to = |text: &str, other: &str| {
        let passage = Passage { id: String::new(), title: String::new(), text: text.to_owned(), score: 1.0 };
        // The question is no evidence: what it asks is not said.
        let evidence = examiner.evidence(Validation { query: "", passages: &[passage], ..validation });
        !sentences(other).into_iter().any(|sentence| evidence.contradicts_or_lacks(sentence))
    };
    if !keeps_to(validation.answer, reworded) || !keeps_to(reworded, validation.answer) {
        return Ok(false);
    }
    Ok(examiner.similarity_of(validation.answer, reworded)? >= SAME)
}
