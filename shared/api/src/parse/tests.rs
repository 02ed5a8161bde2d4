use super::*;

fn defaults() -> Defaults {
    Defaults { agent: AgentId::parse("rprd").unwrap(), max_cost: Usd::parse("0.05").unwrap() }
}

/// The status, parameter and a part of the message that `body` is refused with.
#[track_caller]
fn check(body: impl AsRef<[u8]>, status: u16, param: Option<&str>, message: &str) {
    let error = request(body.as_ref(), &defaults()).expect_err("the body must be refused");
    assert_eq!((error.status, error.param.as_deref()), (status, param), "{}", error.message);
    assert!(error.message.contains(message), "{} has no {message:?}", error.message);
}

#[test]
fn what_is_asked_is_read() {
    let body = br#"{"messages": [{"role": "assistant", "content": "Hi"}, {"role": "user", "content": " Price? "}],
        "agent": "other", "max_output_tokens": 8192, "max_cost_usd": "0.02", "cache": "bypass", "metadata": {"a": "b"}}"#;
    let request = request(body, &defaults()).unwrap();
    assert_eq!(request.conversation.query().as_str(), "Price?");
    assert_eq!(request.max_cost.nanos(), 20_000_000);
    assert_eq!((request.max_output_tokens, request.cache), (8_192, CacheUse::Bypass));
}

#[test]
fn bad_bodies_are_refused() {
    check("", 400, None, "empty");
    check("  \n", 400, None, "empty");
    check(vec![b' '; 300 * 1024], 413, None, "262144");
    check(b"{\"query\": \"\xff\"}", 400, None, "not UTF-8 at byte 11");
    check("[]", 400, None, "expected struct");
    check("{", 400, None, "EOF");
    check(r#"{"query": "a"} {}"#, 400, None, "trailing");
    check(r#"{"query": "\ud800"}"#, 400, Some("query"), "surrogate");
    check(r#"{"query": "a", "query": "b"}"#, 400, Some("query"), "duplicate");
    let deep = |depth: usize| format!(r#"{{"query": "[", "x": {}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
    check(deep(33), 400, None, "32");
    check(deep(32), 400, Some("x"), "unknown field");
}

#[test]
fn bad_fields_are_named() {
    check("{}", 400, Some("query"), "missing");
    check(r#"{"query": "a", "messages": []}"#, 400, Some("messages"), "exactly one");
    check(r#"{"query": 5}"#, 400, Some("query"), "string");
    check(r#"{"query": " "}"#, 400, Some("query"), "blank");
    check(r#"{"query": "a\u0000b"}"#, 400, Some("query"), "NUL");
    check(format!(r#"{{"query": "{}"}}"#, "a".repeat(32_001)), 400, Some("query"), "32000");
    check(r#"{"query": "a", "temperature": 1}"#, 400, Some("temperature"), "unknown field");
    check(r#"{"messages": []}"#, 400, Some("messages"), "at least one");
    check(r#"{"messages": [{"role": "system", "content": "x"}]}"#, 400, Some("messages[0].role"), "assistant");
    check(r#"{"messages": [{"role": "user", "content": ""}]}"#, 400, Some("messages[0].content"), "blank");
    check(r#"{"messages": [{"role": "user", "content": 1}]}"#, 400, Some("messages[0].content"), "string");
    check(r#"{"messages": [{"role": "assistant", "content": "x"}]}"#, 400, Some("messages"), "role `user`");
    check(r#"{"query": "a", "agent": "../x"}"#, 400, Some("agent"), "a-z");
    for bad in ["0", "-1", "8193", "99999999999999999999", "1.5", "\"5\"", "true"] {
        check(format!(r#"{{"query": "a", "max_output_tokens": {bad}}}"#), 400, Some("max_output_tokens"), "");
    }
    for bad in ["\"-1\"", "\"0.06\"", "\"NaN\"", "0.02", "\"1e-3\""] {
        check(format!(r#"{{"query": "a", "max_cost_usd": {bad}}}"#), 400, Some("max_cost_usd"), "");
    }
    check(r#"{"query": "a", "cache": "no"}"#, 400, Some("cache"), "bypass");
    check(r#"{"query": "a", "metadata": {"a": 1}}"#, 400, Some("metadata.a"), "string");
    check(format!(r#"{{"query": "a", "metadata": {{"a": "{}"}}}}"#, "x".repeat(257)), 400, Some("metadata"), "256");
}

#[test]
fn a_batch_has_one_result_for_each_item() {
    let items = batch(br#"{"requests": [{"query": "a"}, {"query": ""}, 5]}"#, &defaults()).unwrap();
    let fates: Vec<bool> = items.iter().map(|(_, item)| item.is_ok()).collect();
    assert_eq!(fates, [true, false, false]);
    assert!(batch(br#"{"requests": []}"#, &defaults()).is_err());
    let many = format!(r#"{{"requests": [{}]}}"#, vec![r#"{"query": "a"}"#; 101].join(","));
    assert!(batch(many.as_bytes(), &defaults()).unwrap_err().message.contains("100"));
}

#[test]
fn feedback_names_a_request_and_says_whether_it_helped() {
    let id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let read = feedback(format!(r#"{{"id": "{id}", "helpful": false}}"#).as_bytes()).unwrap();
    assert_eq!((read.0.as_str(), read.1), (id, Feedback::Unhelpful));
    for (body, param, message) in [
        (r#"{"id": "x", "helpful": true}"#, Some("id"), "26 characters"),
        (r#"{"id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "helpful": "no"}"#, Some("helpful"), "boolean"),
        (r#"{"id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}"#, Some("helpful"), "missing field"),
        (r#"{"id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "helpful": true, "why": "x"}"#, Some("why"), "unknown field"),
        ("", None, "empty"),
    ] {
        let error = feedback(body.as_bytes()).unwrap_err();
        assert_eq!((error.status, error.param.as_deref()), (400, param), "{}", error.message);
        assert!(error.message.contains(message), "{} has no {message:?}", error.message);
    }
}
