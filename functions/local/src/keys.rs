//! Callers' keys: made, listed and revoked by the owner.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use farthing_bootstrap::clock::{SystemClock, key_bytes};
use farthing_bootstrap::config::Config;
use farthing_bootstrap::wiring;
use farthing_domain::auth::{ApiKey, ApiKeyId, KeyName, Scope};
use farthing_domain::ids::Tenant;
use farthing_domain::ports::Clock as _;
use farthing_domain::time::Timestamp;
use farthing_gateway::authorize::{KeyAdmin, NewKey};
use serde_json::{Value, json};

use crate::output;

const DAY: Duration = Duration::from_secs(24 * 3_600);

#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and print it. It is shown this once: only a hash of it is kept.
    ///
    /// Example: farthing keys create --tenant shop --scopes infer,status --name "web shop"
    Create(CreateArgs),
    /// List all keys, revoked and expired ones included, without their texts.
    List,
    /// Revoke a key for ever.
    Revoke {
        /// The key's id: what stands between `fk_` and the next `_`.
        id: String,
    },
}

#[derive(Args)]
pub(crate) struct CreateArgs {
    /// Whose requests the key makes: 1 to 64 of a-z, 0-9, - and _.
    #[arg(long)]
    tenant: String,
    /// What it opens: infer (questions), status (models and budget), admin (preparing the models).
    #[arg(long, value_delimiter = ',', default_value = "infer")]
    scopes: Vec<String>,
    /// What you will know it by.
    #[arg(long, default_value = "unnamed")]
    name: String,
    /// After how many days it opens nothing any more [default: never]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    expires_in: Option<u32>,
}

pub(crate) async fn run(config: &Config, command: &KeysCommand, json: bool) -> anyhow::Result<ExitCode> {
    match command {
        KeysCommand::Create(args) => create(config, args, json).await?,
        KeysCommand::List => list(&wiring::key_admin(config).await?, json).await?,
        KeysCommand::Revoke { id } => {
            let id = ApiKeyId::parse(id)?;
            wiring::key_admin(config).await?.revoke(&id).await?;
            if json {
                output::line(json!({"id": id.as_str(), "revoked": true}));
            } else {
                output::line(format!("{id} is revoked"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(config: &Config, args: &CreateArgs, json: bool) -> anyhow::Result<()> {
    let new = NewKey {
        tenant: Tenant::parse(&args.tenant).context("--tenant")?,
        scopes: args.scopes.iter().map(|scope| Scope::parse(scope)).collect::<Result<_, _>>().context("--scopes")?,
        name: KeyName::parse(&args.name).context("--name")?,
        expires: args.expires_in.map(|days| SystemClock.now().plus(DAY * days)),
    };
    let key = wiring::key_admin(config).await?.create(new, &key_bytes()?).await?;
    if json {
        output::line(json!({"id": key.id().as_str(), "key": key.expose()}));
    } else {
        output::line(key.expose());
        output::note("Keep it now: it is not shown again. Callers send it as `Authorization: Bearer <key>`.");
    }
    Ok(())
}

async fn list(keys: &KeyAdmin, json: bool) -> anyhow::Result<()> {
    let keys = keys.list().await?;
    if json {
        output::line(json!(keys.iter().map(key_json).collect::<Vec<_>>()));
        return Ok(());
    }
    if keys.is_empty() {
        output::line("there are no keys");
    }
    for key in &keys {
        let scopes = names(&key.scopes).join(",");
        let state = key.state(SystemClock.now()).as_str();
        output::line(format!("{}  {:<16}  {:<18}  {:<8}  {}", key.id, key.tenant, scopes, state, key.name.as_str()));
    }
    Ok(())
}

fn key_json(key: &ApiKey) -> Value {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    json!({
        "id": key.id.as_str(),
        "tenant": key.tenant.as_str(),
        "scopes": names(&key.scopes),
        "name": key.name.as_str(),
        "state": key.state(SystemClock.now()).as_str(),
        "created": key.created.to_string(),
        "expires": time(key.expires),
        "revoked": time(key.revoked),
    })
}

fn names(scopes: &BTreeSet<Scope>) -> Vec<&'static str> {
    scopes.iter().map(|scope| scope.as_str()).collect()
}
