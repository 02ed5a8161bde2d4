//! The owner's files: the registry, the policy and the agents, checked at load.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use farthing_domain::agent::BrandProfile;
use farthing_domain::ids::AgentId;
use farthing_domain::policy::Policy;
use farthing_domain::registry::{ModelKind, Registry, RegistryFile};
use serde::de::DeserializeOwned;

use crate::config::Config;

/// What is wrong with one of the owner's files.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {fault}", file = file.display())]
pub struct InvalidFile {
    /// The file.
    pub file: PathBuf,
    /// The key, and what was expected there.
    pub fault: String,
}

/// What the owner's files say.
#[derive(Clone, Debug)]
pub struct OwnerFiles {
    /// The known models.
    pub registry: Registry,
    /// What the owner decided.
    pub policy: Policy,
    /// The agents, by name.
    pub agents: BTreeMap<AgentId, BrandProfile>,
}

impl OwnerFiles {
    /// Reads `models.toml`, `policy.toml` and `agents/*/agent.toml` below `infra`.
    ///
    /// # Errors
    /// [`InvalidFile`] with the first file at fault, its key and what was expected.
    pub fn load(infra: &Path) -> Result<Self, InvalidFile> {
        let file = infra.join("models.toml");
        let models: RegistryFile = read_toml(&file)?;
        let registry = Registry::parse(models.models).map_err(|error| invalid(&file, error))?;
        let file = infra.join("policy.toml");
        let policy: Policy = read_toml(&file)?;
        policy.validate(&registry).map_err(|error| invalid(&file, error))?;
        Ok(Self { registry, policy, agents: load_agents(&infra.join("agents"))? })
    }

    /// The files that `config` names, with what it switches on.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn of(config: &Config) -> Result<Self, InvalidFile> {
        let files = Self::load(&config.infra)?;
        let registry = if config.generator { files.registry.enabling(ModelKind::Generator) } else { files.registry };
        Ok(Self { registry, ..files })
    }
}

/// Reads an `agent.toml` wherever it is.
///
/// # Errors
/// [`InvalidFile`] with its key and what was expected.
pub fn agent_of(file: &Path) -> Result<BrandProfile, InvalidFile> {
    let profile: BrandProfile = read_toml(file)?;
    profile.validate().map_err(|error| invalid(file, error))?;
    Ok(profile)
}

fn load_agents(folder: &Path) -> Result<BTreeMap<AgentId, BrandProfile>, InvalidFile> {
    let entries = std::fs::read_dir(folder).map_err(|error| invalid(folder, error))?;
    let mut agents = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(|error| invalid(folder, error))?.path();
        if !path.is_dir() {
            continue;
        }
        let file = path.join("agent.toml");
        let profile = agent_of(&file)?;
        if path.file_name().and_then(|name| name.to_str()) != Some(profile.id.as_str()) {
            return Err(invalid(&file, format!("`id`: expected the folder's name, found `{}`", profile.id)));
        }
        agents.insert(profile.id.clone(), profile);
    }
    if agents.is_empty() {
        return Err(invalid(folder, "expected at least one folder with an agent.toml"));
    }
    Ok(agents)
}

fn read_toml<T: DeserializeOwned>(file: &Path) -> Result<T, InvalidFile> {
    let text = std::fs::read_to_string(file).map_err(|error| invalid(file, error))?;
    let reader = toml::Deserializer::parse(&text).map_err(|error| invalid(file, error))?;
    serde_path_to_error::deserialize(reader)
        .map_err(|error| invalid(file, format!("`{}`: {}", error.path(), error.inner().message())))
}

fn invalid(file: &Path, fault: impl ToString) -> InvalidFile {
    InvalidFile { file: file.to_owned(), fault: fault.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFRA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra");

    #[test]
    fn the_shipped_files_load() {
        let files = OwnerFiles::load(Path::new(INFRA)).unwrap();
        assert_eq!(files.registry.models().len(), 14);
        assert!(files.agents.contains_key(&AgentId::parse("rprd").unwrap()));
    }

    #[test]
    fn a_broken_file_is_named_with_its_key() {
        check("policy.toml", "stop_percent = 95", "stop_percent = 0", "`budget.stop_percent`: expected 1 to 100");
        check("policy.toml", "stop_percent = 95", "stop_percent = \"x\"", "`budget.stop_percent`: invalid type");
        check("policy.toml", "stop_percent = 95", "stop_per_cent = 95", "unknown field `stop_per_cent`");
        check("policy.toml", "monthly_usd = \"200\"", "monthly_usd = \"-200\"", "`budget.monthly_usd`");
        check("policy.toml", "\"gpt-4o\"", "\"gpt-9\"", "`gpt-9`");
        check("policy.toml", "deliver = 0.8", "deliver = 0.5", "`quality.rephrase`");
        check("policy.toml", "[cache]", "[cache", "expected");
        check(
            "models.toml",
            "input_usd_per_million = \"2.50\"",
            "input_usd_per_million = \"0\"",
            "input_usd_per_million",
        );
        check("models.toml", "id = \"gpt-4o\"", "id = \"claude-haiku\"", "an id that no other model has");
        check("models.toml", "kind = \"embedding\"", "kind = \"embeding\"", "unknown variant");
        check("agents/rprd/agent.toml", "id = \"rprd\"", "id = \"other\"", "the folder's name");
        check("agents/rprd/agent.toml", "languages = [\"en\"]", "languages = [\"english\"]", "`languages`: expected");
        check("agents/rprd/agent.toml", "name = \"RPRD\"", "", "missing field `name`");
    }

    /// Replaces `from` by `to` in a copy of the shipped files, and expects the error to name the
    /// file and to contain `fault`.
    #[track_caller]
    fn check(file: &str, from: &str, to: &str, fault: &str) {
        let copy = tempfile::tempdir().unwrap();
        for path in ["models.toml", "policy.toml", "agents/rprd/agent.toml"] {
            let text = std::fs::read_to_string(Path::new(INFRA).join(path)).unwrap();
            let text = if path == file {
                assert!(text.contains(from), "{file} has no {from:?}");
                text.replacen(from, to, 1)
            } else {
                text
            };
            let to = copy.path().join(path);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::write(to, text).unwrap();
        }
        let error = OwnerFiles::load(copy.path()).unwrap_err().to_string();
        assert!(error.contains(file) && error.contains(fault), "{error:?} has no {fault:?}");
    }
}
