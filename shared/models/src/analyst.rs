//! What one encoder pass tells of a query: how hard, how hostile, how abusive.

use std::sync::Arc;

use async_trait::async_trait;
use farthing_domain::complexity::{ComplexityEstimate, Tier};
use farthing_domain::ports::{Analysis, Analyst, ModelUnavailable};

use crate::cpu::CpuPool;
use crate::encoder::Encoder;
use crate::features::{self, COMPLEXITY, SCREEN};
use crate::gain::{GainHeads, can_be_checked, gives_numbers};
use crate::heads::{HeadError, LogisticHead, SoftmaxHead, sigmoid};
use crate::toxicity::ToxicityHead;
pub use close_reading::{CloseReading, Detector, ScreenError, parts};

mod close_reading;

/// The heads that read a query.
#[derive(Clone, Debug)]
pub struct AnalystHeads {
    complexity: SoftmaxHead,
    injection: LogisticHead,
    toxicity: ToxicityHead,
    gain: GainHeads,
}

impl AnalystHeads {
    /// Reads the heads from the contents of their files; that of toxicity has been read.
    ///
    /// # Errors
    /// [`HeadError`] of the first that cannot be used.
    pub fn from_json(
        complexity: &[u8],
        injection: &[u8],
        toxicity: ToxicityHead,
        gain: &[u8],
    ) -> Result<Self, HeadError> {
        Ok(Self {
            complexity: SoftmaxHead::from_json(complexity, COMPLEXITY, &Tier::ALL.map(Tier::as_str))?,
            injection: LogisticHead::from_json(injection, SCREEN)?,
            toxicity,
            gain: GainHeads::from_json(gain)?,
        })
    }
}

/// Analyses queries with one encoder pass and a head for each question.
#[derive(Clone)]
pub struct HeadAnalyst {
    parts: Arc<Parts>,
    pool: CpuPool,
}

struct Parts {
    encoder: Arc<dyn Encoder>,
    heads: AnalystHeads,
}

impl std::fmt::Debug for HeadAnalyst {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeadAnalyst").field("pool", &self.pool).finish_non_exhaustive()
    }
}

impl HeadAnalyst {
    /// An analyst that runs on `pool`.
    #[must_use]
    pub fn new(encoder: Arc<dyn Encoder>, heads: AnalystHeads, pool: CpuPool) -> Self {
        Self { parts: Arc::new(Parts { encoder, heads }), pool }
    }
}

impl Parts {
    fn analyse(&self, query: &str) -> Result<Analysis, ModelUnavailable> {
        let unavailable = |model: &str, cause| ModelUnavailable { model: model.to_owned(), cause };
        let embedding = self.encoder.embed(query).map_err(|error| unavailable("encoder", error.into()))?;
        let heads = &self.heads;
        let probabilities = heads.complexity.probabilities(&features::complexity(&embedding, query));
        let probabilities = probabilities.map_err(|error| unavailable("complexity head", error.into()))?;
        let mut tiers = [0.0; Tier::ALL.len()];
        tiers.copy_from_slice(&probabilities);
        let mut reading = CloseReading::of(&*self.encoder, &embedding, query);
        let injection = reading.log_odds(&heads.injection).map_err(|e| unavailable("injection head", e.into()))?;
        let toxicity = reading.log_odds(&heads.toxicity).map_err(|e| unavailable("toxicity head", e.into()))?;
        Ok(Analysis {
            complexity: ComplexityEstimate::new(tiers),
            injection: sigmoid(injection),
            toxicity: sigmoid(toxicity),
            gain: heads.gain.before(&embedding, query).map_err(|e| unavailable("gain head", e.into()))?,
            can_be_checked: gives_numbers(query),
            tokens: self.encoder.count_tokens(query) as u64,
            embedding,
        })
    }
}

#[async_trait]
impl Analyst for HeadAnalyst {
    async fn analyse(&self, query: &str) -> Result<Analysis, ModelUnavailable> {
        let (parts, query) = (Arc::clone(&self.parts), query.to_owned());
        let done = self.pool.run(move || parts.analyse(&query)).await;
        done.map_err(|error| ModelUnavailable { model: "encoder".to_owned(), cause: error.into() })?
    }

    async fn gain_after(
        &self,
        analysis: &Analysis,
        query: &str,
        answer: &str,
    ) -> Result<Option<f32>, ModelUnavailable> {
        if !can_be_checked(query, answer) {
            return Ok(None);
        }
        let gain = self.parts.heads.gain.after(&analysis.embedding, query, answer);
        gain.map(Some).map_err(|error| ModelUnavailable { model: "gain head".to_owned(), cause: error.into() })
    }

    fn count_tokens(&self, text: &str) -> u64 {
        self.parts.encoder.count_tokens(text) as u64
    }
}
