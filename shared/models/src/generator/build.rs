//! Turns a model file that others publish into the form that runs here best.

use std::io::{BufWriter, Write as _};
use std::path::Path;

use prost::Message as _;
use serde::{Deserialize, Serialize};
use tract_nnef::prelude::*;
use tract_onnx::WithOnnx as _;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_transformers::WithTractTransformers as _;

use super::export;
use super::gguf::{Gguf, GgufError};
use super::llama::{self, LlamaShape};
use super::vocabulary;

/// The names of the files that a language model is made of, in the order in which they are loaded.
pub const FILES: [&str; 3] = ["model.nnef.tar", "tokenizer.json", "chat.json"];

/// How many tokens a built model reads at most, when it was not trained for fewer.
pub(super) const MOST_CONTEXT: usize = 2048;

/// What is known of a language model beside its graph and its tokens.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChatFile {
    /// The Jinja template of its chats.
    pub template: String,
    /// The token that begins a text; empty when the template writes none.
    pub begin: String,
    /// The token that ends an answer.
    pub end: String,
    /// How many tokens it can read.
    pub context: usize,
}

/// Why a model cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A file cannot be read or written.
    #[error("`{path}`: {cause}")]
    Disk {
        /// Which.
        path: String,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The file is not a model that can be built.
    #[error("it cannot be built into a language model")]
    Gguf(#[from] GgufError),
    /// The ONNX file is none of a language model that keeps keys and values.
    #[error("it cannot be built into a language model: {0}")]
    Export(String),
    /// The graph cannot be turned into a plan.
    #[error("its graph cannot be used")]
    Graph(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Writes [`FILES`] of `from` into the folder `to`: of a GGUF file of Llama's architecture, or, when its name ends with
/// `.onnx`, of an export with past keys and values as Hugging Face's exporter writes it, with `tokenizer.json`,
/// `tokenizer_config.json` and `config.json` beside it or one folder above. The same file gives the same bytes. `told` is told how
/// many layers of how many are done.
///
/// # Errors
/// [`BuildError`].
pub fn build(from: &Path, to: &Path, told: &mut dyn FnMut(usize, usize)) -> Result<(), BuildError> {
    let Parts { graph, tokenizer, chat } = read(from, told)?;
    let [model_file, tokenizer_file, chat_file] = FILES.map(|name| to.join(name));
    std::fs::create_dir_all(to).map_err(disk(to))?;
    std::fs::write(&tokenizer_file, tokenizer.to_string()).map_err(disk(&tokenizer_file))?;
    let chat = serde_json::to_vec_pretty(&chat).map_err(std::io::Error::other);
    chat.and_then(|chat| std::fs::write(&chat_file, chat)).map_err(disk(&chat_file))?;

    let typed = typed(&graph).map_err(BuildError::Graph)?;
    drop(graph);
    let archive = BufWriter::new(std::fs::File::create(&model_file).map_err(disk(&model_file))?);
    let nnef = tract_nnef::nnef().with_tract_transformers().with_onnx();
    let written = nnef.write_to_tar_with_config(&typed, archive, false, true);
    let mut archive = written.map_err(|error| BuildError::Graph(error.into()))?;
    archive.flush().map_err(disk(&model_file))
}

/// Writes the graph of `from` as the ONNX file `to`, to be compared in another engine.
///
/// # Errors
/// [`BuildError`].
pub fn write_onnx(from: &Path, to: &Path) -> Result<(), BuildError> {
    let Parts { graph, .. } = read(from, &mut |_, _| ())?;
    std::fs::write(to, graph.encode_to_vec()).map_err(disk(to))
}

/// What a file is made into.
pub(super) struct Parts {
    pub(super) graph: ModelProto,
    pub(super) tokenizer: serde_json::Value,
    pub(super) chat: ChatFile,
}

fn read(from: &Path, told: &mut dyn FnMut(usize, usize)) -> Result<Parts, BuildError> {
    if from.extension().is_some_and(|extension| extension == "onnx") {
        return export::read(from);
    }
    let bytes = std::fs::read(from).map_err(disk(from))?;
    let file = Gguf::parse(&bytes)?;
    let shape = LlamaShape::read(&file)?;
    let context = shape.context.min(MOST_CONTEXT);
    let (tokenizer, chat) = (vocabulary::tokenizer_json(&file)?, described(&file, context)?);
    let graph = llama::graph(&file, &shape, context, &mut |done| told(done, shape.layers))?;
    Ok(Parts { graph, tokenizer, chat })
}

fn typed(graph: &ModelProto) -> Result<TypedModel, Box<dyn std::error::Error + Send + Sync>> {
    // What an export notes of shapes has names of its own for lengths.
    let onnx = tract_onnx::onnx().with_ignore_output_shapes(true).with_ignore_value_info(true);
    let typed = onnx.model_for_proto_model(graph)?.into_typed()?;
    // tract has faster operators for whatever it can prove to have some numbers.
    for assertion in ["S>=1", "P>=0"] {
        typed.symbols.add_assertion(assertion)?;
    }
    let mut typed = typed.into_decluttered()?;
    tract_nnef::ser::rewrite_model(&mut typed)?;
    // tract's own names depend on the order of its hash tables, and the archive's bytes on the names.
    for (at, node) in typed.eval_order()?.into_iter().enumerate() {
        typed.rename_node(node, &format!("n{at}"))?;
    }
    Ok(typed)
}

pub(super) fn disk(path: &Path) -> impl FnOnce(std::io::Error) -> BuildError {
    let path = path.display().to_string();
    move |cause| BuildError::Disk { path, cause }
}

fn described(file: &Gguf<'_>, context: usize) -> Result<ChatFile, GgufError> {
    let tokens = file.texts("tokenizer.ggml.tokens")?;
    let token = |key: &str| -> Result<String, GgufError> {
        let id = file.count(key)?;
        let missing = || GgufError::Key {
            key: key.to_owned(),
            expected: "the number of a token",
            found: format!("{id} of {}", tokens.len()),
        };
        Ok((*tokens.get(id).ok_or_else(missing)?).to_owned())
    };
    Ok(ChatFile {
        template: file.text("tokenizer.chat_template")?.to_owned(),
        begin: token("tokenizer.ggml.bos_token_id")?,
        end: token("tokenizer.ggml.eos_token_id")?,
        context,
    })
}
