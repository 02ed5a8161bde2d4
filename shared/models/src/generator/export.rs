//! A model as Hugging Face's exporter writes it: ONNX, with keys and values of past tokens as inputs and outputs.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tract_onnx::pb::tensor_shape_proto::dimension;
use tract_onnx::pb::{GraphProto, ValueInfoProto, type_proto};

use super::build::{BuildError, ChatFile, MOST_CONTEXT, Parts, disk};
use super::onnx_graph::{Length, OnnxGraph, integer};
use crate::encoder::{guarded, has_external_data, parse};

const IDS: &str = "input_ids";
/// Which of the tokens are there: all are.
const MASK: &str = "attention_mask";
/// Where the new tokens stand: behind those before.
const POSITIONS: &str = "position_ids";
const LOGITS: &str = "logits";

/// Reads `from` and the files that lie beside it or one folder above: `tokenizer.json`, `tokenizer_config.json` with the chat
/// template, and `config.json` with the context's length.
///
/// # Errors
/// [`BuildError`].
pub(super) fn read(from: &Path) -> Result<Parts, BuildError> {
    let file = std::fs::File::open(from).map_err(disk(from))?;
    let mut model = guarded(|| parse(file)).map_err(BuildError::Graph)?;
    let graph = model.graph.take().ok_or_else(|| BuildError::Export("it has no graph".to_owned()))?;
    model.graph = Some(adapted(graph).map_err(BuildError::Export)?);
    let [tokenizer, settings, config] =
        ["tokenizer.json", "tokenizer_config.json", "config.json"].map(|name| json_beside(from, name));
    let chat = chat(&settings?, &config?).map_err(BuildError::Export)?;
    Ok(Parts { graph: model, tokenizer: tokenizer?, chat })
}

fn json_beside(from: &Path, name: &str) -> Result<Value, BuildError> {
    let folder = from.parent().unwrap_or_else(|| Path::new(""));
    let beside: PathBuf = folder.join(name);
    let above = folder.join("..").join(name);
    let path = if !beside.exists() && above.exists() { above } else { beside };
    let bytes = std::fs::read(&path).map_err(disk(&path))?;
    serde_json::from_slice(&bytes).map_err(|error| disk(&path)(error.into()))
}

fn chat(settings: &Value, config: &Value) -> Result<ChatFile, String> {
    let token = |key: &str| {
        let token = &settings[key];
        let text = token.as_str().or_else(|| token["content"].as_str());
        text.map(str::to_owned)
    };
    let template = settings["chat_template"].as_str();
    let template = template.ok_or("tokenizer_config.json has no text `chat_template`")?;
    let positions = config["max_position_embeddings"].as_u64().and_then(|number| usize::try_from(number).ok());
    let positions = positions.ok_or("config.json has no number `max_position_embeddings`")?;
    Ok(ChatFile {
        template: template.to_owned(),
        begin: token("bos_token").unwrap_or_default(),
        end: token("eos_token").ok_or("tokenizer_config.json has no `eos_token`")?,
        context: positions.min(MOST_CONTEXT),
    })
}

/// The graph with the inputs and outputs of [`super::llama`]: tokens and what is kept, the last logits and what is kept.
fn adapted(mut graph: GraphProto) -> Result<GraphProto, String> {
    if has_external_data(&graph) {
        return Err("its weights are in another file, which is not read".to_owned());
    }
    let constants: Vec<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    graph.input.retain(|input| !constants.contains(&input.name.as_str()));
    let named = |values: &[ValueInfoProto], name: &str| values.iter().find(|value| value.name == name).cloned();
    let listed = |values: &[ValueInfoProto]| {
        values.iter().map(|value| format!("`{}`", value.name)).collect::<Vec<_>>().join(", ")
    };
    let mut kept = Vec::new();
    while let Some(key) = named(&graph.input, &format!("past_key_values.{}.key", kept.len() / 2)) {
        let layer = kept.len() / 2;
        let value = format!("past_key_values.{layer}.value");
        kept.push((key, format!("present.{layer}.key")));
        let value = named(&graph.input, &value).ok_or_else(|| format!("it has no input `{value}`"))?;
        kept.push((value, format!("present.{layer}.value")));
    }
    if kept.is_empty() || named(&graph.input, IDS).is_none() {
        return Err(format!(
            "expected inputs `{IDS}` and `past_key_values.0.key`, `past_key_values.0.value` and so on, found {}",
            listed(&graph.input)
        ));
    }
    let is_kept = |name: &str| kept.iter().any(|(input, _)| input.name == name);
    if let Some(unknown) =
        graph.input.iter().find(|input| ![IDS, MASK, POSITIONS].contains(&input.name.as_str()) && !is_kept(&input.name))
    {
        return Err(format!("its input `{}` is not known", unknown.name));
    }
    let missing = kept
        .iter()
        .map(|(_, output)| output.as_str())
        .chain([LOGITS])
        .find(|output| named(&graph.output, output).is_none());
    if let Some(missing) = missing {
        return Err(format!("it has no output `{missing}`, but {}", listed(&graph.output)));
    }
    let asks = [MASK, POSITIONS].map(|name| named(&graph.input, name).is_some());
    let shapes = kept.iter().map(|(input, _)| kept_shape(input)).collect::<Result<Vec<_>, _>>()?;
    (graph.input, graph.output) = (Vec::new(), Vec::new());

    let mut graph = OnnxGraph::over(graph);
    graph.input(IDS, false, &[Length::Fixed(1), Length::Named("S")]);
    for ((input, _), ([heads, size], kind)) in kept.iter().zip(shapes) {
        let shape = [Length::Fixed(1), Length::Fixed(heads), Length::Named("P"), Length::Fixed(size)];
        graph.input_of(&input.name, kind, &shape);
    }
    fill(&mut graph, &kept[0].0.name, asks);
    graph.integers("farthing.last", &[-1]);
    graph.integers("farthing.end", &[i64::MAX]);
    graph.integers("farthing.axis", &[1]);
    let inputs = [LOGITS, "farthing.last", "farthing.end", "farthing.axis"];
    let last = graph.op("Slice", &inputs, "farthing.last_logits");
    let last = graph.op_with("Cast", &[&last], "farthing.logits", vec![integer("to", 1)]);
    graph.output_named(&last);
    kept.iter().for_each(|(_, output)| graph.output_named(output));
    Ok(graph.into_graph())
}

/// Makes the mask and the positions, as far as the graph asks for them, of the tokens and of what is kept.
fn fill(graph: &mut OnnxGraph, kept: &str, [mask, positions]: [bool; 2]) {
    for (name, number) in [("farthing.0", 0), ("farthing.1", 1), ("farthing.2", 2)] {
        graph.scalar(name, number);
    }
    graph.op("Shape", &[IDS], "farthing.ids_shape");
    graph.op("Shape", &[kept], "farthing.kept_shape");
    graph.op("Gather", &["farthing.ids_shape", "farthing.1"], "farthing.new");
    graph.op("Gather", &["farthing.kept_shape", "farthing.2"], "farthing.seen");
    graph.op("Add", &["farthing.seen", "farthing.new"], "farthing.all");
    if positions {
        graph.integers("farthing.row", &[1, -1]);
        graph.op("Range", &["farthing.seen", "farthing.all", "farthing.1"], "farthing.range");
        graph.op("Reshape", &["farthing.range", "farthing.row"], POSITIONS);
    }
    if mask {
        graph.integers("farthing.one", &[1]);
        graph.op("Reshape", &["farthing.all", "farthing.one"], "farthing.length");
        let axis = vec![integer("axis", 0)];
        graph.op_with("Concat", &["farthing.one", "farthing.length"], "farthing.mask_shape", axis);
        graph.op("Expand", &["farthing.one", "farthing.mask_shape"], MASK);
    }
}

/// How many heads of which size are kept, and as what kind of number.
fn kept_shape(input: &ValueInfoProto) -> Result<([usize; 2], i32), String> {
    let tensor = input.r#type.as_ref().and_then(|kind| match &kind.value {
        Some(type_proto::Value::TensorType(tensor)) => Some(tensor),
        _ => None,
    });
    let wrong =
        || format!("`{}` has not the shape [batch, heads, length, size] with numbers for heads and size", input.name);
    let tensor = tensor.ok_or_else(wrong)?;
    let dims = tensor.shape.as_ref().map(|shape| shape.dim.as_slice()).unwrap_or_default();
    let [_, heads, _, size] = dims else { return Err(wrong()) };
    let number = |dimension: &tract_onnx::pb::tensor_shape_proto::Dimension| match dimension.value {
        Some(dimension::Value::DimValue(number)) => usize::try_from(number).ok().filter(|number| *number > 0),
        _ => None,
    };
    Ok(([number(heads).ok_or_else(wrong)?, number(size).ok_or_else(wrong)?], tensor.elem_type))
}
