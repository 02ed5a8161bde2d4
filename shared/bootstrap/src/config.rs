//! The environment, read once into one struct.

use std::collections::BTreeMap;
use std::path::PathBuf;

use farthing_domain::ids::{AgentId, ProviderId, Tenant};

/// Why the environment is no configuration.
#[derive(Debug, thiserror::Error)]
#[error("environment variable `{variable}`: expected {expected}")]
pub struct InvalidVariable {
    /// The variable at fault.
    pub variable: String,
    /// What was expected there.
    pub expected: String,
}

/// Where tables and objects are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// DynamoDB embedded in this process, and a directory for model files.
    Embedded,
    /// DynamoDB and S3, reached by the AWS configuration of the environment.
    Aws,
}

/// A provider's access.
#[derive(Clone)]
pub struct ProviderAccess {
    /// The key.
    pub key: String,
    /// The base URL, when it is not the provider's own.
    pub base_url: Option<String>,
}

/// What the environment says.
#[derive(Clone)]
pub struct Config {
    /// The folder with `models.toml`, `policy.toml` and `agents/`. From `FARTHING_INFRA`; `infra`.
    pub infra: PathBuf,
    /// The folder for the embedded database. From `FARTHING_DATA`; `.farthing`.
    pub data: PathBuf,
    /// The folder for weights and knowledge indexes. From `FARTHING_MODELS`; `models` in `data`.
    pub models: Option<PathBuf>,
    /// Where tables and objects are kept. From `FARTHING_STORAGE`, `embedded` or `aws`; `embedded`
    /// on a laptop and `aws` on Lambda.
    pub storage: Storage,
    /// The name of the table. From `FARTHING_TABLE`; `farthing`.
    pub table: String,
    /// The bucket with model files. From `FARTHING_BUCKET`; none.
    pub bucket: Option<String>,
    /// The agent of requests that name none. From `FARTHING_AGENT`; `rprd`.
    pub agent: AgentId,
    /// The tenant of callers whom nobody names. From `FARTHING_TENANT`; `default`.
    pub tenant: Tenant,
    /// Whether nothing may be fetched. From `FARTHING_OFFLINE`, `1` or `0`; `0`.
    pub offline: bool,
    /// The keys that callers of the local gateway must show, separated by commas. From
    /// `FARTHING_KEYS`; none, and then anyone on this machine may call.
    pub caller_keys: Vec<String>,
    /// The providers that have a key: `ANTHROPIC_API_KEY`, `DEEPSEEK_API_KEY`, `OPENAI_API_KEY`,
    /// with `ANTHROPIC_BASE_URL`, `DEEPSEEK_BASE_URL`, `OPENAI_BASE_URL`.
    pub providers: BTreeMap<ProviderId, ProviderAccess>,
    /// For each known provider, the variable that holds its key.
    pub key_settings: BTreeMap<ProviderId, String>,
    /// Which log lines are written, in `tracing` filter syntax. From `FARTHING_LOG`; `info` on
    /// Lambda and `warn` on a laptop.
    pub log: String,
    /// Whether log lines are JSON objects. From `FARTHING_LOG_FORMAT`, `json` or `text`.
    pub log_json: bool,
}

/// Where the process runs, for the defaults that differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A developer's own machine.
    Laptop,
    /// An AWS Lambda function.
    Lambda,
}

/// The prefixes of the variables of each provider.
const PROVIDERS: [(&str, &str); 3] = [("anthropic", "ANTHROPIC"), ("deepseek", "DEEPSEEK"), ("openai", "OPENAI")];

impl Config {
    /// Reads this process's environment.
    ///
    /// # Errors
    /// [`InvalidVariable`] with the first variable at fault.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn from_env(place: Place) -> Result<Self, InvalidVariable> {
        Self::read(place, |variable| std::env::var(variable).ok())
    }

    /// The folder for weights and knowledge indexes.
    #[must_use]
    pub fn models_folder(&self) -> PathBuf {
        self.models.clone().unwrap_or_else(|| self.data.join("models"))
    }

    /// Reads the variables that `get` knows.
    ///
    /// # Errors
    /// [`InvalidVariable`] with the first variable at fault.
    pub fn read(place: Place, get: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidVariable> {
        let get = |variable: &str| get(variable).filter(|value| !value.trim().is_empty());
        let or = |variable: &str, default: &str| get(variable).unwrap_or_else(|| default.to_owned());
        let choice = |variable: &str, default: &str, choices: [&str; 2]| {
            let value = or(variable, default);
            let expected = || format!("`{}` or `{}`", choices[0], choices[1]);
            match choices.iter().position(|choice| *choice == value) {
                Some(index) => Ok(index),
                None => Err(InvalidVariable { variable: variable.to_owned(), expected: expected() }),
            }
        };
        let is_lambda = place == Place::Lambda;
        let storage = choice("FARTHING_STORAGE", if is_lambda { "aws" } else { "embedded" }, ["embedded", "aws"])?;
        let mut providers = BTreeMap::new();
        let mut key_settings = BTreeMap::new();
        for (name, prefix) in PROVIDERS {
            let id = ProviderId::parse(name).map_err(|error| invalid(prefix, error.to_string()))?;
            let key_setting = format!("{prefix}_API_KEY");
            if let Some(key) = get(&key_setting) {
                providers.insert(id.clone(), ProviderAccess { key, base_url: get(&format!("{prefix}_BASE_URL")) });
            }
            key_settings.insert(id, key_setting);
        }
        let agent = or("FARTHING_AGENT", "rprd");
        let tenant = or("FARTHING_TENANT", "default");
        Ok(Self {
            infra: or("FARTHING_INFRA", "infra").into(),
            data: or("FARTHING_DATA", if is_lambda { "/tmp/farthing" } else { ".farthing" }).into(),
            models: get("FARTHING_MODELS").map(PathBuf::from),
            storage: if storage == 0 { Storage::Embedded } else { Storage::Aws },
            table: or("FARTHING_TABLE", "farthing"),
            bucket: get("FARTHING_BUCKET"),
            agent: AgentId::parse(&agent).map_err(|error| invalid("FARTHING_AGENT", error.to_string()))?,
            tenant: Tenant::parse(&tenant).map_err(|error| invalid("FARTHING_TENANT", error.to_string()))?,
            offline: choice("FARTHING_OFFLINE", "0", ["0", "1"])? == 1,
            caller_keys: or("FARTHING_KEYS", "")
                .split(',')
                .map(str::trim)
                .filter(|key| !key.is_empty())
                .map(str::to_owned)
                .collect(),
            providers,
            key_settings,
            log: or("FARTHING_LOG", if is_lambda { "info" } else { "warn" }),
            log_json: choice("FARTHING_LOG_FORMAT", if is_lambda { "json" } else { "text" }, ["text", "json"])? == 1,
        })
    }
}

fn invalid(variable: &str, expected: String) -> InvalidVariable {
    InvalidVariable { variable: variable.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, InvalidVariable> {
        Config::read(Place::Laptop, |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn an_empty_environment_is_enough() {
        let config = read(&[]).unwrap();
        assert_eq!(config.storage, Storage::Embedded);
        assert!(config.providers.is_empty());
        assert_eq!(
            config.key_settings.values().collect::<Vec<_>>(),
            ["ANTHROPIC_API_KEY", "DEEPSEEK_API_KEY", "OPENAI_API_KEY"]
        );
    }

    #[test]
    fn a_blank_key_is_no_key() {
        assert!(read(&[("OPENAI_API_KEY", " ")]).unwrap().providers.is_empty());
        assert_eq!(read(&[("OPENAI_API_KEY", "k")]).unwrap().providers.len(), 1);
    }

    #[test]
    fn a_wrong_variable_is_named() {
        for (variable, value) in [("FARTHING_STORAGE", "disk"), ("FARTHING_AGENT", "../x"), ("FARTHING_OFFLINE", "yes")]
        {
            let error = read(&[(variable, value)]).err().expect("the value must be refused");
            assert_eq!(error.variable, variable);
        }
    }
}
