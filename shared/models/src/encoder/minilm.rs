//! Sentence encoders of the MiniLM family, run from an ONNX file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokenizers::Tokenizer;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;

use super::{Embedding, Encoder, EncoderError, weights};

/// How many tokens of a text are read, the two that frame it included.
pub const MAX_TOKENS: usize = 256;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why an encoder could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file is missing or cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The tokenizer is not one that frames a text with two tokens.
    #[error("the tokenizer cannot be used")]
    Tokenizer(#[source] BoxError),
    /// The model is not an encoder that can be run.
    #[error("the model cannot be run")]
    Model(#[source] BoxError),
}

/// What an input of the model is given.
#[derive(Clone, Copy, Debug)]
enum Input {
    Ids,
    Mask,
    Types,
}

/// The all-MiniLM-L6-v2 sentence encoder, or another with the same inputs: the mean of its last
/// hidden states over the text's tokens, scaled to length 1.
///
/// One plan serves texts of every length. It holds no state, so that threads can share it. Texts
/// are run one by one: a batch of texts of one length was measured to save 25 % at 16 tokens and
/// 4 % at 64, which padding eats up as soon as lengths differ, and it made single texts slower.
pub struct MiniLm {
    plan: Arc<TypedRunnableModel>,
    inputs: Vec<Input>,
    tokenizer: Tokenizer,
    first_token: u32,
    last_token: u32,
}

impl std::fmt::Debug for MiniLm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MiniLm").field("inputs", &self.inputs).finish_non_exhaustive()
    }
}

impl MiniLm {
    /// Loads the ONNX file `model` and the `tokenizer.json` file `tokenizer`. Takes a fifth of a
    /// second of CPU; verify the files first, as [`crate::artifacts`] does.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(model: &Path, tokenizer: &Path) -> Result<Self, LoadError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |cause| LoadError::Unreadable { path, cause }
        };
        let tokenizer = std::fs::read(tokenizer).map_err(unreadable(tokenizer))?;
        let model = File::open(model).map_err(unreadable(model))?;
        let (tokenizer, plan) = std::thread::scope(|scope| {
            // The parser can panic on a file that is no model; that ends this thread and not the process.
            let plan = scope.spawn(|| build_plan(model));
            (read_tokenizer(&tokenizer), plan.join())
        });
        let (tokenizer, first_token, last_token) = tokenizer.map_err(LoadError::Tokenizer)?;
        let plan = plan.unwrap_or_else(|_| Err("the parser panicked".into()));
        let (plan, inputs) = plan.map_err(LoadError::Model)?;
        Ok(Self { plan, inputs, tokenizer, first_token, last_token })
    }

    /// The token ids that the model is given for `text`.
    ///
    /// # Errors
    /// [`EncoderError`] when the tokenizer fails.
    pub fn token_ids(&self, text: &str) -> Result<Vec<u32>, EncoderError> {
        let encoding = self.tokenizer.encode_fast(text, false).map_err(EncoderError)?;
        let kept = encoding.get_ids().iter().copied().take(MAX_TOKENS - 2);
        Ok(std::iter::once(self.first_token).chain(kept).chain([self.last_token]).collect())
    }

    /// The vector of the text that has the token ids `ids`.
    ///
    /// # Errors
    /// [`EncoderError`] when the model cannot run.
    pub fn embed_ids(&self, ids: &[u32]) -> Result<Embedding, EncoderError> {
        self.run(ids).map_err(EncoderError)
    }

    fn run(&self, ids: &[u32]) -> Result<Embedding, BoxError> {
        let row = |value: &dyn Fn(u32) -> i64| {
            let values = ids.iter().map(|&id| value(id)).collect();
            tract_ndarray::Array2::from_shape_vec((1, ids.len()), values).map(|row| row.into_tvalue())
        };
        let inputs = self.inputs.iter().map(|input| match input {
            Input::Ids => row(&|id| i64::from(id)),
            Input::Mask => row(&|_| 1),
            Input::Types => row(&|_| 0),
        });
        let outputs = self.plan.run(inputs.collect::<Result<_, _>>()?)?;
        let hidden = outputs.first().ok_or("the model has no output")?.to_plain_array_view::<f32>()?;
        let mean = hidden.mean_axis(tract_ndarray::Axis(1)).ok_or("the model gave no vector")?;
        let mean = mean.iter().copied().collect::<Vec<f32>>();
        let length = mean.iter().map(|x| x * x).sum::<f32>().sqrt();
        if !length.is_finite() || length <= f32::EPSILON {
            return Err("the model gave a vector without a direction".into());
        }
        Ok(mean.into_iter().map(|x| x / length).collect())
    }
}

impl Encoder for MiniLm {
    fn embed(&self, text: &str) -> Result<Embedding, EncoderError> {
        self.embed_ids(&self.token_ids(text)?)
    }

    fn count_tokens(&self, text: &str) -> usize {
        // Should the tokenizer fail, bytes are counted: a token has at least one, so none is missed.
        self.tokenizer.encode_fast(text, false).map_or(text.len(), |encoding| encoding.len())
    }
}

/// The tokenizer and the ids of the tokens that it puts before and after a text.
fn read_tokenizer(bytes: &[u8]) -> Result<(Tokenizer, u32, u32), BoxError> {
    let mut tokenizer = Tokenizer::from_bytes(bytes)?;
    // The file asks for a fixed length of 128; padding would cost time and change nothing.
    tokenizer.with_padding(None).with_truncation(None)?;
    let frame = tokenizer.encode_fast("", true)?;
    match *frame.get_ids() {
        [first, last] => Ok((tokenizer, first, last)),
        _ => Err("it does not frame a text with two tokens".into()),
    }
}

fn build_plan(mut file: File) -> Result<(Arc<TypedRunnableModel>, Vec<Input>), BoxError> {
    // The file's own shape notes name the sequence length twice, which the parser cannot unify.
    let onnx = tract_onnx::onnx().with_ignore_value_info(true).with_ignore_output_shapes(true);
    let mut proto: ModelProto = onnx.proto_model_for_read(&mut file)?;
    let graph = proto.graph.as_mut().ok_or("it has no graph")?;
    if weights::has_external_data(graph) {
        return Err("its weights are in another file".into());
    }
    let folded = weights::fold_int8_weights(graph);
    let mut model = onnx.model_for_proto_model(&proto)?;
    drop(proto);

    let names = model.input_outlets()?.iter().map(|outlet| model.node(outlet.node).name.as_str());
    let inputs = names.map(input_named).collect::<Result<Vec<_>, _>>()?;
    let length: TDim = model.symbols.sym("S").into();
    for position in 0..inputs.len() {
        let shape = tvec!(TDim::from(1), length.clone());
        model.set_input_fact(position, InferenceFact::dt_shape(i64::datum_type(), shape))?;
    }
    let hidden = *model.output_outlets()?.first().ok_or("it has no output")?;
    model.select_output_outlets(&[hidden])?;
    let model = model.into_optimized()?;
    let output = model.output_fact(0)?;
    if output.rank() != 3 || output.datum_type != f32::datum_type() {
        return Err("its output is no sequence of vectors".into());
    }
    tracing::debug!(model.folded_weights = folded, "the encoder is built, with {folded} weights folded");
    Ok((model.into_runnable()?, inputs))
}

fn input_named(name: &str) -> Result<Input, BoxError> {
    match name {
        "input_ids" => Ok(Input::Ids),
        "attention_mask" => Ok(Input::Mask),
        "token_type_ids" => Ok(Input::Types),
        _ => Err(format!("its input `{name}` is not known").into()),
    }
}
