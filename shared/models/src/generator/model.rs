//! A language model that can be run token by token.

use std::path::Path;
use std::sync::Arc;

use tract_nnef::internal::DimLike as _;
use tract_nnef::prelude::*;
use tract_onnx::WithOnnx as _;
use tract_transformers::WithTractTransformers as _;

use crate::encoder::{LoadError, guarded};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the model keeps of the tokens that it has read. Cloning it shares what is kept.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    kept: Vec<TValue>,
    tokens: usize,
}

impl Memory {
    /// How many tokens were read.
    pub(super) fn tokens(&self) -> usize {
        self.tokens
    }
}

/// A model that gives the logits of the next token, and what it keeps of those it has read.
pub(super) struct LanguageModel {
    plan: Arc<TypedRunnableModel>,
    nothing: Memory,
    vocabulary: usize,
}

impl std::fmt::Debug for LanguageModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LanguageModel").field("vocabulary", &self.vocabulary).finish_non_exhaustive()
    }
}

impl LanguageModel {
    /// Loads the NNEF archive `file`, as [`super::build`] writes it. Takes about a second of CPU.
    ///
    /// # Errors
    /// [`LoadError`].
    pub(super) fn load(file: &Path) -> Result<Self, LoadError> {
        guarded(|| load(file)).map_err(LoadError::Model)
    }

    /// The memory of a model that has read nothing.
    pub(super) fn nothing(&self) -> Memory {
        self.nothing.clone()
    }

    /// How many tokens it knows.
    pub(super) fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// Reads `tokens`, at least one, behind those in `memory`, and gives the logits of the next one.
    ///
    /// # Errors
    /// When the model cannot run; `memory` is as before then.
    pub(super) fn read(&self, memory: &mut Memory, tokens: &[u32]) -> Result<Vec<f32>, BoxError> {
        let ids = tokens.iter().map(|&id| i64::from(id)).collect();
        let ids = tract_ndarray::Array2::from_shape_vec((1, tokens.len()), ids)?.into_tvalue();
        let inputs = std::iter::once(ids).chain(memory.kept.iter().cloned());
        let mut outputs = self.plan.run(inputs.collect())?.into_iter();
        let logits = outputs.next().ok_or("the model has no output")?;
        let logits = logits.to_plain_array_view::<f32>()?.iter().copied().collect();
        *memory = Memory { kept: outputs.collect(), tokens: memory.tokens + tokens.len() };
        Ok(logits)
    }
}

fn load(file: &Path) -> Result<LanguageModel, BoxError> {
    let mut model = tract_nnef::nnef().with_tract_transformers().with_onnx().model_for_path(file)?;
    let mut kept = Vec::new();
    for at in 1..model.inputs.len() {
        let fact = model.input_fact(at)?;
        let [_, heads, _, size] = fact.shape.dims() else { return Err("it keeps no heads".into()) };
        let shape = [1, heads.to_usize()?, 0, size.to_usize()?];
        kept.push(Tensor::zero_dt(fact.datum_type, &shape)?.into_tvalue());
    }
    let vocabulary = model.output_fact(0)?.shape.dims().last().ok_or("it has no logits")?.to_usize()?;
    // It was decluttered before it was saved.
    model.optimize()?;
    if model.outputs.len() != model.inputs.len() {
        return Err("it does not give what it keeps".into());
    }
    Ok(LanguageModel { plan: model.into_runnable()?, nothing: Memory { kept, tokens: 0 }, vocabulary })
}
