//! The month's budget and the request's limit hold, and what is left when they are reached.

use farthing_testkit::loopback::{Reply, Script};
use futures::future::join_all;
use serde_json::json;

use crate::server::{Answered, GOOD_ANSWER, MEDIUM_QUERY, Server, Setup};

/// A budget whose stop line is 95 % of `monthly`, with nothing cached for long.
fn small_budget(monthly: &str) -> Setup {
    Setup::new()
        .policy("monthly_usd = \"200\"", format!("monthly_usd = \"{monthly}\""))
        .policy("per_request_usd = \"0.05\"", "per_request_usd = \"0.01\"")
        .policy("breaker_failures = 5", "breaker_failures = 1000")
}

#[tokio::test]
async fn what_is_charged_is_what_the_provider_says() {
    let server = Server::start().await;
    server.providers.script(Script::always(Reply::text(GOOD_ANSWER, 1_000, 100)));
    let reply = server.ask(MEDIUM_QUERY).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let (used, reserved, available) = server.money().await;
    assert_eq!(reserved, 0.0);
    assert!((used + available - 190.0).abs() < 1e-9);
    let charged: f64 = reply.json["cost"]["usd"].as_str().unwrap().parse().unwrap();
    assert!((used - charged).abs() < 1e-6 && used > 0.0, "{used} charged, {charged} told");
}

#[tokio::test]
async fn when_the_budget_is_gone_a_cached_answer_is_served_as_stale_and_else_402() {
    let server = small_budget("0.012").policy("fresh_hours = 24", "fresh_hours = 0").start().await;
    server.providers.script(Script::always(Reply::text(GOOD_ANSWER, 1_000, 100)));
    let first = server.ask(MEDIUM_QUERY).await;
    assert_eq!(first.status, 200, "{}", first.text);
    // Fails without a known cost: the reservation is charged in full, until none fits.
    server.providers.script(Script::always(Reply::status(500)));
    let mut last = server.ask("Explain how a heat pump differs from a gas boiler in an old house.").await;
    for _ in 0..20 {
        if last.status == 402 {
            break;
        }
        last = server.ask("Explain how a heat pump differs from a gas boiler in an old house.").await;
    }
    assert_eq!((last.status, last.code()), (402, "budget_exhausted"), "{}", last.text);
    assert!(last.json["error"]["resets_at"].as_str().unwrap().ends_with("-01T00:00:00.000Z"));
    let stale = server.ask(MEDIUM_QUERY).await;
    assert_eq!(stale.status, 200, "{}", stale.text);
    assert_eq!((&stale.json["stale"], &stale.json["route"]["cache"]), (&json!(true), &json!("exact")));
    assert!(stale.json["age_s"].is_u64());
    let simple = server.ask("What is your pricing?").await;
    assert_eq!(simple.json["route"]["provider"], "local", "local answers go on: {}", simple.text);
    let (used, reserved, _) = server.money().await;
    assert!(used + reserved <= 0.0114, "{used} + {reserved}");
}

#[tokio::test]
async fn a_request_that_cannot_fit_its_limit_is_refused_before_it_is_sent() {
    let server = Server::start().await;
    let body = json!({"query": MEDIUM_QUERY, "max_cost_usd": "0.000100"}).to_string();
    let reply = server.post("/api/agents", body).await;
    assert_eq!((reply.status, reply.code()), (402, "request_too_expensive"), "{}", reply.text);
    assert!(server.providers.requests().is_empty());
    assert_eq!(server.money().await, (0.0, 0.0, 190.0));
}

#[tokio::test]
async fn an_answer_is_asked_for_as_long_as_the_limit_allows() {
    let server = Server::start().await;
    server.providers.script(Script::always(Reply::text(GOOD_ANSWER, 900, 100)));
    let body = json!({"query": MEDIUM_QUERY, "max_output_tokens": 8192, "max_cost_usd": "0.002"}).to_string();
    let reply = server.post("/api/agents", body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let asked = server.providers.requests()[0].max_tokens;
    assert!((64..8_192).contains(&asked), "{asked}");
}

#[tokio::test]
async fn two_hundred_at_once_for_ten_slots_admit_what_fits() {
    // A reply without usage is charged in full, so that nothing comes back and ten fit at any pace.
    let script = || Script::always(Reply::NoUsage.after(1_000));
    let probe = Server::start().await;
    probe.providers.script(script());
    let body = |n: usize| {
        json!({"query": format!("{MEDIUM_QUERY} Case {n:03}."), "max_output_tokens": 100, "cache": "bypass"})
            .to_string()
    };
    let failed = probe.post("/api/agents", body(0)).await;
    let worst: f64 = failed.json["error"]["attempts"][0]["cost_usd"].as_str().unwrap().parse().unwrap();
    let both = "paid = [\"deepseek-chat\", \"claude-sonnet\"] }";
    let server = small_budget(&format!("{:.6}", worst * 10.5 / 0.95))
        .policy("per_request_usd = \"0.01\"", format!("per_request_usd = \"{:.6}\"", worst * 1.5))
        .policy(both, "paid = [\"deepseek-chat\"] }")
        .start()
        .await;
    server.providers.script(script());
    let replies = join_all((0..200).map(|n| server.post("/api/agents", body(n)))).await;
    let count = |status: u16| replies.iter().filter(|reply| reply.status == status).count();
    let sent = server.providers.requests().len();
    assert_eq!(sent, 10, "{} failed, {} in flight, {} exhausted", count(502), count(429), count(402));
    // A slow machine may run out of places or time for some, and its ledger too; all others are told
    // about the money.
    let ended = |outcome: &str| {
        let is_so = |reply: &&Answered| reply.attempts().iter().any(|(_, ended)| ended == outcome);
        replies.iter().filter(|reply| reply.status == 502).filter(is_so).count()
    };
    assert_eq!((ended("provider_error"), count(502)), (10, 10 + ended("ledger_unavailable")));
    assert_eq!(count(502) + count(429) + count(402) + count(503) + count(504), 200);
    assert!(count(429) + count(402) > 0);
    assert!(replies.iter().filter(|reply| reply.status == 429).all(|reply| reply.retry_after.is_some()));
    let (used, reserved, _) = server.money().await;
    assert!(reserved == 0.0 && used <= worst * 10.5, "{used}");
}

#[tokio::test]
async fn the_owner_stops_and_resumes_spending_by_hand() {
    let server = Server::start().await;
    server.providers.script(Script::always(Reply::text(GOOD_ANSWER, 1_000, 100)));
    let budget = |arguments: &[&str]| {
        let output = server.command().arg("budget").args(arguments).output().unwrap();
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (succeeded, said) = budget(&["stop"]);
    assert!(succeeded && said.contains("is stopped"), "{said}");
    let refused = server.ask(MEDIUM_QUERY).await;
    assert_eq!((refused.status, refused.code()), (402, "budget_exhausted"), "{}", refused.text);
    assert!(server.providers.requests().is_empty(), "nothing was sent");
    assert_eq!(server.ask("How do I login?").await.status, 200, "what costs nothing goes on");
    let (succeeded, said) = budget(&["resume", "--json"]);
    assert!(succeeded && said.contains(r#""state":"open""#), "{said}");
    assert_eq!(server.ask(MEDIUM_QUERY).await.status, 200);
    let (succeeded, said) = budget(&["stop", "--month", "2026-13"]);
    assert!(!succeeded && said.contains("expected a year and a month, such as 2026-11"), "{said}");
}
