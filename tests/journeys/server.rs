//! The program under test, as a process of its own.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Once};

use farthing_testkit::loopback::LoopbackProvider;
use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The repository.
pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// DeepSeek's own name for its model in the registry.
pub(crate) const DEEPSEEK: &str = "deepseek-v4-flash";
/// Anthropic's own name for Claude Sonnet in the registry.
pub(crate) const CLAUDE: &str = "claude-sonnet-4-6";
/// OpenAI's own name for its model in the registry.
pub(crate) const GPT: &str = "gpt-4o";

/// A query of the medium tier that the demo agent's knowledge does not answer.
pub(crate) const MEDIUM_QUERY: &str = "Compare email newsletters with short videos for a small bakery and explain which one \
                                brings customers back.";
/// An answer to it that passes validation.
pub(crate) const GOOD_ANSWER: &str = "Email newsletters bring customers back more reliably, because they reach people who \
                               already bought from the bakery. Short videos reach new people and work best for showing \
                               what is fresh today. For a small bakery, use videos to be found and a weekly newsletter \
                               to bring customers back.";
/// An answer to it that does not.
pub(crate) const OFF_TOPIC_ANSWER: &str = "The capital of Mongolia is Ulaanbaatar, and its winters are very cold.";
/// The good answer in words that the brand avoids: worth rephrasing.
pub(crate) const MIDDLING_ANSWER: &str = "Email newsletters seamlessly bring customers back more reliably, because they \
                                          reach numerous people who already bought from the bakery. Additionally, \
                                          short videos reach new people and work best for showing what is fresh \
                                          today. For a small bakery, simply utilize videos in order to be found and \
                                          kindly leverage a weekly newsletter to bring customers back.";

/// The program under test, with loopback providers for the paid models.
pub(crate) struct Server {
    pub(crate) process: Child,
    pub(crate) url: String,
    client: Client,
    home: Home,
    /// The one server that plays all providers.
    pub(crate) providers: Arc<LoopbackProvider>,
}

/// What outlives a process: the owner's files, the data, and the providers.
#[derive(Clone)]
pub(crate) struct Home {
    pub(crate) folder: Arc<TempDir>,
    pub(crate) providers: Arc<LoopbackProvider>,
}

/// How the program is started.
pub(crate) struct Setup {
    /// What is replaced in the policy, and by what.
    policy: Vec<(&'static str, String)>,
    /// What is replaced in the registry, and by what.
    pub(crate) registry: Vec<(&'static str, String)>,
    /// More variables of the environment.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// Whether its standard error is kept in [`Server::process`], and not shown.
    pub(crate) keeps_stderr: bool,
    /// The file that its standard error goes to instead.
    pub(crate) log_file: Option<PathBuf>,
    has_keys: bool,
    needs_keys: bool,
}

/// A reply over HTTP.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Setup {
    /// The shipped policy, and keys for all providers.
    pub(crate) fn new() -> Self {
        Self {
            policy: Vec::new(),
            registry: Vec::new(),
            environment: Vec::new(),
            keeps_stderr: false,
            log_file: None,
            has_keys: true,
            needs_keys: false,
        }
    }

    /// Replaces `from` by `to` in the policy.
    pub(crate) fn policy(mut self, from: &'static str, to: impl Into<String>) -> Self {
        self.policy.push((from, to.into()));
        self
    }

    /// No key for any provider.
    pub(crate) fn without_provider_keys(mut self) -> Self {
        self.has_keys = false;
        self
    }

    /// Callers have to show a key.
    pub(crate) fn needs_keys(mut self) -> Self {
        self.needs_keys = true;
        self
    }

    /// Starts the program on data of its own and waits until it listens.
    pub(crate) async fn start(self) -> Server {
        self.start_in(&self.home().await)
    }

    /// The owner's files, no data yet, and the providers.
    pub(crate) async fn home(&self) -> Home {
        let folder = tempfile::tempdir().unwrap();
        let infra = folder.path().join("infra");
        copy_infra(&infra);
        replace(&infra.join("policy.toml"), &self.policy);
        replace(&infra.join("models.toml"), &self.registry);
        Home { folder: Arc::new(folder), providers: Arc::new(LoopbackProvider::start().await.unwrap()) }
    }

    /// Starts the program on the data of `home` and waits until it listens.
    pub(crate) fn start_in(&self, home: &Home) -> Server {
        pull_weights_once();
        let mut command = home.command();
        command.args(["--listen", "127.0.0.1:0", "--json"]);
        command.env("FARTHING_LOG", "error");
        if self.needs_keys {
            command.arg("--keys");
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if self.has_keys {
            for name in ["ANTHROPIC", "DEEPSEEK", "OPENAI"] {
                command.env(format!("{name}_API_KEY"), "test-key");
                command.env(format!("{name}_BASE_URL"), home.providers.url());
            }
        }
        if self.keeps_stderr {
            command.stderr(Stdio::piped());
        }
        if let Some(file) = &self.log_file {
            command.stderr(File::create(file).unwrap());
        }
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        process.stdout = Some(stdout.into_inner());
        let greeting: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let url = greeting["listening"].as_str().unwrap_or_else(|| panic!("{greeting}")).to_owned();
        let (home, providers) = (home.clone(), Arc::clone(&home.providers));
        Server { process, url, client: Client::new(), home, providers }
    }
}

impl Home {
    /// A command of the program on these files and this data.
    pub(crate) fn command(&self) -> Command {
        let mut command = program();
        command.env("FARTHING_INFRA", self.folder.path().join("infra"));
        command.env("FARTHING_DATA", self.folder.path().join("data"));
        command
    }
}

impl Server {
    /// A server with the shipped policy and keys for all providers.
    pub(crate) async fn start() -> Self {
        Setup::new().start().await
    }

    /// Asks `query` and returns the reply.
    pub(crate) async fn ask(&self, query: &str) -> Answered {
        self.post("/api/agents", json!({"query": query}).to_string()).await
    }

    /// Posts `body` to `path`.
    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Answered {
        self.send(self.client.post(format!("{}{path}", self.url)).body(body)).await
    }

    /// Posts `body` to `/api/agents` under an idempotency key.
    pub(crate) async fn post_with_key(&self, key: &str, body: impl Into<reqwest::Body>) -> Answered {
        let request = self.client.post(format!("{}/api/agents", self.url));
        self.send(request.header("Idempotency-Key", key).body(body)).await
    }

    /// Posts a query with an `Authorization` header.
    pub(crate) async fn post_as(&self, bearer: &str, query: &str) -> Answered {
        let request = self.client.post(format!("{}/api/agents", self.url)).bearer_auth(bearer);
        self.send(request.body(json!({"query": query}).to_string())).await
    }

    /// The same, as a request with an idempotency key.
    pub(crate) async fn post_with_key_as(&self, bearer: &str, key: &str, query: &str) -> Answered {
        let request = self.client.post(format!("{}/api/agents", self.url)).bearer_auth(bearer);
        self.send(request.header("Idempotency-Key", key).body(json!({"query": query}).to_string())).await
    }

    /// Gets `path` with a key.
    pub(crate) async fn get_as(&self, bearer: &str, path: &str) -> Answered {
        self.send(self.client.get(format!("{}{path}", self.url)).bearer_auth(bearer)).await
    }

    /// Gets `path`.
    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.send(self.client.get(format!("{}{path}", self.url))).await
    }

    /// The month's figures: used, reserved and available.
    pub(crate) async fn money(&self) -> (f64, f64, f64) {
        let month = self.get("/api/budget/status").await.json["monthly"].clone();
        let figure = |name: &str| month[name].as_f64().unwrap_or_else(|| panic!("{month}"));
        (figure("used"), figure("reserved"), figure("available"))
    }

    /// The process's resident memory in MiB.
    pub(crate) fn resident_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
    }

    /// A command of the same program on the same data.
    pub(crate) fn command(&self) -> Command {
        self.home.command()
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answered {
        Answered::to(request).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Answered {
    /// The reply to `request`, or how it failed to come.
    pub(crate) async fn to(request: reqwest::RequestBuilder) -> reqwest::Result<Self> {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        let text = response.text().await?;
        let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        Ok(Self { status, retry_after, text, json })
    }

    /// The model and outcome of each attempt.
    pub(crate) fn attempts(&self) -> Vec<(String, String)> {
        let attempts =
            if self.status == 200 { &self.json["route"]["attempts"] } else { &self.json["error"]["attempts"] };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        attempts.as_array().into_iter().flatten().map(|a| (text(&a["model"]), text(&a["outcome"]))).collect()
    }

    /// The error's code.
    pub(crate) fn code(&self) -> &str {
        self.json["error"]["code"].as_str().unwrap_or_default()
    }
}

/// The program, with the weights that all tests share and without the keys of whoever runs them.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_farthing"));
    for name in ["ANTHROPIC_API_KEY", "DEEPSEEK_API_KEY", "OPENAI_API_KEY"] {
        command.env_remove(name);
    }
    command.current_dir(ROOT).env("FARTHING_MODELS", weights());
    command
}

/// The folder of the weights and the knowledge index, which are fetched and built once.
pub(crate) fn weights() -> PathBuf {
    Path::new(ROOT).join(".farthing/models")
}

fn replace(file: &Path, replacements: &[(&str, String)]) {
    let mut text = std::fs::read_to_string(file).unwrap();
    for (from, to) in replacements {
        assert!(text.contains(from), "{} has no {from:?}", file.display());
        text = text.replace(from, to);
    }
    std::fs::write(file, text).unwrap();
}

/// Fetches the weights, unless they are there.
pub(crate) fn pull_weights_once() {
    static PULLED: Once = Once::new();
    PULLED.call_once(|| {
        let mut pull = program().args(["models", "pull"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut printed = String::new();
        pull.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        assert!(pull.wait().unwrap().success(), "models pull: {printed}");
    });
}

/// Copies the shipped files of the owner to `to`.
pub(crate) fn copy_infra(to: &Path) {
    copy_folder(&Path::new(ROOT).join("infra"), to);
    // What journeys count must not depend on which requests happen to be drawn.
    replace(&to.join("policy.toml"), &[("compare_sample = 0.02", "compare_sample = 0.0".to_owned())]);
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
