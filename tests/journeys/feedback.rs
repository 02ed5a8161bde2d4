//! Callers say whether an answer helped.

use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn what_callers_say_is_counted_once_and_the_first_word_holds() {
    let server = Server::start().await;
    let answer = server.ask("What is your pricing?").await;
    let id = answer.json["id"].clone();
    let say = |helpful: bool| server.post("/api/agents/feedback", json!({"id": id, "helpful": helpful}).to_string());

    let said = say(false).await;
    assert_eq!((said.status, &said.json), (200, &json!({"id": id, "feedback": "unhelpful"})));
    assert_eq!(say(false).await.status, 200, "it may be said again");
    let opposite = say(true).await;
    assert_eq!((opposite.status, &opposite.json["error"]["code"]), (409, &json!("rated_otherwise")));
    let status = server.get("/api/models/status").await;
    assert_eq!(status.json["feedback"], json!({"helpful": 0, "unhelpful": 1}));

    let unknown = json!({"id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "helpful": true}).to_string();
    let unknown = server.post("/api/agents/feedback", unknown).await;
    assert_eq!((unknown.status, &unknown.json["error"]["code"]), (404, &json!("unknown_request")));
    let bad = server.post("/api/agents/feedback", json!({"id": id}).to_string()).await;
    assert_eq!((bad.status, &bad.json["error"]["param"]), (400, &json!("helpful")));
    assert_eq!(server.get("/api/agents/feedback").await.status, 405);
}
