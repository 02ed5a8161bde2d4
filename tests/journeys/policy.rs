//! What weeks make of the policy, as its owner sees and undoes it.

use std::path::Path;
use std::time::Duration;

use farthing_bootstrap::clock::SystemClock;
use farthing_domain::outcome::Outcome;
use farthing_domain::ports::{Clock as _, OutcomeLog as _};
use farthing_domain::rollout::Arm;
use farthing_embedded::EmbeddedDynamo;
use farthing_stores::{DynamoOutcomes, Table};
use farthing_testkit::outcomes::{judged, paid};
use serde_json::Value;

use crate::server::{Home, Setup};

/// The week that has ended, at the shadow stage: 300 paid answers, beside each a local one that is no worse.
async fn week_of_comparisons(data: &Path) {
    std::fs::create_dir_all(data).unwrap();
    let table = Table::over(EmbeddedDynamo::open(&data.join("dynamodb.sqlite")).unwrap(), "farthing");
    table.create_if_missing().await.unwrap();
    let log = DynamoOutcomes::new(table);
    let start = SystemClock.now().week().previous().start();
    for number in 0..300 {
        let usual = paid(number, start.plus(Duration::from_secs(60 * u64::from(number))));
        let shadow = Some(judged("knowledge", "compared", 0.92));
        log.record(&Outcome { arm: Arm::Shadow, shadow, ..usual }).await.unwrap();
    }
}

fn run(home: &Home, args: &[&str]) -> (bool, String) {
    let told = home.command().args(args).output().unwrap();
    let text = if told.status.success() { told.stdout } else { told.stderr };
    (told.status.success(), String::from_utf8(text).unwrap())
}

fn json(home: &Home, args: &[&str]) -> Value {
    let (is_done, text) = run(home, &[args, &["--json"]].concat());
    assert!(is_done, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test]
async fn a_week_takes_one_step_that_the_owner_can_see_and_undo() {
    let setup = Setup::new().policy("stage = \"full\"", "stage = \"shadow\"");
    let home = setup.home().await;
    week_of_comparisons(&home.folder.path().join("data")).await;

    let report = json(&home, &["report"]);
    assert_eq!((&report["stage"], &report["rollout"]["stage"]), (&"shadow".into(), &"tenth".into()), "{report}");
    assert_eq!((&report["policy"]["from"], &report["policy"]["to"]), (&1.into(), &2.into()));
    let again = json(&home, &["report"]);
    assert_eq!(again, report, "a week takes one step");

    let server = setup.start_in(&home);
    let rollout = server.get("/api/models/status").await.json["rollout"].clone();
    assert_eq!((&rollout["stage"], &rollout["policyVersion"]), (&"tenth".into(), &2.into()), "{rollout}");
    let history = json(&home, &["policy", "history"]);
    assert_eq!((&history["active"], &history["file"], &history["frozen"]), (&2.into(), &1.into(), &false.into()));
    let (_, words) = run(&home, &["policy", "history"]);
    assert!(words.contains("from 1  holds: The rollout goes from `shadow` to `tenth`"), "{words}");
    let (_, words) = run(&home, &["policy", "diff", "1"]);
    assert_eq!(words.trim(), "rollout.stage: shadow -> tenth");

    let back = json(&home, &["policy", "rollback"]);
    assert_eq!(back["active"], 3);
    let rollout = server.get("/api/models/status").await.json["rollout"].clone();
    assert_eq!((&rollout["stage"], &rollout["policyVersion"]), (&"shadow".into(), &3.into()), "{rollout}");
    assert_eq!(json(&home, &["policy", "freeze"])["frozen"], true);
    assert_eq!(json(&home, &["policy", "history"])["versions"].as_array().map(Vec::len), Some(2), "both are kept");
    assert_eq!(json(&home, &["policy", "unfreeze"])["frozen"], false);

    for (args, expected) in [
        (&["policy", "rollback", "--to", "9"][..], "there is no version 9 of the policy: there are 1, 2, 3"),
        (&["policy", "diff", "1", "x"], "invalid value 'x'"),
    ] {
        let (is_done, words) = run(&home, args);
        assert!(!is_done && words.contains(expected), "{words}");
    }
}
