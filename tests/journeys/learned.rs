//! Answers that were paid for again and again become knowledge, and stop being it when they are withdrawn.

use std::path::Path;

use farthing_bootstrap::clock::SystemClock;
use farthing_domain::outcome::Outcome;
use farthing_domain::ports::{Clock as _, OutcomeLog as _, SHARDS};
use farthing_embedded::EmbeddedDynamo;
use farthing_stores::{DynamoOutcomes, Table};
use farthing_testkit::loopback::{Reply, Script};
use serde_json::{Value, json};

use crate::phrasings::Place;
use crate::server::{Answered, GOOD_ANSWER, MEDIUM_QUERY, Server};

/// How customers ask for what the knowledge has not.
const ASKED: [&str; 6] = [
    "Which holidays are you closed on?",
    "On which holidays are you closed?",
    "What holidays are you closed on?",
    "Which public holidays are you closed on?",
    "On which public holidays do you close?",
    "Are you closed on some holidays, and on which?",
];
/// And one who asks later.
const ASKED_LATER: &str = "Could you tell me which holidays you close for?";
const ANSWERS: [&str; 2] = [
    "We are closed on New Year's Day and Christmas Day. On all other holidays our offices are open as usual.",
    "On New Year's Day and Christmas Day we are closed. Our offices are open as usual on all other holidays.",
];

impl Place {
    /// An agent whose owner has words kept.
    async fn that_keeps_words() -> Self {
        let place = Self::new().await;
        let profile = place.home.folder.path().join("infra/agents/bikes/agent.toml");
        let text = std::fs::read_to_string(&profile).unwrap();
        std::fs::write(profile, format!("keeps_words = true\n{text}")).unwrap();
        place
    }

    fn start(&self) -> Server {
        self.setup.start_in(&self.home)
    }

    /// What a command prints as JSON, and whether it succeeded. It blocks.
    fn told(&self, arguments: &[&str]) -> (bool, Value) {
        let output = self.command(arguments).arg("--json").output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let told = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed:?}"));
        (output.status.success(), told)
    }

    fn done(&self, arguments: &[&str]) -> Value {
        let (succeeded, told) = self.told(arguments);
        assert!(succeeded, "{arguments:?}: {told}");
        told
    }
}

async fn ask(server: &Server, query: &str) -> Answered {
    let reply = server.post("/api/agents", json!({"query": query, "cache": "bypass"}).to_string()).await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.text);
    reply
}

/// Has what was asked a moment ago asked in the week that has ended.
async fn move_to_last_week(data: &Path) {
    let table = Table::over(EmbeddedDynamo::open(&data.join("dynamodb.sqlite")).unwrap(), "farthing");
    let log = DynamoOutcomes::new(table);
    let now = SystemClock.now();
    let begun = now.week().previous().start();
    // A test may run over midnight.
    let days = [now.minus(std::time::Duration::from_secs(3_600)).day(), now.day()];
    for shard in 0..SHARDS {
        for day in &days {
            for outcome in log.page(day, shard, None, 500).await.unwrap() {
                log.record(&Outcome { at: begun, ..outcome }).await.unwrap();
            }
        }
    }
}

fn passage(reply: &Answered) -> String {
    reply.json["sources"][0]["id"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paid_answers_become_knowledge_until_they_are_withdrawn() {
    let place = Place::that_keeps_words().await;
    let server = place.start();
    for (at, query) in ASKED.into_iter().enumerate() {
        place.home.providers.script(Script::always(Reply::text(ANSWERS[at % 2], 150, 30)));
        let reply = ask(&server, query).await;
        assert_eq!(reply.json["route"]["provider"], "deepseek", "{query}: {}", reply.text);
        assert!(reply.json["quality"]["score"].as_f64().unwrap() > 0.8, "{query}: {}", reply.text);
    }
    // One answer is cached under the knowledge as it is before.
    let cached = |reply: Answered| reply.json["route"]["provider"].clone();
    place.home.providers.script(Script::always(Reply::text(GOOD_ANSWER, 150, 80)));
    assert_eq!(cached(server.ask(MEDIUM_QUERY).await), "deepseek");
    assert_eq!(cached(server.ask(MEDIUM_QUERY).await), "cache");
    drop(server);
    move_to_last_week(&place.home.folder.path().join("data")).await;

    // The week proposes one entry, and proposes it once.
    let report = place.done(&["report"]);
    let proposals = report["proposals"].as_array().unwrap();
    assert_eq!((proposals.len(), &proposals[0]["questions"]), (1, &json!(6)), "{report}");
    let id = proposals[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(place.done(&["report"])["proposals"], report["proposals"]);
    let told = place.done(&["knowledge", "proposals"]);
    let entry = &told[0];
    assert_eq!((told.as_array().unwrap().len(), &entry["id"], &entry["state"]), (1, &json!(id), &json!("proposed")));
    assert!(
        ASKED.contains(&entry["question"].as_str().unwrap()) && ANSWERS.contains(&entry["answer"].as_str().unwrap())
    );
    assert_eq!((entry["also"].as_array().unwrap().len(), entry["sources"].as_array().unwrap().len()), (5, 6));
    let shown = place.command(&["knowledge", "proposals"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.starts_with(&id) && shown.contains("6 paid answers say the same"), "{shown}");

    // Until it is approved nothing is answered from it.
    let server = place.start();
    place.home.providers.script(Script::always(Reply::text(ANSWERS[0], 150, 30)));
    assert_eq!(ask(&server, ASKED_LATER).await.json["route"]["provider"], "deepseek");
    drop(server);
    let (succeeded, refused) = place.told(&["knowledge", "approve", &id, "how-is-the-weather"]);
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(!succeeded && message.contains("`how-is-the-weather`") && message.contains(&id), "{message}");
    assert_eq!(place.done(&["knowledge", "proposals"]), told, "one id that is none changes nothing");
    let approved = place.done(&["knowledge", "approve", &id]);
    assert_eq!(approved, json!([{"id": id, "agent": "bikes", "state": "accepted"}]));
    assert_eq!(place.done(&["knowledge", "proposals"]), json!([]));

    // Approved, it answers a question in other words, at no cost.
    let server = place.start();
    let calls = place.home.providers.calls();
    let reply = ask(&server, ASKED_LATER).await;
    assert_eq!(passage(&reply), format!("learned#{id}"), "{}", reply.text);
    assert_eq!((&reply.json["route"]["provider"], &reply.json["cost"]["usd"]), (&json!("local"), &json!("0.000000")));
    assert!(reply.json["answer"].as_str().unwrap().contains("Christmas Day"), "{}", reply.text);
    assert_eq!(place.home.providers.calls(), calls);
    let again = server.post("/api/models/init", "").await.json;
    assert_eq!((&again["ready"], &again["state"]), (&json!(true), &json!("unchanged")), "{again}");
    // What the owner wrote is still known.
    assert_eq!(passage(&ask(&server, "How do I unlock a bike?").await), "bikes#how-do-i-unlock-a-bike");

    // An answer is cached under this knowledge, too.
    place.home.providers.script(Script::always(Reply::text(GOOD_ANSWER, 150, 80)));
    assert_eq!(cached(server.ask(MEDIUM_QUERY).await), "deepseek");
    assert_eq!(cached(server.ask(MEDIUM_QUERY).await), "cache");

    // Withdrawn, neither it nor any answer that was cached before or since is given from the next init on.
    place.done(&["knowledge", "withdraw", &id]);
    let init = server.post("/api/models/init", "").await.json;
    assert_eq!((&init["ready"], &init["state"]), (&json!(true), &json!("activated")), "{init}");
    drop(server);
    let server = place.start();
    assert_eq!(cached(server.ask(MEDIUM_QUERY).await), "deepseek");
    place.home.providers.script(Script::always(Reply::text(ANSWERS[0], 150, 30)));
    let reply = ask(&server, ASKED_LATER).await;
    assert_eq!(
        (&reply.json["route"]["provider"], reply.json["sources"].as_array().map(Vec::len)),
        (&json!("deepseek"), Some(0)),
        "{}",
        reply.text
    );
    let all = place.done(&["knowledge", "proposals", "--all"]);
    assert_eq!(all[0]["state"], "withdrawn");
    let (succeeded, refused) = place.told(&["knowledge", "reject", &id]);
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(!succeeded && message == format!("`{id}` is withdrawn, and cannot become rejected"), "{message}");
}
