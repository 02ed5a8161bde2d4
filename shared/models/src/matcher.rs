//! Whether two questions ask the same, behind its port.

use std::sync::Arc;

use async_trait::async_trait;
use farthing_domain::ports::{ModelUnavailable, QuestionMatcher};

use crate::cpu::CpuPool;
use crate::encoder::PairReader;
use crate::heads::sigmoid;

/// Reads two questions together, in each order, and takes the mean.
#[derive(Clone)]
pub struct PairMatcher {
    reader: Arc<dyn PairReader>,
    pool: CpuPool,
}

impl std::fmt::Debug for PairMatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PairMatcher").field("pool", &self.pool).finish_non_exhaustive()
    }
}

impl PairMatcher {
    /// A matcher that runs on `pool`.
    #[must_use]
    pub fn new(reader: Arc<dyn PairReader>, pool: CpuPool) -> Self {
        Self { reader, pool }
    }
}

#[async_trait]
impl QuestionMatcher for PairMatcher {
    async fn same(&self, query: &str, asked: &str) -> Result<f32, ModelUnavailable> {
        let unavailable = |cause| ModelUnavailable { model: "pair model".to_owned(), cause };
        let (reader, query, asked) = (Arc::clone(&self.reader), query.to_owned(), asked.to_owned());
        let read = move || Ok([reader.read(&query, &asked)?.same, reader.read(&asked, &query)?.same]);
        let logits = self.pool.run(read).await.map_err(|error| unavailable(error.into()))?;
        let [one, other] = logits.map_err(|error: crate::encoder::EncoderError| unavailable(error.into()))?;
        Ok(sigmoid(f32::midpoint(one, other)))
    }
}
