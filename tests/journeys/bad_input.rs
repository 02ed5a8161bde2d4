//! Bad input is refused with the field and the limit, and nothing is charged.

use serde_json::json;

use crate::server::{Server, program};

#[tokio::test]
async fn bad_input_is_named_and_leaves_the_ledger_alone() {
    let server = Server::start().await;
    let before = server.money().await;
    let long = json!({"query": "a".repeat(32_001)}).to_string();
    let deep = format!(r#"{{"query": "a", "metadata": {}{}}}"#, "[".repeat(32), "]".repeat(32));
    let cases: Vec<(Vec<u8>, u16, &str, &str)> = vec![
        (Vec::new(), 400, "", "empty"),
        (vec![b'x'; 300 * 1024], 413, "", "262144"),
        (b"{\"query\": \"\xff\xfe\"}".to_vec(), 400, "", "UTF-8"),
        (br#"{"query": "\ud83d"}"#.to_vec(), 400, "query", "surrogate"),
        (br#"{"query": "a\u0000b"}"#.to_vec(), 400, "query", "NUL"),
        (br#"{"query": ["a"]}"#.to_vec(), 400, "query", "string"),
        (br#"{"query": "a", "temperature": 1}"#.to_vec(), 400, "temperature", "unknown field"),
        (br#"{"query": "a", "messages": [{"role": "user", "content": "b"}]}"#.to_vec(), 400, "messages", "exactly one"),
        (br#"{}"#.to_vec(), 400, "query", "missing"),
        (deep.into_bytes(), 400, "", "32"),
        (long.into_bytes(), 400, "query", "32000"),
        (br#"{"query": "a", "agent": "nobody"}"#.to_vec(), 400, "agent", "no agent"),
        (br#"{"query": "a", "agent": "../../etc"}"#.to_vec(), 400, "agent", "a-z"),
        (br#"{"query": "a", "max_output_tokens": -5}"#.to_vec(), 400, "max_output_tokens", ""),
        (br#"{"query": "a", "max_output_tokens": 1000000}"#.to_vec(), 400, "max_output_tokens", "8192"),
        (br#"{"query": "a", "max_cost_usd": "-0.01"}"#.to_vec(), 400, "max_cost_usd", "decimals"),
        (br#"{"query": "a", "max_cost_usd": "1000000"}"#.to_vec(), 400, "max_cost_usd", "0.05"),
    ];
    for (body, status, param, message) in cases {
        let shown = String::from_utf8_lossy(&body).chars().take(60).collect::<String>();
        let reply = server.post("/api/agents", body).await;
        let error = &reply.json["error"];
        assert_eq!(reply.status, status, "{shown}: {}", reply.text);
        assert_eq!(error["param"].as_str().unwrap_or_default(), param, "{shown}: {error}");
        assert!(error["message"].as_str().unwrap().contains(message), "{shown}: {error}");
        assert_eq!(error["request_id"].as_str().unwrap().len(), 26, "{shown}: {error}");
        assert_eq!(error["retryable"], false, "{shown}: {error}");
    }
    let key_with_space = server.post_with_key("two words", r#"{"query": "a"}"#).await;
    assert_eq!((key_with_space.status, &key_with_space.json["error"]["param"]), (400, &json!("Idempotency-Key")));
    assert_eq!(server.get("/api/agents").await.status, 405);
    assert_eq!(server.get("/api/nothing").await.status, 404);
    assert_eq!(server.money().await, before);
    assert!(server.providers.requests().is_empty());
}

#[test]
fn a_broken_file_stops_the_start_with_file_and_key() {
    for (file, from, to, expected) in [
        ("policy.toml", "stop_percent = 95", "stop_percent = 101", "budget.stop_percent"),
        ("models.toml", "id = \"gpt-4o\"", "id = \"gpt 4o\"", "models[13].id"),
        ("agents/rprd/agent.toml", "max_words", "max_word", "voice"),
        ("agents/rprd/knowledge/faq.jsonl", "\"answer\"", "\"reply\"", "faq.jsonl"),
    ] {
        let infra = tempfile::tempdir().unwrap();
        crate::server::copy_infra(infra.path());
        let path = infra.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let output = program()
            .args(["ask", "How do I login?"])
            .env("FARTHING_INFRA", infra.path())
            .env("FARTHING_DATA", infra.path().join("data"))
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{file}: {printed}");
        assert!(printed.contains(file.rsplit('/').next().unwrap()) && printed.contains(expected), "{file}: {printed}");
    }
}
