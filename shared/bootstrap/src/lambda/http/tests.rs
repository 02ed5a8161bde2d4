use serde_json::json;

use super::*;

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
