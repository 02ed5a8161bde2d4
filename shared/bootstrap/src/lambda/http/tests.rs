use std::collections::BTreeMap;
use std::path::Path;

use farthing_api::parse::{self, Defaults};
use farthing_domain::ids::AgentId;
use farthing_domain::money::Usd;
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// The sample events, which `sam local invoke` and `cargo lambda invoke` take too.
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/events");

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn event() -> Value {
    json!({
        "version": "2.0",
        "routeKey": "POST /api/agents",
        "rawPath": "/api/agents",
        "rawQueryString": "",
        "headers": {"idempotency-key": "k-1", "content-type": "application/json"},
        "requestContext": {
            "authorizer": {"lambda": {"tenant": "shop", "key": "abcdefghijklmnop"}},
            "http": {"method": "POST", "path": "/api/agents", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.1"}
        },
        "body": "{\"query\": \"¿Qué?\"}",
        "isBase64Encoded": false
    })
}

fn read(event: Value) -> Result<Call, ApiError> {
    call_of(event, 0, NOW)
}

#[test]
fn an_event_becomes_a_call() {
    let call = read(event()).unwrap();
    assert_eq!((call.method.as_str(), call.path.as_str()), ("POST", "/api/agents"));
    assert_eq!((call.idempotency_key.as_deref(), call.tenant.as_str()), (Some("k-1"), "shop"));
    assert_eq!(call.body, "{\"query\": \"¿Qué?\"}".as_bytes());
}

#[test]
fn a_body_may_come_in_base64() {
    let mut event = event();
    event["isBase64Encoded"] = json!(true);
    event["body"] = json!("eyJxdWVyeSI6ICLCvyJ9");
    assert_eq!(read(event).unwrap().body, "{\"query\": \"¿\"}".as_bytes());
}

/// The status and code that the event gets when this member is as given; `null` takes it away.
#[track_caller]
fn check(pointer: &str, value: Value, expected: (u16, &str)) {
    let mut event = event();
    match event.pointer_mut(pointer) {
        Some(member) => *member = value,
        None => panic!("{pointer} is no member of the event"),
    }
    let error = read(event).err().unwrap_or_else(|| panic!("{pointer} is not noticed"));
    assert_eq!((error.status, error.code), expected, "{pointer}: {}", error.message);
}

#[test]
fn what_is_no_event_of_the_api_is_refused_and_fails_nothing() {
    let malformed = (400, "invalid_event");
    for whole in [json!(null), json!([]), json!("text"), json!({}), json!({"Records": []}), json!({"version": "2.0"})] {
        let error = read(whole.clone()).err().unwrap_or_else(|| panic!("{whole} is taken"));
        assert_eq!((error.status, error.code), malformed, "{whole}");
    }
    check("/rawPath", json!(null), malformed);
    check("/rawPath", json!(7), malformed);
    check("/requestContext", json!(null), malformed);
    check("/requestContext/http", json!({}), malformed);
    check("/requestContext/http/method", json!("NO SUCH METHOD"), malformed);
    check("/headers", json!([1]), malformed);
    check("/body", json!({"query": "x"}), malformed);
    let mut event = event();
    event["isBase64Encoded"] = json!(true);
    event["body"] = json!("%%%");
    assert_eq!(read(event).err().map(|error| error.code), Some("invalid_event"));
}

#[test]
fn a_call_that_no_authorizer_let_pass_is_refused() {
    let forbidden = (403, "forbidden");
    check("/requestContext/authorizer", json!(null), forbidden);
    check("/requestContext/authorizer/lambda", json!({}), forbidden);
    check("/requestContext/authorizer/lambda", json!({"Tenant": "shop"}), forbidden);
    check("/requestContext/authorizer/lambda/tenant", json!(""), forbidden);
    check("/requestContext/authorizer/lambda/tenant", json!("../other"), forbidden);
    check("/requestContext/authorizer/lambda/tenant", json!(["shop"]), forbidden);
}

#[test]
fn the_deadline_survives_figures_that_are_no_time() {
    let left = |ends: u64| deadline(ends, NOW).left(NOW);
    assert_eq!(left(0), LONGEST);
    assert_eq!(left(600_000), LONGEST);
    assert_eq!(left(u64::MAX), LONGEST);
    assert_eq!(left(1_700_000_010_000), Duration::from_secs(7));
    assert_eq!(left(1_700_000_001_000), Duration::ZERO);
}

#[test]
fn a_reply_becomes_a_response() {
    let response = response_of(Reply { status: 429, retry_after: Some(3), body: b"{}".to_vec() });
    let response = serde_json::to_value(response).unwrap();
    assert_eq!(response["statusCode"], json!(429));
    assert_eq!(response["body"], json!("{}"));
    assert_eq!(response["headers"], json!({"content-type": "application/json", "retry-after": "3"}));
}

/// The sample events of a folder, by their files' names without the ending.
fn samples(folder: &str) -> BTreeMap<String, Value> {
    let files = std::fs::read_dir(Path::new(SAMPLES).join(folder)).unwrap().map(|file| file.unwrap().path());
    files
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap())
        })
        .collect()
}

fn defaults() -> Defaults {
    Defaults { agent: AgentId::parse("rprd").unwrap(), max_cost: Usd::ZERO }
}

#[test]
fn each_sample_event_becomes_the_call_of_its_route() {
    let samples = samples("");
    for (name, method, path, key) in [
        ("agents", "POST", "/api/agents", Some("sample-1")),
        ("batch", "POST", "/api/agents/batch", None),
        ("feedback", "POST", "/api/agents/feedback", None),
        ("models-status", "GET", "/api/models/status", None),
        ("budget-status", "GET", "/api/budget/status", None),
        ("init", "POST", "/api/models/init", None),
    ] {
        let call = read(samples[name].clone()).unwrap_or_else(|error| panic!("{name}: {}", error.message));
        let found = (call.method.as_str(), call.path.as_str(), call.idempotency_key.as_deref(), call.tenant.as_str());
        assert_eq!(found, (method, path, key, "acme"), "{name}");
        assert_eq!(route_of(&call), format!("{method} {path}"), "{name}");
        match name {
            "agents" => assert!(parse::request(&call.body, &defaults()).is_ok()),
            "batch" => assert!(parse::batch(&call.body, &defaults()).unwrap().iter().all(|(_, read)| read.is_ok())),
            "feedback" => assert!(parse::feedback(&call.body).is_ok()),
            _ => {}
        }
    }
    // The authorizer and the schedules have events of other kinds.
    assert_eq!(samples.len(), 6 + 3, "a sample that nothing reads: {:?}", samples.keys());
}

/// How an event ends before anything is asked of a model: with which status and code.
fn end_of(event: Value) -> String {
    let told = |error: ApiError| format!("{} {}", error.status, error.code);
    match read(event) {
        Err(error) => told(error),
        Ok(call) if route_of(&call) == NO_ROUTE => NO_ROUTE.to_owned(),
        Ok(call) => parse::request(&call.body, &defaults()).map_or_else(told, |_| "taken".to_owned()),
    }
}

#[test]
fn each_malformed_sample_is_refused_as_the_caller_s_fault() {
    let expected: BTreeMap<&str, &str> = [
        ("authorizer-of-another-kind", "403 forbidden"),
        ("body-is-an-object", "400 invalid_event"),
        ("body-is-no-base64", "400 invalid_event"),
        ("body-is-no-json", "400 invalid_field"),
        ("body-is-too-deep", "400 too_deep"),
        ("empty", "400 invalid_event"),
        ("headers-are-a-list", "400 invalid_event"),
        ("list", "400 invalid_event"),
        ("no-authorizer", "403 forbidden"),
        ("no-method", "400 invalid_event"),
        ("no-path", "400 invalid_event"),
        ("no-request-context", "400 invalid_event"),
        ("null", "400 invalid_event"),
        ("payload-1.0", "400 invalid_event"),
        ("queue", "400 invalid_event"),
        ("tenant-is-a-number", "403 forbidden"),
        ("tenant-is-empty", "403 forbidden"),
        ("tenant-with-a-separator", "403 forbidden"),
        ("text", "400 invalid_event"),
        ("unknown-route", NO_ROUTE),
    ]
    .into();
    let mut malformed = samples("malformed");
    malformed.retain(|name, _| !name.starts_with("authorize-"));
    let ends: BTreeMap<String, String> = malformed.into_iter().map(|(name, event)| (name, end_of(event))).collect();
    assert_eq!(ends, expected.into_iter().map(|(name, end)| (name.to_owned(), end.to_owned())).collect());
}

#[test]
fn a_path_that_is_no_route_of_ours_is_not_told() {
    for (method, path, expected) in [
        ("POST", "/api/agents", "POST /api/agents"),
        ("PUT", "/api/agents", NO_ROUTE),
        ("GET", "/my-secret", NO_ROUTE),
        ("POST", "/api/agents/my-secret", NO_ROUTE),
    ] {
        let mut event = event();
        event["requestContext"]["http"]["method"] = json!(method);
        event["rawPath"] = json!(path);
        assert_eq!(route_of(&read(event).unwrap()), expected, "{method} {path}");
    }
}

/// JSON of every kind.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        "[A-Z]{3,6} /[a-z/]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map("\\PC{0,8}", inner, 0..5)
                .prop_map(|members| Value::from(members.into_iter().collect::<serde_json::Map<_, _>>())),
        ]
    })
}

/// Where an event has what a call is made of, and more.
const PARTS: [&str; 13] = [
    "/version",
    "/routeKey",
    "/rawPath",
    "/rawQueryString",
    "/headers",
    "/headers/idempotency-key",
    "/requestContext",
    "/requestContext/authorizer",
    "/requestContext/authorizer/lambda",
    "/requestContext/authorizer/lambda/tenant",
    "/requestContext/http/method",
    "/body",
    "/isBase64Encoded",
];

proptest! {
    #[test]
    fn no_json_is_a_call_by_chance(event in anything()) {
        prop_assert!(read(event).is_err());
    }

    #[test]
    fn a_damaged_event_is_a_call_for_its_tenant_or_refused(
        damage in anything(),
        part in proptest::sample::select(&PARTS[..]),
    ) {
        let mut event = event();
        *event.pointer_mut(part).unwrap() = damage.clone();
        match read(event) {
            Ok(call) if part.ends_with("/tenant") => prop_assert_eq!(damage, call.tenant.as_str()),
            Ok(call) => prop_assert_eq!(call.tenant.as_str(), "shop"),
            Err(error) => prop_assert!(matches!(error.status, 400 | 403), "{}: {}", part, error.message),
        }
    }

    #[test]
    fn any_bytes_may_be_sent(bytes in proptest::collection::vec(any::<u8>(), 0..200), in_base64: bool) {
        if let Ok(whole) = serde_json::from_slice(&bytes) {
            prop_assert!(read(whole).is_err());
        }
        let body = if in_base64 { STANDARD.encode(&bytes) } else { String::from_utf8_lossy(&bytes).into_owned() };
        let mut event = event();
        (event["body"], event["isBase64Encoded"]) = (json!(body), json!(in_base64));
        let call = read(event).unwrap();
        prop_assert!(!in_base64 || call.body == bytes);
        prop_assert!(parse::request(&call.body, &defaults()).is_err());
        prop_assert!(parse::batch(&call.body, &defaults()).is_err());
    }
}
