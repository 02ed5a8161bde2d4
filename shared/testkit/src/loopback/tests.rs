use std::io::{Read, Write};
use std::net::TcpStream;

use farthing_domain::ids::ProviderId;
use farthing_domain::money::TokenPrice;
use farthing_domain::ports::{CompletionRequest, Provider, ProviderFailure};
use farthing_domain::prompt::{Message, Prompt, Role};
use farthing_domain::registry::Price;
use serde_json::{Value, json};

use super::*;

const ANTHROPIC: &[(&str, &str)] =
    &[("x-api-key", "k"), ("anthropic-version", "2023-06-01"), ("content-type", "application/json")];
const OPENAI: &[(&str, &str)] = &[("authorization", "Bearer k"), ("content-type", "application/json")];

/// Posts a body by hand, and returns the status, the head and the JSON; no status when the
/// connection broke before one.
fn post_raw(provider: &LoopbackProvider, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String, Value) {
    let mut stream = TcpStream::connect(provider.address).unwrap();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = Vec::new();
    let _: std::io::Result<usize> = stream.read_to_end(&mut reply);
    let reply = String::from_utf8(reply).unwrap();
    let Some((head, body)) = reply.split_once("\r\n\r\n") else { return (0, reply, Value::Null) };
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), serde_json::from_str(body).unwrap_or_default())
}

fn chat(model: &str, text: &str) -> String {
    json!({"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": text}]}).to_string()
}

async fn started(script: Script) -> LoopbackProvider {
    let provider = LoopbackProvider::start().await.unwrap();
    provider.script(script);
    provider
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_apis_refuse_is_refused() {
    let provider = started(Script::default()).await;
    let user = json!([{"role": "user", "content": "x"}]);
    let good = json!({"model": "m", "max_tokens": 8, "messages": user});
    let with = |key: &str, value: Value| {
        let mut body = good.clone();
        body[key] = value;
        body.to_string()
    };
    let check = |path: &str, headers: &[(&str, &str)], body: &str, status: u16, message: &str| {
        let (seen, _, error) = post_raw(&provider, path, headers, body);
        assert_eq!(seen, status, "{body}: {error}");
        let text = error["error"]["message"].as_str().unwrap_or_default();
        assert!(text.contains(message), "{body}: {text}");
    };
    let (messages, chat) = ("/v1/messages", "/v1/chat/completions");
    let ok = good.to_string();
    check(messages, ANTHROPIC, &ok, 200, "");
    check(chat, OPENAI, &ok, 200, "");
    check("/chat/completions", OPENAI, &ok, 200, "");
    check("/v1/models", OPENAI, &ok, 404, "");
    check(messages, OPENAI, &ok, 401, "no API key");
    check(chat, ANTHROPIC, &ok, 401, "no API key");
    check(messages, &[ANTHROPIC[0], ANTHROPIC[2]], &ok, 400, "anthropic-version");
    check(messages, &ANTHROPIC[..2], &ok, 400, "content-type");
    check(chat, OPENAI, "{", 400, "JSON");
    check(chat, OPENAI, "[]", 400, "object");
    for (key, value, message) in [
        ("model", json!(""), "model"),
        ("max_tokens", json!(0), "max_tokens"),
        ("max_tokens", json!("8"), "max_tokens"),
        ("max_tokens", json!(null), "max_tokens"),
        ("stream", json!(true), "stream"),
        ("n", json!(2), "n: extra"),
        ("messages", json!([]), "at least one"),
        ("messages", json!([{"role": "tool", "content": "x"}]), "messages.0.role"),
        ("messages", json!([{"role": "user", "content": " "}]), "messages.0.content"),
    ] {
        check(messages, ANTHROPIC, &with(key, value.clone()), 400, message);
        check(chat, OPENAI, &with(key, value), 400, message);
    }
    check(messages, ANTHROPIC, &with("messages", json!([{"role": "assistant", "content": "x"}])), 400, "first message");
    let twice = json!([{"role": "user", "content": "x"}, {"role": "user", "content": "y"}]);
    check(messages, ANTHROPIC, &with("messages", twice.clone()), 400, "alternate");
    check(chat, OPENAI, &with("messages", twice), 200, "");
    check(messages, ANTHROPIC, &with("system", json!(7)), 400, "system");
    check(messages, ANTHROPIC, &with("max_completion_tokens", json!(7)), 400, "extra inputs");
    assert_eq!(provider.requests().len(), 4, "the accepted ones");
    assert_eq!(provider.meter().bills().len(), 4, "a refusal is free");
    assert_eq!(provider.refused().len(), 28);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_comes_before_the_rules_and_the_rules_before_the_default() {
    let script = Script::always(Reply::text("default", 1, 1))
        .when_contains("refund", Reply::text("rule", 2, 2))
        .when_contains("ref", Reply::text("later rule", 3, 3))
        .then("small", Reply::text("first", 4, 4))
        .then("small", Reply::text("second", 5, 5));
    let provider = started(script).await;
    let check = |model: &str, text: &str, expected: &str| {
        let (_, _, reply) = post_raw(&provider, "/v1/chat/completions", OPENAI, &chat(model, text));
        assert_eq!(reply["choices"][0]["message"]["content"], expected);
    };
    check("small", "a refund?", "first");
    check("large", "a refund?", "rule");
    check("large", "a reference?", "later rule");
    check("small", "hello", "second");
    check("small", "hello", "default");
    assert_eq!(provider.meter().of("small"), Billed { calls: 3, input_tokens: 10, output_tokens: 10 });
    assert_eq!(provider.meter().of("large"), Billed { calls: 2, input_tokens: 5, output_tokens: 5 });
    assert_eq!(provider.requests()[3].last_user_message(), "hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_break_as_the_script_says() {
    let script = Script::default()
        .then("m", Reply::Status { code: 429, retry_after: Some(7) })
        .then("m", Reply::status(503))
        .then("m", Reply::CutOff)
        .then("m", Reply::Reset)
        .then("m", Reply::NoUsage)
        .then("m", Reply::Malformed);
    let provider = started(script).await;
    let call = || post_raw(&provider, "/v1/messages", ANTHROPIC, &chat("m", "hello"));
    let (status, head, error) = call();
    assert_eq!((status, &error["error"]["type"]), (429, &json!("rate_limit_error")));
    assert!(head.contains("retry-after: 7"), "{head}");
    assert_eq!(provider.meter().bills(), [], "a call that was turned away is free");
    assert_eq!(call().0, 503);
    let (status, _, half) = call();
    assert_eq!((status, half), (200, Value::Null), "half a body is no JSON");
    assert_eq!(call().0, 0, "no status line");
    let (status, _, reply) = call();
    assert_eq!((status, reply.get("usage")), (200, None));
    assert_eq!(reply["content"][0]["type"], "text");
    assert_eq!(call().2, Value::Null);
    // At the worst: 5 bytes and 8 for the message; 64 is the call's limit.
    assert_eq!(provider.meter().of("m"), Billed { calls: 5, input_tokens: 65, output_tokens: 320 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_halting_reply_comes_in_two_halves() {
    let provider = started(Script::always(Reply::text("Hello.", 2, 3).halting(20).after(1))).await;
    let mut stream = TcpStream::connect(provider.address).unwrap();
    let body = chat("m", "hello");
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer k\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    // Each chunk is its length in hex and its bytes; the last is empty.
    let chunks: Vec<&str> = reply.split_once("\r\n\r\n").unwrap().1.split("\r\n").skip(1).step_by(2).collect();
    assert_eq!(chunks.len(), 3, "{reply}");
    let whole: Value = serde_json::from_str(&chunks.concat()).unwrap();
    assert_eq!(whole["choices"][0]["message"]["content"], "Hello.");
    assert!(chunks[0].len().abs_diff(chunks[1].len()) <= 1);
    assert_eq!(provider.meter().of("m"), Billed { calls: 1, input_tokens: 2, output_tokens: 3 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counted_answers_end_at_the_limit() {
    let provider = started(Script::always(Reply::counted(&"é".repeat(500)))).await;
    let (_, _, reply) = post_raw(&provider, "/v1/messages", ANTHROPIC, &chat("m", "hello"));
    assert_eq!(reply["content"][0]["text"], "é".repeat(128));
    assert_eq!(reply["stop_reason"], "max_tokens");
    assert_eq!(reply["usage"], json!({"input_tokens": 6, "output_tokens": 64}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_meter_tells_the_cost() {
    let provider = started(Script::always(Reply::text("x", 1_000, 1))).await;
    for model in ["a", "b", "a"] {
        post_raw(&provider, "/v1/chat/completions", OPENAI, &chat(model, "hello"));
    }
    let price = |input: &str| Price {
        input_usd_per_million: TokenPrice::parse_usd_per_million(input).unwrap(),
        output_usd_per_million: TokenPrice::parse_usd_per_million("5").unwrap(),
        as_of: "2025-11-23".to_owned(),
        source: "a test".to_owned(),
    };
    let (a, b) = (price("1"), price("3"));
    let cost = provider.meter().cost(|model| if model == "a" { &a } else { &b });
    assert_eq!(cost.nanos(), 2 * 1_000_000 + 3_000_000 + 3 * 5_000);
    assert_eq!((provider.cost(|model| if model == "a" { &a } else { &b }), provider.calls()), (cost, 3));
}

#[tokio::test]
async fn a_scripted_provider_ends_its_calls_in_order() {
    let provider = ScriptedProvider::new(ProviderId::parse("fake").unwrap());
    provider.push_text("It is $19.", 42, 17);
    provider.push(Err(ProviderFailure::TimedOut));
    provider.push_hang();
    let request = CompletionRequest {
        provider_model: "m".to_owned(),
        system: "s".to_owned(),
        messages: vec![Message { role: Role::User, text: Prompt::parse("hello").unwrap() }],
        max_output_tokens: 64,
    };
    let limit = Duration::from_secs(5);
    let send = || provider.send(provider.encode(&request), limit);
    assert_eq!(send().await.unwrap().text, "It is $19.");
    assert_eq!(send().await.unwrap_err().code(), "timed_out");
    assert!(tokio::time::timeout(Duration::from_millis(50), send()).await.is_err(), "hangs");
    assert_eq!(send().await.unwrap_err().code(), "provider_error");
    let body =
        json!({"model": "m", "system": "s", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 64});
    assert_eq!(provider.calls(), vec![ScriptedCall { body, limit }; 4]);
}
