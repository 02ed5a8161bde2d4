//! Which model answers, and what follows from a bad answer or none.

use farthing_testkit::loopback::{Reply, Script};
use serde_json::json;

use crate::server::{
    Answered, CLAUDE, DEEPSEEK, GOOD_ANSWER, GPT, MEDIUM_QUERY, MIDDLING_ANSWER, OFF_TOPIC_ANSWER, Server, Setup,
};

/// What a paid model says that was given the note on logging in.
const LOGIN_ANSWER: &str = "Go to app.rprd.example and press Log in, then enter your email and password, or choose \
                            Continue with Google or Continue with Apple.";

fn good() -> Reply {
    Reply::text(GOOD_ANSWER, 700, 60)
}

#[track_caller]
fn check_attempts(reply: &Answered, expected: &[(&str, &str)]) {
    let attempts = reply.attempts();
    let attempts: Vec<(&str, &str)> =
        attempts.iter().map(|(model, outcome)| (model.as_str(), outcome.as_str())).collect();
    assert_eq!(attempts, expected, "{}", reply.text);
}

#[tokio::test]
async fn a_medium_query_goes_to_deepseek() {
    let server = Server::start().await;
    server.providers.script(Script::always(good()));
    let reply = server.ask(MEDIUM_QUERY).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.json["route"]["complexity"], "medium");
    check_attempts(&reply, &[("deepseek-chat", "delivered")]);
    assert_eq!(reply.json["answer"], GOOD_ANSWER);
    assert_eq!(reply.json["usage"], json!({"input_tokens": 700, "output_tokens": 60}));
    let requests = server.providers.requests();
    assert_eq!((requests.len(), requests[0].model.as_str()), (1, DEEPSEEK));
    assert!(requests[0].system().contains("RPRD"), "the brand's voice goes with the call");
}

#[tokio::test]
async fn a_failing_provider_is_followed_by_the_next() {
    let server = Server::start().await;
    server.providers.script(Script::always(good()).then(DEEPSEEK, Reply::status(500)));
    let reply = server.ask(MEDIUM_QUERY).await;
    check_attempts(&reply, &[("deepseek-chat", "provider_error"), ("claude-sonnet", "delivered")]);
    assert_eq!(reply.json["route"]["provider"], "anthropic");
    assert_eq!(reply.json["route"]["escalated"], true);
    let attempts = &reply.json["route"]["attempts"];
    assert_ne!(attempts[0]["cost_usd"], "0.000000", "a 500 may have been charged, so it is: {attempts}");
    let again = server.ask(MEDIUM_QUERY).await;
    assert_eq!(again.json["route"]["cache"], json!(null), "a stopgap is not kept: {}", again.text);
    assert_eq!(again.json["route"]["provider"], "deepseek");
}

#[tokio::test]
async fn a_rate_limited_call_is_free_and_tried_once_more() {
    let server = Server::start().await;
    let limited = Reply::Status { code: 429, retry_after: None };
    server.providers.script(Script::always(good()).then(DEEPSEEK, limited));
    let reply = server.ask(MEDIUM_QUERY).await;
    check_attempts(&reply, &[("deepseek-chat", "rate_limited"), ("deepseek-chat", "delivered")]);
    assert_eq!(reply.json["route"]["attempts"][0]["cost_usd"], "0.000000");
}

#[tokio::test]
async fn when_every_step_fails_the_error_lists_the_attempts() {
    let server = Server::start().await;
    server.providers.script(Script::always(Reply::status(503)));
    let reply = server.ask("Write a short poem about a lighthouse that misses the sea.").await;
    assert_eq!((reply.status, reply.code()), (502, "no_answer"));
    check_attempts(&reply, &[("claude-sonnet", "provider_error"), ("gpt-4o", "provider_error")]);
    assert_eq!(reply.json["error"]["retryable"], true);
}

#[tokio::test]
async fn a_low_scoring_answer_escalates() {
    let server = Server::start().await;
    server.providers.script(Script::always(good()).then(DEEPSEEK, Reply::text(OFF_TOPIC_ANSWER, 700, 60)));
    let reply = server.ask(MEDIUM_QUERY).await;
    check_attempts(&reply, &[("deepseek-chat", "low_score"), ("claude-sonnet", "delivered")]);
    assert!(reply.json["route"]["attempts"][0]["score"].as_f64().unwrap() < 0.6);
}

#[tokio::test]
async fn a_middling_answer_is_rephrased_here() {
    let server = Server::start().await;
    server.providers.script(Script::always(Reply::text(MIDDLING_ANSWER, 700, 60)));
    let reply = server.ask(MEDIUM_QUERY).await;
    check_attempts(&reply, &[("deepseek-chat", "rephrased")]);
    assert_eq!(reply.json["route"]["rephrased"], true);
    assert_eq!(reply.json["quality"]["action"], "rephrase");
    let first = reply.json["route"]["attempts"][0]["score"].as_f64().unwrap();
    let after = reply.json["quality"]["score"].as_f64().unwrap();
    assert!((0.6..=0.8).contains(&first) && after > first, "{first} then {after}");
    assert_ne!(reply.json["answer"], MIDDLING_ANSWER);
    assert_eq!(server.providers.requests().len(), 1, "rephrasing costs no call");
}

#[tokio::test]
async fn a_high_query_goes_to_claude_then_gpt() {
    let server = Server::start().await;
    server.providers.script(Script::always(good()).then(CLAUDE, Reply::CutOff));
    let reply = server
        .ask("Design a sharded rate limiter for ten million users and prove that no user can exceed the limit.")
        .await;
    assert_eq!(reply.attempts()[0].0, "claude-sonnet", "{}", reply.text);
    let models: Vec<String> = server.providers.requests().into_iter().map(|request| request.model).collect();
    assert_eq!(models, [CLAUDE, GPT]);
}

#[tokio::test]
async fn a_provider_that_keeps_failing_is_left_alone() {
    let server = Setup::new().policy("breaker_failures = 5", "breaker_failures = 2").start().await;
    server.providers.script(Script::always(Reply::status(500)));
    for _ in 0..2 {
        server.ask(MEDIUM_QUERY).await;
    }
    let reply = server.ask(MEDIUM_QUERY).await;
    check_attempts(&reply, &[("deepseek-chat", "circuit_open"), ("claude-sonnet", "circuit_open")]);
    assert_eq!(server.providers.requests().len(), 4);
}

#[tokio::test]
async fn an_answer_is_cached_by_its_words_and_by_its_meaning() {
    let server = Server::start().await;
    server.providers.script(Script::always(good()));
    let first = server.ask(MEDIUM_QUERY).await;
    let again = server.ask(&MEDIUM_QUERY.to_uppercase()).await;
    assert_eq!(again.json["route"]["cache"], "exact", "{}", again.text);
    assert_eq!((&again.json["answer"], &again.json["cost"]["usd"]), (&first.json["answer"], &json!("0.000000")));
    let alike = server.ask(&format!("{MEDIUM_QUERY} Please.").replace("Compare", "Please compare")).await;
    assert_eq!(alike.json["route"]["cache"], "semantic", "{}", alike.text);
    let bypass = json!({"query": MEDIUM_QUERY, "cache": "bypass"}).to_string();
    assert_eq!(server.post("/api/agents", bypass).await.json["route"]["cache"], json!(null));
    assert_eq!(server.providers.requests().len(), 2);
}

#[tokio::test]
async fn at_the_shadow_stage_the_paid_answer_is_delivered() {
    let server = Setup::new().policy("stage = \"full\"", "stage = \"shadow\"").start().await;
    server.providers.script(Script::always(Reply::text(LOGIN_ANSWER, 300, 40)));
    let reply = server.ask("How do I login?").await;
    assert_eq!(reply.json["route"]["provider"], "deepseek", "{}", reply.text);
    assert_ne!(reply.json["route"]["rollout"], "local");
    server.providers.script(Script::always(Reply::status(500)));
    let fallback = server.post("/api/agents", json!({"query": "What is your pricing?"}).to_string()).await;
    assert_eq!(fallback.json["route"]["provider"], "local", "a free answer is better than none: {}", fallback.text);
}

#[tokio::test]
async fn a_provider_that_is_too_slow_is_cut_off_in_time_for_a_reply() {
    let server = Setup::new().policy("request_ms = 26000", "request_ms = 6000").start().await;
    server.providers.script(Script::always(good().after(15_000)));
    let reply = server.ask(MEDIUM_QUERY).await;
    assert_eq!((reply.status, reply.code()), (504, "deadline_exceeded"), "{}", reply.text);
    check_attempts(&reply, &[("deepseek-chat", "timed_out"), ("claude-sonnet", "out_of_time")]);
    assert_ne!(reply.json["error"]["cost_usd"], "0.000000", "what timed out may have been charged, so it is");
}
