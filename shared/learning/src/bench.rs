//! What training and measuring need: the data, the models on their weights, and what they said before.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use farthing_domain::registry::RegistryFile;
use farthing_models::encoder::{Encoder, MiniLm, PairModel};
use farthing_models::knowledge::answerability::Head;
use serde_json::Value;

use crate::answerability::{self, Readers};
use crate::embeddings::KeptEncoder;
use crate::pairs::KeptReader;
use crate::peers::{self, Peer};
use crate::report::{Measured, Trained};
use crate::screen::{self, INJECTION, TOXICITY, Task};
use crate::{complexity, gain, quality};

/// The encoder's name in the registry.
const ENCODER: &str = "all-minilm-l6-v2";

/// The pair model's and the knowledge encoder's tensors, below the folder of heads.
const PAIR_MODEL: &str = "knowledge/pair.onnx";
const KNOWLEDGE_ENCODER: &str = "knowledge/knowledge.onnx";

/// Where vectors and readings are kept between runs, below the repository's folder.
const KEPT: &str = "target/.farthing";

/// The heads in the order in which they are trained: quality reads toxicity.
pub const HEADS: [&str; 6] = ["complexity", "injection", "toxicity", "quality", "answerability", "gain"];

/// What training and measuring need.
pub struct Bench {
    repository: PathBuf,
    data: PathBuf,
    kept: Arc<KeptEncoder<MiniLm>>,
    knowing: KeptEncoder<MiniLm>,
    pairs: KeptReader<PairModel>,
    peers: Vec<Peer>,
}

impl Bench {
    /// Opens the models of the working copy `repository`, the encoder's weights being in the folder `weights`.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn open(repository: &Path, weights: &Path) -> anyhow::Result<Self> {
        let model = load(repository, weights)?;
        let file = heads_folder(repository).join(PAIR_MODEL);
        let pair = PairModel::load(&weights_file(repository, weights, "model.onnx")?, &file, model.tokens())?;
        let pairs = KeptReader::open(pair, &head_bytes(repository, PAIR_MODEL)?, &repository.join(KEPT))?;
        let changes = heads_folder(repository).join(KNOWLEDGE_ENCODER);
        let knowing =
            MiniLm::load_changed(&weights_file(repository, weights, "model.onnx")?, &changes, model.tokens())?;
        let changes = head_bytes(repository, KNOWLEDGE_ENCODER)?;
        Ok(Self {
            repository: repository.to_owned(),
            data: repository.join("shared/learning/data"),
            kept: Arc::new(kept(repository, weights, model)?),
            knowing: KeptEncoder::open(knowing, &changes, &repository.join(KEPT))?,
            pairs,
            peers: peers::read(&repository.join("shared/learning/peers.json"))?,
        })
    }

    /// Writes what the models said to files.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn keep(&self) -> anyhow::Result<()> {
        self.pairs.keep()?;
        self.knowing.keep()?;
        self.kept.keep()
    }

    fn readers(&self) -> Readers<'_> {
        Readers { published: &*self.kept, encoder: &self.knowing, pairs: &self.pairs }
    }

    /// Trains the head `name` of [`HEADS`], and measures it.
    ///
    /// # Errors
    /// When the data cannot be read or a model fails.
    pub fn train(&self, name: &str) -> anyhow::Result<Trained> {
        match name {
            "complexity" => complexity::train(&*self.kept, &self.data),
            "injection" => screen::train(INJECTION, &*self.kept, &self.repository, &self.peers),
            "toxicity" => screen::train(TOXICITY, &*self.kept, &self.repository, &self.peers),
            "answerability" => answerability::train(self.readers(), &self.repository),
            "gain" => gain::train(&*self.kept, &self.data),
            _ => {
                quality::train(self.kept.clone(), &screen::toxicity_head(&heads_folder(&self.repository))?, &self.data)
            }
        }
    }

    /// Measures the head `name` of [`HEADS`] as it is.
    ///
    /// # Errors
    /// When the data cannot be read or a model fails.
    pub fn evaluate(&self, name: &str) -> anyhow::Result<Measured> {
        let head = |file: &str| head(&self.repository, file);
        let screen = |task: Task| screen::evaluate(task, &*self.kept, &self.repository, &head(task.head)?, &self.peers);
        match name {
            "complexity" => complexity::evaluate(&*self.kept, &self.data, &head(complexity::HEAD)?),
            "injection" => screen(INJECTION),
            "toxicity" => screen(TOXICITY),
            "answerability" => {
                let head = Head::from_json(&head_bytes(&self.repository, answerability::HEAD)?)?;
                answerability::evaluate(self.readers(), &self.repository, &head)
            }
            "gain" => gain::evaluate(&*self.kept, &self.data, &head(gain::HEAD)?),
            _ => {
                let toxicity = screen::toxicity_head(&heads_folder(&self.repository))?;
                quality::evaluate(self.kept.clone(), &toxicity, &self.data, &head(quality::HEAD)?)
            }
        }
    }

    /// The figures of the head `name` on held-out rows, without what takes long beside them: comparisons of settings, and
    /// the simulations that answerability is fitted on.
    ///
    /// # Errors
    /// When the data cannot be read or a model fails.
    pub fn held_out(&self, name: &str) -> anyhow::Result<Value> {
        match name {
            "answerability" => {
                let head = Head::from_json(&head_bytes(&self.repository, answerability::HEAD)?)?;
                answerability::held_out(self.readers(), &self.repository, &head)
            }
            "quality" => {
                let toxicity = screen::toxicity_head(&heads_folder(&self.repository))?;
                let head = head(&self.repository, quality::HEAD)?;
                quality::held_out(&(self.kept.clone() as Arc<dyn Encoder>), &toxicity, &self.data, &head)
            }
            _ => Ok(self.evaluate(name)?.figures),
        }
    }
}

/// The encoder, with what it said of texts before.
///
/// # Errors
/// When its files in the folder `weights` cannot be read.
pub fn encoder(repository: &Path, weights: &Path) -> anyhow::Result<KeptEncoder<MiniLm>> {
    kept(repository, weights, load(repository, weights)?)
}

fn kept(repository: &Path, weights: &Path, encoder: MiniLm) -> anyhow::Result<KeptEncoder<MiniLm>> {
    let model = weights_file(repository, weights, "model.onnx")?;
    let bytes = std::fs::read(&model).with_context(|| format!("`{}` cannot be read", model.display()))?;
    KeptEncoder::open(encoder, &bytes, &repository.join(KEPT))
}

/// The encoder.
///
/// # Errors
/// When its files in the folder `weights` cannot be read.
pub fn load(repository: &Path, weights: &Path) -> anyhow::Result<MiniLm> {
    Ok(MiniLm::load(
        &weights_file(repository, weights, "model.onnx")?,
        &weights_file(repository, weights, "tokenizer.json")?,
    )?)
}

/// The encoder's file `name`: in `folder`, or where `farthing models pull` puts it there.
fn weights_file(repository: &Path, folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let registry = repository.join("infra/models.toml");
    let unreadable = || format!("`{}` cannot be read", registry.display());
    let text = std::fs::read_to_string(&registry).with_context(unreadable)?;
    let file: RegistryFile = toml::from_str(&text).with_context(unreadable)?;
    let encoder = file.models.iter().filter(|model| model.id.as_str() == ENCODER);
    let pinned = encoder.flat_map(|model| &model.artifacts).filter(|artifact| artifact.file == name);
    let mut places = pinned.map(|artifact| folder.join(&artifact.sha256).join(name)).chain([folder.join(name)]);
    places
        .find(|path| path.is_file())
        .with_context(|| format!("`{}` has no {name}: run `farthing models pull` first", folder.display()))
}

/// The folder of heads.
#[must_use]
pub fn heads_folder(repository: &Path) -> PathBuf {
    repository.join("infra/models")
}

/// The head `file` of the folder of heads.
///
/// # Errors
/// When it cannot be read.
pub fn head(repository: &Path, file: &str) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&head_bytes(repository, file)?)?)
}

fn head_bytes(repository: &Path, file: &str) -> anyhow::Result<Vec<u8>> {
    let path = heads_folder(repository).join(file);
    std::fs::read(&path).with_context(|| format!("`{}` cannot be read", path.display()))
}
