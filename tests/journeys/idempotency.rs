//! One key is one request, and a batch is many.

use farthing_testkit::loopback::{Reply, Script};
use serde_json::{Value, json};

use crate::server::{GOOD_ANSWER, MEDIUM_QUERY, Server, Setup};

#[tokio::test]
async fn a_repeated_key_repeats_the_reply_byte_for_byte_and_charges_once() {
    let server = Server::start().await;
    server.providers.script(Script::always(Reply::text(GOOD_ANSWER, 900, 90)));
    let body = json!({"query": MEDIUM_QUERY, "cache": "bypass"}).to_string();
    let first = server.post_with_key("order-1", body.clone()).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let charged = server.money().await;
    let again = server.post_with_key("order-1", body.clone()).await;
    assert_eq!((again.status, &again.text), (200, &first.text));
    assert_eq!(server.money().await, charged);
    assert_eq!(server.providers.requests().len(), 1);
    let other_body = server.post_with_key("order-1", json!({"query": "Other?"}).to_string()).await;
    assert_eq!((other_body.status, other_body.code()), (422, "idempotency_key_reused"));
    let other_key = server.post_with_key("order-2", body).await;
    assert_ne!(other_key.json["id"], first.json["id"]);
    assert_eq!(server.providers.requests().len(), 2);
}

#[tokio::test]
async fn a_key_in_work_is_refused_until_it_is_done() {
    let server = Server::start().await;
    server.providers.script(Script::always(Reply::text(GOOD_ANSWER, 900, 90).after(1_500)));
    let body = json!({"query": MEDIUM_QUERY}).to_string();
    let (first, second) = tokio::join!(server.post_with_key("k", body.clone()), async {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        server.post_with_key("k", body.clone()).await
    });
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!((second.status, second.code()), (409, "in_progress"), "{}", second.text);
    assert!(second.retry_after.unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!(server.providers.requests().len(), 1);
}

#[tokio::test]
async fn a_failed_key_may_be_tried_again() {
    let server = Server::start().await;
    server.providers.script(Script::always(Reply::status(503)));
    let body = json!({"query": MEDIUM_QUERY}).to_string();
    assert_eq!(server.post_with_key("k", body.clone()).await.status, 502);
    server.providers.script(Script::always(Reply::text(GOOD_ANSWER, 900, 90)));
    let again = server.post_with_key("k", body).await;
    assert_eq!(again.status, 200, "{}", again.text);
}

#[tokio::test]
async fn a_key_that_found_the_budget_spent_may_be_tried_again() {
    let server = Setup::new()
        .policy("monthly_usd = \"200\"", "monthly_usd = \"0.06\"")
        .policy("breaker_failures = 5", "breaker_failures = 1000")
        .start()
        .await;
    server.providers.script(Script::always(Reply::NoUsage));
    let body = json!({"query": MEDIUM_QUERY}).to_string();
    let mut refused = server.post_with_key("k0", body.clone()).await;
    for n in 1..100 {
        if refused.status == 402 {
            break;
        }
        refused = server.post_with_key(&format!("k{n}"), body.clone()).await;
    }
    assert_eq!((refused.status, refused.code()), (402, "budget_exhausted"), "{}", refused.text);
    let first = server.post_with_key("after", body.clone()).await;
    let again = server.post_with_key("after", body).await;
    assert_eq!((first.status, again.status), (402, 402), "{}", again.text);
    assert_ne!(first.text, again.text, "it was tried again, and not only told again");
}

#[tokio::test]
async fn a_batch_answers_each_item_in_order() {
    let server = Server::start().await;
    let mut items: Vec<Value> = (0..100).map(|_| json!({"query": "What is your pricing?"})).collect();
    items[7] = json!({"query": ""});
    items[42] = json!({"query": "a", "unknown": 1});
    items[99] = json!("not an object");
    let reply = server.post("/api/agents/batch", json!({"requests": items}).to_string()).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!((&reply.json["succeeded"], &reply.json["failed"]), (&json!(97), &json!(3)));
    let results = reply.json["results"].as_array().unwrap();
    let failed: Vec<usize> = (0..100).filter(|at| results[*at]["error"].is_object()).collect();
    assert_eq!((results.len(), failed), (100, vec![7, 42, 99]));
    assert!(results.iter().filter(|result| result["error"].is_null()).all(|result| result["answer"].is_string()));
}

#[tokio::test]
async fn a_batch_has_its_limits() {
    let server = Server::start().await;
    let too_many = vec![json!({"query": "a"}); 101];
    for body in [json!({"requests": too_many}), json!({"requests": []}), json!({}), json!([1])] {
        let reply = server.post("/api/agents/batch", body.to_string()).await;
        assert_eq!(reply.status, 400, "{}", reply.text);
    }
}
