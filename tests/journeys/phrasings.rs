//! Other phrasings of an agent's knowledge are bought once, and questions in their words are answered here.

use std::path::{Path, PathBuf};
use std::process::Command;

use farthing_testkit::loopback::{Reply, Script};
use serde_json::{Value, json};

use crate::server::{DEEPSEEK, Home, Setup, pull_weights_once, weights};

const KNOWLEDGE: &str = "# Bikes\n\n\
## How do I unlock a bike?\nScan the code on the lock of the bike with your phone, and the lock opens.\n\n\
## How much is a day pass?\nA day pass costs 12 euros and lasts until midnight.\n\n\
## Do you rent helmets?\nHelmets are free at every station.\n";

/// How a customer asks for the lock in words that the knowledge has not.
const QUESTION: &str = "How do I release it from the stand?";

/// An agent that knows a little about bikes, and models of its own place: nobody else's index is touched.
pub(crate) struct Place {
    pub(crate) home: Home,
    pub(crate) setup: Setup,
}

impl Place {
    pub(crate) async fn new() -> Self {
        pull_weights_once();
        let setup = Setup::new();
        let home = setup.home().await;
        let agents = home.folder.path().join("infra/agents");
        std::fs::rename(agents.join("rprd"), agents.join("bikes")).unwrap();
        let profile = std::fs::read_to_string(agents.join("bikes/agent.toml")).unwrap();
        std::fs::write(agents.join("bikes/agent.toml"), profile.replace("id = \"rprd\"", "id = \"bikes\"")).unwrap();
        std::fs::remove_dir_all(agents.join("bikes/knowledge")).unwrap();
        std::fs::create_dir(agents.join("bikes/knowledge")).unwrap();
        let mut place = Self { home, setup };
        place.write("bikes.md", KNOWLEDGE);
        place.link_weights();
        place.setup.environment = place.environment();
        place
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let models = self.models().to_str().unwrap().to_owned();
        vec![("FARTHING_AGENT", "bikes".to_owned()), ("FARTHING_MODELS", models)]
    }

    fn models(&self) -> PathBuf {
        self.home.folder.path().join("models")
    }

    fn knowledge(&self) -> PathBuf {
        self.home.folder.path().join("infra/agents/bikes/knowledge")
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.knowledge().join(name), content).unwrap();
    }

    fn made(&self) -> String {
        std::fs::read_to_string(self.knowledge().join("phrasings.lock")).unwrap()
    }

    /// Hard links to the weights, without the indexes.
    fn link_weights(&self) {
        for folder in std::fs::read_dir(weights()).unwrap().map(|folder| folder.unwrap().path()) {
            let name = folder.file_name().unwrap();
            if folder.is_dir() && name != "knowledge" && name != "downloads" {
                link_files(&folder, &self.models().join(name));
            }
        }
    }

    /// Builds the knowledge with two phrasings an entry, as JSON. It blocks: the providers need another thread.
    fn build(&self) -> (bool, Value) {
        let output = self.command(&["knowledge", "build", "--phrasings", "2", "--json"]).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let report = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed:?}"));
        (output.status.success(), report)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command();
        command.args(arguments).envs(self.environment());
        command.env("DEEPSEEK_API_KEY", "test-key").env("DEEPSEEK_BASE_URL", self.home.providers.url());
        command
    }

    /// Who answers the question now.
    async fn answered_by(&self) -> (String, Value) {
        let server = self.setup.start_in(&self.home);
        let reply = server.ask(QUESTION).await;
        (reply.text.clone(), reply.json["route"]["model"].clone())
    }
}

fn link_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap().map(|file| file.unwrap().path()) {
        let target = to.join(file.file_name().unwrap());
        std::fs::hard_link(&file, &target).or_else(|_| std::fs::copy(&file, &target).map(|_| ())).unwrap();
    }
}

fn phrasings_of_all() -> Script {
    let unlock = format!("1. \"{QUESTION}\"\n2. What must I do so that I can start riding?");
    Script::always(Reply::status(500))
        .when_contains("unlock", Reply::text(&unlock, 150, 20))
        .when_contains(
            "day pass",
            Reply::text("What does a pass for one day cost?\nWhat is the fee for 24 hours?", 150, 20),
        )
        .when_contains("helmets", Reply::text("Can I borrow a helmet for my ride?\nHow much is a day pass?", 150, 20))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phrasings_are_bought_once_and_answer_questions_in_their_words() {
    let place = Place::new().await;
    place.home.providers.script(Script::always(Reply::status(500)));
    let (told, model) = place.answered_by().await;
    assert_ne!(model, "knowledge", "without its phrasing the question is too far away: {told}");
    let asked_before = place.home.providers.calls();

    place.home.providers.script(phrasings_of_all());
    let (succeeded, report) = place.build();
    assert!(succeeded, "{report}");
    let made = &report[0]["phrasings"];
    assert_eq!((&report[0]["agent"], &made["model"]), (&json!("bikes"), &json!("deepseek-chat")));
    // One of the six is the question of another entry.
    assert_eq!(
        (&made["asked"], &made["entries"], &made["made"], &made["left"]),
        (&json!(3), &json!(3), &json!(5), &json!({}))
    );
    let dollars = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
    let cost = dollars(&made["cost_usd"]);
    assert!(cost > 0.0 && cost < dollars(&made["at_most_usd"]), "{made}");
    let calls: Vec<String> =
        place.home.providers.requests().into_iter().skip(asked_before).map(|call| call.model).collect();
    assert_eq!(calls, [DEEPSEEK; 3]);
    assert_eq!(place.made().lines().count(), 3);

    let (succeeded, again) = place.build();
    assert!(succeeded, "{again}");
    assert_eq!((&again[0]["phrasings"]["asked"], &again[0]["phrasings"]["cost_usd"]), (&json!(0), &json!("0.000000")));
    assert_eq!(again[0]["version"], report[0]["version"]);
    assert_eq!(place.home.providers.calls(), asked_before + 3, "nothing is asked twice");

    let server = place.setup.start_in(&place.home);
    let (used, reserved, _) = server.money().await;
    assert_eq!(reserved, 0.0);
    assert!(used >= cost, "the ledger has it: {used}");
    let reply = server.ask(QUESTION).await;
    assert_eq!(reply.json["route"]["model"], "knowledge", "{}", reply.text);
    assert!(reply.json["answer"].as_str().unwrap().contains("Scan the code"), "{}", reply.text);
    assert_eq!(reply.json["cost"]["usd"], "0.000000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_entry_alone_is_asked_for_again() {
    let place = Place::new().await;
    place.home.providers.script(phrasings_of_all());
    assert!(place.build().0);
    let before = place.made();
    place.write("bikes.md", &KNOWLEDGE.replace("Helmets are free", "Helmets cost nothing"));
    let (succeeded, report) = place.build();
    assert!(succeeded && report[0]["phrasings"]["asked"] == 1, "{report}");
    assert_eq!(place.home.providers.calls(), 4);
    let same = before.lines().zip(place.made().lines()).filter(|(before, after)| before == after).count();
    assert_eq!((same, place.made().lines().count()), (2, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_paid_for_is_told() {
    let place = Place::new().await;
    place
        .home
        .providers
        .script(phrasings_of_all().then(DEEPSEEK, Reply::Refusal { input_tokens: 150, output_tokens: 5 }));
    let (succeeded, report) = place.build();
    assert!(succeeded, "{report}");
    assert_eq!(
        (&report[0]["phrasings"]["entries"], &report[0]["phrasings"]["left"]),
        (&json!(2), &json!({"unusable": 1}))
    );

    assert!(place.command(&["budget", "stop"]).output().unwrap().status.success());
    let output = place.command(&["knowledge", "build", "--phrasings", "2"]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success(), "{printed}");
    for expected in [
        "bikes: entries to ask deepseek-chat about: 1, for at most $0.000",
        "bikes: entries with new phrasings: 0, with 0 of them, for $0.000000",
        "bikes: entries without: 1, budget_stopped",
        "bikes: the index is built, version ",
    ] {
        assert!(printed.contains(expected), "{printed} has no {expected:?}");
    }
    assert_eq!(place.made().lines().count(), 2, "what was made is kept");
    assert_eq!(place.home.providers.calls(), 3);

    let output =
        place.command(&["knowledge", "build", "--phrasings", "2"]).env_remove("DEEPSEEK_API_KEY").output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && errors.contains("DEEPSEEK_API_KEY or ANTHROPIC_API_KEY"), "{errors}");
    let output = place.command(&["knowledge", "build", "--phrasings", "9"]).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && errors.contains("expected a number from 1 to 8"), "{errors}");
    place.write("phrasings.lock", "{}");
    let output = place.command(&["knowledge", "build"]).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && errors.contains("phrasings.lock, line 1: `phrasings`: expected"), "{errors}");
}
