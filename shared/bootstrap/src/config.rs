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
    /// What the key is called: the variable on a laptop, the member of the secret on Lambda.
    pub key_setting: String,
    /// The key, when the environment holds it.
    pub key: Option<String>,
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
    /// on a laptop. On Lambda it is AWS.
    pub storage: Storage,
    /// The name of the table. From `FARTHING_TABLE`; `farthing`.
    pub table: String,
    /// The bucket with model files. From `FARTHING_BUCKET`; none.
    pub bucket: Option<String>,
    /// The agent of requests that name none. From `FARTHING_AGENT`; `rprd`.
    pub agent: AgentId,
    /// The tenant of callers whom nobody names, on a laptop. From `FARTHING_TENANT`; `default`.
    pub tenant: Tenant,
    /// Whether nothing may be fetched from public sources. From `FARTHING_OFFLINE`, `1` or `0`; `0`
    /// on a laptop. On Lambda nothing may.
    pub offline: bool,
    /// Whether the language model of `models.toml` rephrases also where it is not enabled there. From
    /// `FARTHING_GENERATOR`, `1` or `0`; `0`.
    pub generator: bool,
    /// The known providers. Keys from `ANTHROPIC_API_KEY`, `DEEPSEEK_API_KEY` and `OPENAI_API_KEY`,
    /// on a laptop; base URLs from `ANTHROPIC_BASE_URL`, `DEEPSEEK_BASE_URL` and `OPENAI_BASE_URL`.
    pub providers: BTreeMap<ProviderId, ProviderAccess>,
    /// The secret with the providers' keys, by name or ARN. From `FARTHING_PROVIDER_KEYS`, on
    /// Lambda; none, and then nothing is paid for.
    pub provider_keys: Option<String>,
    /// The secret that callers' keys are hashed with, by name or ARN. From `FARTHING_PEPPER`; none.
    pub pepper: Option<String>,
    /// Which log lines are written, in `tracing` filter syntax. From `FARTHING_LOG`; `info` on
    /// Lambda and `warn` on a laptop. Of libraries, whatever it says, none below `info` are.
    pub log: String,
    /// Whether log lines are JSON objects. From `FARTHING_LOG_FORMAT`, `json` or `text`.
    pub log_json: bool,
    /// Whether metrics are written. From `FARTHING_METRICS`, `emf` or `off`; `emf`. On Lambda only.
    pub metrics: bool,
}

/// Where the process runs, for the defaults that differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A developer's own machine.
    Laptop,
    /// An AWS Lambda function.
    Lambda,
}

/// A variable of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Whether a Lambda function reads it.
    pub on_lambda: bool,
    /// Whether the local gateway and the command-line tool read it.
    pub on_laptop: bool,
}

const fn everywhere(name: &'static str) -> Variable {
    Variable { name, on_lambda: true, on_laptop: true }
}

const fn on_lambda(name: &'static str) -> Variable {
    Variable { name, on_lambda: true, on_laptop: false }
}

const fn on_laptop(name: &'static str) -> Variable {
    Variable { name, on_lambda: false, on_laptop: true }
}

/// Every variable that [`Config`] is read from; it reads no others. [`Config`] says what each means.
pub const VARIABLES: [Variable; 20] = [
    everywhere("FARTHING_INFRA"),
    everywhere("FARTHING_TABLE"),
    everywhere("FARTHING_BUCKET"),
    everywhere("FARTHING_AGENT"),
    everywhere("FARTHING_PEPPER"),
    everywhere("FARTHING_LOG"),
    everywhere("FARTHING_LOG_FORMAT"),
    everywhere("ANTHROPIC_BASE_URL"),
    everywhere("DEEPSEEK_BASE_URL"),
    everywhere("OPENAI_BASE_URL"),
    on_lambda("FARTHING_PROVIDER_KEYS"),
    on_lambda("FARTHING_METRICS"),
    on_laptop("FARTHING_DATA"),
    on_laptop("FARTHING_MODELS"),
    on_laptop("FARTHING_STORAGE"),
    on_laptop("FARTHING_TENANT"),
    on_laptop("FARTHING_OFFLINE"),
    on_laptop("ANTHROPIC_API_KEY"),
    on_laptop("DEEPSEEK_API_KEY"),
    on_laptop("OPENAI_API_KEY"),
];

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
        let is_lambda = place == Place::Lambda;
        let is_read = |known: &&Variable| if is_lambda { known.on_lambda } else { known.on_laptop };
        let get = |name: &str| {
            let variable = VARIABLES.iter().filter(is_read).find(|variable| variable.name == name)?;
            get(variable.name).filter(|value| !value.trim().is_empty())
        };
        let or = |variable: &str, default: &str| get(variable).unwrap_or_else(|| default.to_owned());
        let choice = |variable: &str, default: &str, choices: [&str; 2]| {
            let value = or(variable, default);
            let expected = || format!("`{}` or `{}`", choices[0], choices[1]);
            match choices.iter().position(|choice| *choice == value) {
                Some(index) => Ok(index),
                None => Err(InvalidVariable { variable: variable.to_owned(), expected: expected() }),
            }
        };
        let storage = choice("FARTHING_STORAGE", if is_lambda { "aws" } else { "embedded" }, ["embedded", "aws"])?;
        let mut providers = BTreeMap::new();
        for (name, prefix) in PROVIDERS {
            let id = ProviderId::parse(name).map_err(|error| invalid(prefix, error.to_string()))?;
            let key_setting = format!("{prefix}_API_KEY");
            let (key, base_url) = (get(&key_setting), get(&format!("{prefix}_BASE_URL")));
            providers.insert(id, ProviderAccess { key_setting, key, base_url });
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
            offline: choice("FARTHING_OFFLINE", if is_lambda { "1" } else { "0" }, ["0", "1"])? == 1,
            generator: choice("FARTHING_GENERATOR", "0", ["0", "1"])? == 1,
            providers,
            provider_keys: get("FARTHING_PROVIDER_KEYS"),
            pepper: get("FARTHING_PEPPER"),
            log: or("FARTHING_LOG", if is_lambda { "info" } else { "warn" }),
            log_json: choice("FARTHING_LOG_FORMAT", if is_lambda { "json" } else { "text" }, ["text", "json"])? == 1,
            metrics: choice("FARTHING_METRICS", "emf", ["off", "emf"])? == 1,
        })
    }
}

fn invalid(variable: &str, expected: String) -> InvalidVariable {
    InvalidVariable { variable: variable.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

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
        let settings = config.providers.values().map(|access| (access.key_setting.as_str(), access.key.is_some()));
        let expected = ["ANTHROPIC_API_KEY", "DEEPSEEK_API_KEY", "OPENAI_API_KEY"].map(|setting| (setting, false));
        assert_eq!(settings.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_blank_key_is_no_key() {
        let keys = |key: &str| {
            let config = read(&[("OPENAI_API_KEY", key)]).unwrap();
            config.providers.values().filter(|access| access.key.is_some()).count()
        };
        assert_eq!((keys(" "), keys("k")), (0, 1));
    }

    #[test]
    fn each_place_reads_its_own_variables_and_all_of_them() {
        for (place, is_read) in [
            (Place::Lambda, (|variable| variable.on_lambda) as fn(&Variable) -> bool),
            (Place::Laptop, |variable| variable.on_laptop),
        ] {
            let asked = RefCell::new(BTreeSet::new());
            let config = Config::read(place, |name| {
                asked.borrow_mut().insert(name.to_owned());
                None
            });
            assert!(config.is_ok(), "{place:?}");
            let expected =
                VARIABLES.iter().filter(|variable| is_read(variable)).map(|variable| variable.name.to_owned());
            assert_eq!(asked.into_inner(), expected.collect(), "{place:?}");
        }
    }

    #[test]
    fn no_key_of_a_provider_comes_from_the_environment_of_a_function() {
        let config = Config::read(Place::Lambda, |name| name.ends_with("_API_KEY").then(|| "k".to_owned())).unwrap();
        assert!(config.providers.values().all(|access| access.key.is_none()));
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
