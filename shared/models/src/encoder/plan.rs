//! The MiniLM graph, built into something that can be run.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use tract_onnx::pb::{ModelProto, TensorProto};
use tract_onnx::prelude::*;

use super::{LoadError, mask, weights};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The input that says which tokens are there: all are, as texts are run one by one.
const MASK: &str = "attention_mask";

/// What an input of the model is given.
#[derive(Clone, Copy, Debug)]
enum Input {
    Ids,
    Mask,
    Types,
}

/// A model that turns token ids into hidden states.
///
/// One plan serves texts of every length. It holds no state, so that threads can share it.
pub(crate) struct Plan {
    model: Arc<TypedRunnableModel>,
    inputs: Vec<Input>,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("inputs", &self.inputs).finish_non_exhaustive()
    }
}

impl Plan {
    /// The plan of the ONNX file `model`, in which `changes` stand in place of the tensors of their names.
    ///
    /// # Errors
    /// [`LoadError`].
    pub(crate) fn load(model: &Path, changes: Vec<TensorProto>) -> Result<Self, LoadError> {
        let file = open(model)?;
        guarded(|| build(file, changes)).map_err(LoadError::Model)
    }

    /// The mean of the last hidden states for these tokens, each with its type.
    ///
    /// # Errors
    /// When the model cannot run.
    pub(crate) fn mean(&self, ids: &[u32], type_of: impl Fn(usize) -> i64) -> Result<Vec<f32>, BoxError> {
        let row = |value: &dyn Fn(usize) -> i64| {
            let values = (0..ids.len()).map(value).collect();
            tract_ndarray::Array2::from_shape_vec((1, ids.len()), values).map(|row| row.into_tvalue())
        };
        let inputs = self.inputs.iter().map(|input| match input {
            Input::Ids => row(&|at| i64::from(ids[at])),
            Input::Mask => row(&|_| 1),
            Input::Types => row(&type_of),
        });
        let outputs = self.model.run(inputs.collect::<Result<_, _>>()?)?;
        let hidden = outputs.first().ok_or("the model has no output")?.to_plain_array_view::<f32>()?;
        let mean = hidden.mean_axis(tract_ndarray::Axis(1)).ok_or("the model gave no vector")?;
        Ok(mean.iter().copied().collect())
    }
}

/// The tensors of an ONNX file that has no more than these.
///
/// # Errors
/// [`LoadError`].
pub(crate) fn read_tensors(file: &Path) -> Result<Vec<TensorProto>, LoadError> {
    let opened = open(file)?;
    let read = || -> Result<Vec<TensorProto>, BoxError> {
        let graph = parse(opened)?.graph.ok_or("it has no graph")?;
        if weights::has_external_data(&graph) {
            return Err("its weights are in another file".into());
        }
        Ok(graph.initializer)
    };
    guarded(read).map_err(LoadError::Model)
}

/// What `parse` gives. The parser can panic on a file that is no model; that ends a thread of its own and not the process.
pub(crate) fn guarded<T: Send>(parse: impl FnOnce() -> Result<T, BoxError> + Send) -> Result<T, BoxError> {
    let parsed = std::thread::scope(|scope| scope.spawn(parse).join());
    parsed.unwrap_or_else(|_| Err("the parser panicked".into()))
}

fn open(path: &Path) -> Result<File, LoadError> {
    File::open(path).map_err(|cause| LoadError::Unreadable { path: path.to_owned(), cause })
}

/// Reads an ONNX file; the parser can panic on what is none.
pub(crate) fn parse(mut file: impl Read) -> Result<ModelProto, BoxError> {
    Ok(tract_onnx::onnx().proto_model_for_read(&mut file)?)
}

fn build(file: File, changes: Vec<TensorProto>) -> Result<Plan, BoxError> {
    // The file's own shape notes name the sequence length twice, which the parser cannot unify.
    let onnx = tract_onnx::onnx().with_ignore_value_info(true).with_ignore_output_shapes(true);
    let mut proto = parse(file)?;
    let graph = proto.graph.as_mut().ok_or("it has no graph")?;
    if weights::has_external_data(graph) {
        return Err("its weights are in another file".into());
    }
    replace(&mut graph.initializer, changes)?;
    let folded = weights::fold_int8_weights(graph);
    let unmasked = mask::see_everything(graph, MASK);
    let mut model = onnx.model_for_proto_model(&proto)?;
    drop(proto);

    let names = model.input_outlets()?.iter().map(|outlet| model.node(outlet.node).name.as_str());
    let inputs = names.map(input_named).collect::<Result<Vec<_>, _>>()?;
    let length: TDim = model.symbols.sym("S").into();
    // tract has faster operators for whatever it can prove to have some numbers.
    model.symbols.add_assertion("S>=1")?;
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
    tracing::debug!(
        model.folded_weights = folded,
        model.unmasked = unmasked,
        "a model is built, with {folded} weights folded and {unmasked} attentions without their masks"
    );
    Ok(Plan { model: model.into_runnable()?, inputs })
}

/// Puts each of `changes` in the place of the tensor of its name, which has to be of the same kind and shape.
fn replace(tensors: &mut [TensorProto], changes: Vec<TensorProto>) -> Result<(), BoxError> {
    let mut places: HashMap<String, &mut TensorProto> =
        tensors.iter_mut().map(|tensor| (tensor.name.clone(), tensor)).collect();
    for change in changes {
        let name = change.name.clone();
        let place = places.get_mut(&name).ok_or_else(|| format!("the encoder has no tensor `{name}`"))?;
        if place.dims != change.dims || place.data_type != change.data_type {
            return Err(format!("`{name}` has another shape or type in the encoder").into());
        }
        **place = change;
    }
    Ok(())
}

fn input_named(name: &str) -> Result<Input, BoxError> {
    match name {
        "input_ids" => Ok(Input::Ids),
        MASK => Ok(Input::Mask),
        "token_type_ids" => Ok(Input::Types),
        _ => Err(format!("its input `{name}` is not known").into()),
    }
}
