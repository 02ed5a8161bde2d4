//! The template and the code say the same.
#![expect(clippy::unwrap_used, reason = "a test ends at the first error")]

use std::path::Path;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use farthing_bootstrap::config::VARIABLES;
use farthing_bootstrap::files::OwnerFiles;
use farthing_domain::metrics::{COUNTERS, GAUGES};
use farthing_embedded::EmbeddedDynamo;
use farthing_stores::Table;
use farthing_template_tests::rules::alarms::{self, Budget};
use farthing_template_tests::rules::{functions, storage};
use farthing_template_tests::{Fault, Template};
use serde_json::{Value, json};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[test]
fn functions_are_given_the_variables_that_they_read() {
    let read: Vec<&str> =
        VARIABLES.iter().filter(|variable| variable.on_lambda).map(|variable| variable.name).collect();
    check(
        |template| functions::variables_are_read(template, &read),
        &[
            (
                set("/Globals/Function/Environment/Variables/FARTHING_LOGS", json!("info")),
                "Globals",
                "no FARTHING_LOGS",
            ),
            (
                set("/Resources/InferenceFunction/Properties/Environment/Variables", json!({})),
                "Resources",
                "FARTHING_AGENT",
            ),
            (
                set("/Resources/InitFunction/Properties/Environment/Variables/FARTHING_KEYS", json!("")),
                "InitFunction",
                "no FARTHING_KEYS",
            ),
        ],
    );
}

#[test]
fn every_function_of_the_workspace_is_deployed() {
    let folders = std::fs::read_dir(Path::new(ROOT).join("functions")).unwrap();
    let names = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap());
    // What runs on a laptop is no function.
    let packages: Vec<String> = names.filter(|name| name != "local").map(|name| format!("farthing-{name}")).collect();
    let binary = |function: &str| format!("/Resources/{function}/Metadata/BuildProperties/Binary");
    check(
        |template| functions::packages_are_deployed(template, &packages),
        &[
            (set(&binary("StatusFunction"), json!("farthing-stats")), "StatusFunction", "farthing-status"),
            (set(&binary("StatusFunction"), json!("farthing-init")), "Resources", "farthing-status"),
            (
                set("/Resources/StatusFunction/Metadata/BuildMethod", json!("makefile")),
                "StatusFunction",
                "rust-cargolambda",
            ),
            (set("/Resources/StatusFunction/Properties/CodeUri", json!(".")), "StatusFunction", "in its folder"),
        ],
    );
}

#[test]
fn alarms_go_by_figures_that_are_written() {
    let written: Vec<&str> = COUNTERS.into_iter().chain(GAUGES).collect();
    check(
        |template| alarms::figures_are_watched(template, &written),
        &[
            (
                set("/Resources/OverageAlarm/Properties/MetricName", json!("ledger.over")),
                "OverageAlarm",
                "ledger.overage",
            ),
            (set("/Resources/OverageAlarm/Properties/MetricName", json!("ledger.over")), "Resources", "ledger.overage"),
            (set("/Resources/SweepErrorsAlarm/Properties/Dimensions", json!([])), "SweepFunction", "Errors"),
            (
                set("/Resources/PaidAnswers/Properties/MetricTransformations", json!([])),
                "NoPaidAnswersAlarm",
                "MetricName",
            ),
        ],
    );
}

#[test]
fn alarms_on_money_go_by_the_owners_budget() {
    let owner = OwnerFiles::load(&Path::new(ROOT).join("infra")).unwrap().policy.budget;
    let monthly_usd = u64::try_from(owner.monthly_usd.nanos() / 1_000_000_000).unwrap();
    let budget = Budget { monthly_usd, stop_percent: owner.stop_percent.into() };
    check(
        |template| alarms::money_is_watched_as_decided(template, budget),
        &[
            (set("/Parameters/BudgetWarningLeftUsd/Default", json!(40)), "BudgetWarningLeftUsd", "Default 30"),
            (set("/Parameters/BudgetStoppedLeftUsd/Default", json!(0)), "BudgetStoppedLeftUsd", "Default 2"),
            (set("/Resources/BudgetStoppedAlarm/Properties/Threshold", json!(0)), "BudgetStoppedLeftUsd", "an alarm"),
        ],
    );
}

#[tokio::test]
async fn the_table_is_the_one_that_the_stores_make() {
    let expected = made_by_the_stores().await;
    check(
        |template| storage::the_table_is_the_stores(template, &expected),
        &[
            (
                set("/Resources/Table/Properties/TimeToLiveSpecification/AttributeName", json!("expires")),
                "Table",
                "ttl",
            ),
            (set("/Resources/Table/Properties/KeySchema/1/KeyType", json!("HASH")), "Table", "KeySchema"),
            (
                set("/Resources/Table/Properties/AttributeDefinitions/3/AttributeType", json!("S")),
                "Table",
                "AttributeDefinitions",
            ),
            (set("/Resources/Table/Properties/GlobalSecondaryIndexes/0/IndexName", json!("G2")), "Table", "G1-index"),
            (
                set(
                    "/Resources/Table/Properties/GlobalSecondaryIndexes/0/Projection/ProjectionType",
                    json!("KEYS_ONLY"),
                ),
                "Table",
                "ALL",
            ),
        ],
    );
}

/// The table of the stores, in the words of a template: they are those of the calls that make it.
async fn made_by_the_stores() -> Value {
    let recorder = Recorder { inner: EmbeddedDynamo::in_memory().unwrap(), sent: Arc::default() };
    Table::over(recorder.clone(), "farthing").create_if_missing().await.unwrap();
    let sent = recorder.sent.lock().unwrap();
    let [created, ttl] = sent.as_slice() else { panic!("expected CreateTable and UpdateTimeToLive in {sent:?}") };
    let mut made = created.clone();
    made["TimeToLiveSpecification"] = ttl["TimeToLiveSpecification"].clone();
    made
}

/// A database that remembers what it was asked.
#[derive(Clone, Debug)]
struct Recorder {
    inner: EmbeddedDynamo,
    sent: Arc<Mutex<Vec<Value>>>,
}

impl HttpClient for Recorder {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Recorder {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.sent.lock().unwrap().push(serde_json::from_slice(request.body().bytes().unwrap()).unwrap());
        self.inner.call(request)
    }
}

type Edit = (String, Value);

/// Another value at a path of the template.
fn set(path: &str, value: Value) -> Edit {
    (path.to_owned(), value)
}

/// The template keeps the rule, and each edit of it makes a fault of that place with those words.
#[track_caller]
fn check(rule: impl Fn(&Template) -> Vec<Fault>, broken: &[(Edit, &str, &str)]) {
    let text = std::fs::read_to_string(Path::new(ROOT).join("template.yaml")).unwrap();
    let template = Template::parse(&text).unwrap();
    assert_eq!(rule(&template), []);
    for ((path, value), place, expected) in broken {
        let mut edited = template.clone();
        let (parent, name) = path.rsplit_once('/').unwrap();
        edited.root_mut().pointer_mut(parent).unwrap_or_else(|| panic!("there is no {parent}"))[name] = value.clone();
        let faults = rule(&edited);
        let is_told = faults.iter().any(|fault| fault.place == *place && fault.expected.contains(expected));
        assert!(is_told, "expected a fault of {place} with {expected:?} among {faults:?}");
    }
}
