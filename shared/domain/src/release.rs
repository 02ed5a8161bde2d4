//! Releases: which files the functions load together.
//!
//! A release names the files of every local model and of every agent's knowledge. It is activated as
//! a whole, so that a head never meets an encoder or an index that it was not made for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::hex::{hex, is_sha256};
use crate::ids::{AgentId, ModelId};
use crate::registry::{Artifact, ModelSpec};

/// A file of a release, pinned by content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleasedFile {
    /// The object's key in the model store: plain names, one below the other.
    pub key: String,
    /// SHA-256 of the content, in lower-case hex.
    pub sha256: String,
    /// The content's length.
    pub bytes: u64,
}

impl ReleasedFile {
    /// The last name of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or(&self.key)
    }

    /// Whether the hash is one, and the key cannot leave its folder.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let is_plain = |name: &str| {
            !name.is_empty()
                && !name.starts_with('.')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        };
        is_sha256(&self.sha256) && self.key.split('/').all(is_plain)
    }
}

impl From<&Artifact> for ReleasedFile {
    fn from(artifact: &Artifact) -> Self {
        let Artifact { file, sha256, bytes, source: _ } = artifact;
        Self { key: format!("models/{sha256}/{file}"), sha256: sha256.clone(), bytes: *bytes }
    }
}

/// A local model of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleasedModel {
    /// Which model.
    pub id: ModelId,
    /// Its version in the registry.
    pub version: String,
    /// Its files, in the registry's order.
    pub files: Vec<ReleasedFile>,
}

impl ReleasedModel {
    /// The hash of the model as a whole: SHA-256 over its files' hashes in hex, in order, each with a
    /// line feed after it.
    #[must_use]
    pub fn sha256(&self) -> String {
        hash_of(self.files.iter().map(|file| file.sha256.clone()))
    }

    /// The bytes of its files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

impl From<&ModelSpec> for ReleasedModel {
    fn from(spec: &ModelSpec) -> Self {
        let files = spec.artifacts.iter().map(ReleasedFile::from).collect();
        Self { id: spec.id.clone(), version: spec.version.clone(), files }
    }
}

/// An agent's knowledge in a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleasedKnowledge {
    /// Whose knowledge.
    pub agent: AgentId,
    /// The hash of what the index was made of: the agent's texts and the encoder.
    pub version: String,
    /// The index.
    pub file: ReleasedFile,
}

/// What the functions load together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The local models.
    pub models: Vec<ReleasedModel>,
    /// The agents' knowledge. An agent that is not here has the knowledge of its own files.
    pub knowledge: Vec<ReleasedKnowledge>,
}

/// A release that this program cannot have activated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the release is malformed at `{0}`")]
pub struct InvalidRelease(String);

impl Release {
    /// Checks that no name leaves its folder and none is there twice.
    ///
    /// # Errors
    /// [`InvalidRelease`] with the first name at fault.
    pub fn validated(self) -> Result<Self, InvalidRelease> {
        let mut seen = BTreeSet::new();
        let models = self.models.iter().map(|model| (format!("model {}", model.id), model.files.as_slice()));
        let knowledge =
            self.knowledge.iter().map(|of| (format!("knowledge {}", of.agent), std::slice::from_ref(&of.file)));
        for (name, files) in models.chain(knowledge) {
            let is_valid = !files.is_empty() && files.iter().all(ReleasedFile::is_valid);
            if !is_valid || !seen.insert(name.clone()) {
                return Err(InvalidRelease(name));
            }
        }
        Ok(self)
    }

    /// The release's name: it changes when any of its files does.
    #[must_use]
    pub fn id(&self) -> String {
        let models = self.models.iter().map(|model| format!("{} {} {}", model.id, model.version, model.sha256()));
        let knowledge = self.knowledge.iter().map(|of| format!("{} {} {}", of.agent, of.version, of.file.sha256));
        hash_of(models.chain(knowledge))
    }

    /// The model named `id`.
    #[must_use]
    pub fn model(&self, id: &ModelId) -> Option<&ReleasedModel> {
        self.models.iter().find(|model| &model.id == id)
    }

    /// The knowledge of `agent`.
    #[must_use]
    pub fn knowledge_of(&self, agent: &AgentId) -> Option<&ReleasedKnowledge> {
        self.knowledge.iter().find(|knowledge| &knowledge.agent == agent)
    }
}

fn hash_of(lines: impl Iterator<Item = String>) -> String {
    let mut hash = Sha256::new();
    for line in lines {
        hash.update(line);
        hash.update("\n");
    }
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(key: &str) -> ReleasedFile {
        ReleasedFile { key: key.to_owned(), sha256: "a".repeat(64), bytes: 3 }
    }

    fn release(key: &str) -> Release {
        let model =
            ReleasedModel { id: ModelId::parse("head").unwrap(), version: "1".to_owned(), files: vec![file(key)] };
        Release { models: vec![model], knowledge: Vec::new() }
    }

    #[test]
    fn the_name_changes_with_any_file() {
        let first = release("models/a/head.json");
        let mut second = first.clone();
        second.models[0].files[0].sha256 = "b".repeat(64);
        let mut third = first.clone();
        let agent = AgentId::parse("rprd").unwrap();
        third.knowledge.push(ReleasedKnowledge {
            agent,
            version: "v".to_owned(),
            file: file("models/k/rprd.knowledge"),
        });
        assert_eq!(first.id(), first.clone().id());
        assert!(first.id() != second.id() && first.id() != third.id());
    }

    #[test]
    fn what_would_leave_its_folder_or_is_there_twice_is_refused() {
        assert!(release("models/a/head.json").validated().is_ok());
        for bad in ["", "/etc/passwd", "models/../../secret", "models//x", "models/.x", "models/a b"] {
            assert_eq!(release(bad).validated().unwrap_err().to_string(), "the release is malformed at `model head`");
        }
        let mut twice = release("models/a/head.json");
        twice.models.push(twice.models[0].clone());
        assert!(twice.validated().is_err());
        let mut unhashed = release("models/a/head.json");
        unhashed.models[0].files[0].sha256 = "A".repeat(64);
        assert!(unhashed.validated().is_err());
        let mut empty = release("models/a/head.json");
        empty.models[0].files.clear();
        assert!(empty.validated().is_err());
    }
}
