//! A cross-encoder: reads a query together with an entry of the knowledge, or with another query.

use std::path::Path;
use std::sync::Arc;

use tract_onnx::pb::TensorProto;
use tract_onnx::pb::tensor_proto::DataType;

use super::plan::{BoxError, Plan, read_tensors};
use super::{EncoderError, LoadError, Tokens};

/// How many tokens of the query are read.
pub const MAX_QUERY_TOKENS: usize = 62;

/// How many tokens of the other text are read.
pub const MAX_ENTRY_TOKENS: usize = 126;

/// What a pair amounts to, as log-odds by the training rows' shares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairLogits {
    /// That the entry answers the query.
    pub answers: f32,
    /// That both ask the same, so that one answer serves them.
    pub same: f32,
}

/// Reads a query and another text together. Synchronous CPU work.
pub trait PairReader: Send + Sync {
    /// What the pair amounts to. Of an entry the reader is given a phrasing of its question followed
    /// by its answer, or either alone.
    ///
    /// # Errors
    /// [`EncoderError`] when the model cannot run.
    fn read(&self, query: &str, other: &str) -> Result<PairLogits, EncoderError>;
}

/// The sentence encoder, trained further to read pairs: it has the encoder's graph and word table and
/// its own other tensors.
#[derive(Debug)]
pub struct PairModel {
    plan: Plan,
    tokens: Arc<Tokens>,
    weights: [Vec<f32>; 2],
    bias: [f32; 2],
}

impl PairModel {
    /// Loads the tensors in `file` into the encoder's ONNX file `encoder`. Verify the files first.
    ///
    /// # Errors
    /// [`LoadError`], also when the tensors are not for this encoder.
    pub fn load(encoder: &Path, file: &Path, tokens: Arc<Tokens>) -> Result<Self, LoadError> {
        let mut tensors = read_tensors(file)?;
        let mut take = |name: &str, shape: &[i64]| {
            let found = tensors.iter().position(|tensor| tensor.name == name && tensor.dims == shape);
            let tensor = found.map(|at| tensors.swap_remove(at)).ok_or_else(|| format!("it has no `{name}` {shape:?}"));
            tensor.map_err(BoxError::from).and_then(|tensor| numbers(&tensor)).map_err(LoadError::Model)
        };
        let (weights, bias) = (take("head.weight", &[2, 384])?, take("head.bias", &[2])?);
        let (answers, same) = weights.split_at(weights.len() / 2);
        let plan = Plan::load(encoder, tensors)?;
        Ok(Self { plan, tokens, weights: [answers.to_vec(), same.to_vec()], bias: [bias[0], bias[1]] })
    }
}

impl PairReader for PairModel {
    fn read(&self, query: &str, other: &str) -> Result<PairLogits, EncoderError> {
        let query = self.tokens.ids(query, MAX_QUERY_TOKENS)?;
        let other = self.tokens.ids(other, MAX_ENTRY_TOKENS)?;
        let second = query.len() + 2;
        let ids: Vec<u32> = [self.tokens.first]
            .into_iter()
            .chain(query)
            .chain([self.tokens.last])
            .chain(other)
            .chain([self.tokens.last])
            .collect();
        let mean = self.plan.mean(&ids, |at| i64::from(at >= second)).map_err(EncoderError)?;
        let logit =
            |head: usize| self.bias[head] + mean.iter().zip(&self.weights[head]).map(|(a, b)| a * b).sum::<f32>();
        let logits = PairLogits { answers: logit(0), same: logit(1) };
        if logits.answers.is_finite() && logits.same.is_finite() {
            Ok(logits)
        } else {
            Err(EncoderError("the model gave no number".into()))
        }
    }
}

fn numbers(tensor: &TensorProto) -> Result<Vec<f32>, BoxError> {
    if tensor.data_type != DataType::Float as i32 {
        return Err(format!("`{}` is not of f32 numbers", tensor.name).into());
    }
    if tensor.raw_data.is_empty() {
        return Ok(tensor.float_data.clone());
    }
    let (numbers, rest) = tensor.raw_data.as_chunks::<4>();
    let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let expected: i64 = tensor.dims.iter().product();
    if rest.is_empty() && numbers.len() as i64 == expected && numbers.iter().all(|number| number.is_finite()) {
        Ok(numbers)
    } else {
        Err(format!("`{}` is damaged", tensor.name).into())
    }
}
