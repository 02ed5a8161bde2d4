//! Every route and schedule of the template has a sample event of the right shape, and no malformed one has it.
#![expect(clippy::unwrap_used, reason = "a test ends at the first error")]

use std::collections::BTreeSet;
use std::path::Path;

use farthing_template_tests::Template;
use serde_json::Value;

const EVENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../events");

#[test]
fn every_route_has_a_sample_event() {
    let sampled: BTreeSet<String> = events("")
        .iter()
        .filter(|(_, event)| is_call(event))
        .map(|(_, event)| text(event, "/routeKey").to_owned())
        .collect();
    assert_eq!(sampled, routes());
}

#[test]
fn the_authorizer_has_a_sample_event() {
    assert!(is_question(&event("authorize")));
}

#[test]
fn every_schedule_has_a_sample_event() {
    let template = template();
    for (schedule, sample) in [("WeeklySchedule", "weekly"), ("SweepSchedule", "sweep")] {
        let input = template.root()["Resources"][schedule]["Properties"]["Target"]["Input"].as_str().unwrap();
        let mut sent: Value = serde_json::from_str(input).unwrap();
        let sample = event(sample);
        assert!(text(&sample, "/time").ends_with('Z'), "{sample}");
        sent["time"] = sample["time"].clone();
        assert_eq!(sent, sample, "{schedule}");
    }
    let schedules = template.of_type("AWS::Scheduler::Schedule").count();
    assert_eq!(schedules, 2, "a schedule without a sample event");
}

#[test]
fn every_sample_is_of_some_use() {
    for (name, event) in events("") {
        let is_tick = text(&event, "/source") == "aws.scheduler";
        assert!(is_call(&event) || is_question(&event) || is_tick, "{name}");
    }
}

#[test]
fn malformed_events_are_malformed() {
    let malformed = events("malformed");
    assert!(malformed.len() > 20, "{}", malformed.len());
    for (name, event) in malformed {
        assert!(!is_call(&event) && !is_question(&event), "{name} is as it should be");
    }
}

/// Whether it is an event of the HTTP API, in payload format 2.0, for a route of the template, let
/// in by the authorizer.
fn is_call(event: &Value) -> bool {
    let route = text(event, "/routeKey");
    let called = [text(event, "/requestContext/http/method"), text(event, "/rawPath")].join(" ");
    let tenant = text(event, "/requestContext/authorizer/lambda/tenant");
    let is_name =
        !tenant.is_empty() && tenant.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    text(event, "/version") == "2.0"
        && routes().contains(route)
        && route == called
        && event["headers"].is_object()
        && event["isBase64Encoded"] == false
        && is_name
        && has_key_id(event)
        && (route.starts_with("GET ") || is_body(event))
}

fn has_key_id(event: &Value) -> bool {
    let shown = text(event, "/headers/authorization").strip_prefix("Bearer fk_").unwrap_or_default();
    shown.split_once('_').is_some_and(|(id, _)| id == text(event, "/requestContext/authorizer/lambda/key"))
}

fn is_body(event: &Value) -> bool {
    let body = event["body"].as_str().and_then(|body| serde_json::from_str::<Value>(body).ok());
    body.is_some_and(|body| body.is_object())
}

/// Whether it is an event of a REQUEST authorizer, in payload format 2.0, for a route of the
/// template, with a key of our shape, cached by key and route.
fn is_question(event: &Value) -> bool {
    let route = text(event, "/routeKey");
    let shown = text(event, "/headers/authorization");
    let count = event["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    text(event, "/version") == "2.0"
        && text(event, "/type") == "REQUEST"
        && routes().contains(route)
        && event["identitySource"] == serde_json::json!([shown, route])
        && count.count() == 1
        && is_key(shown)
}

fn is_key(shown: &str) -> bool {
    let is_base32 = |text: &str| text.chars().all(|letter| matches!(letter, 'a'..='z' | '2'..='7'));
    let parts: Vec<&str> = shown.strip_prefix("Bearer fk_").unwrap_or_default().split('_').collect();
    matches!(parts.as_slice(), [id, secret] if (id.len(), secret.len()) == (16, 52) && is_base32(id) && is_base32(secret))
}

fn text<'a>(event: &'a Value, pointer: &str) -> &'a str {
    event.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn routes() -> BTreeSet<String> {
    let template = template();
    let routes = template.of_type("AWS::ApiGatewayV2::Route");
    routes.map(|route| route.body["Properties"]["RouteKey"].as_str().unwrap().to_owned()).collect()
}

fn event(name: &str) -> Value {
    events("").into_iter().find(|(found, _)| *found == format!("{name}.json")).unwrap().1
}

/// The events of a folder, with their files' names.
fn events(folder: &str) -> Vec<(String, Value)> {
    let files = std::fs::read_dir(Path::new(EVENTS).join(folder)).unwrap().map(|file| file.unwrap().path());
    let read = |path: &Path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let event =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, event)
    };
    files.filter(|path| path.extension().is_some_and(|kind| kind == "json")).map(|path| read(&path)).collect()
}

fn template() -> Template {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml")).unwrap();
    Template::parse(&text).unwrap()
}
