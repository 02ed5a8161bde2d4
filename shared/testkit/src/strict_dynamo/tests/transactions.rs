use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};

use super::super::StrictDynamo;
use super::{ask, create, item, key, with_expressions, with_item};

fn change(kind: &str, sort: &str, members: &[(&str, &str)]) -> Value {
    let mut request = json!({ "TableName": "t" });
    request[if kind == "Put" { "Item" } else { "Key" }] = key(sort);
    json!({ kind: with_expressions(request, members) })
}

fn transact(dynamo: &StrictDynamo, writes: &[Value]) -> Result<Value, (String, Value)> {
    ask(dynamo, "TransactWriteItems", json!({ "TransactItems": writes }))
}

/// The codes of the reasons for which the transaction is not done, while nothing is changed.
#[track_caller]
fn check(writes: &[Value], expected: &[&str]) {
    let attributes = json!({ "a": { "N": "1" } });
    let dynamo = with_item(&attributes);
    let (kind, body) = transact(&dynamo, writes).unwrap_err();
    assert_eq!(kind, "TransactionCanceledException", "{body}");
    let reasons = body["CancellationReasons"].as_array().unwrap();
    let codes: Vec<_> = reasons.iter().map(|reason| reason["Code"].as_str().unwrap()).collect();
    assert_eq!(codes, expected, "{body}");
    assert!(body["Message"].as_str().unwrap().ends_with(&format!("[{}]", expected.join(", "))));
    assert_eq!(item(&dynamo), attributes);
    assert_eq!(dynamo.read(|items| items.len()), 1);
}

#[test]
fn a_transaction_is_done_whole() {
    let dynamo = with_item(&json!({ "a": { "N": "1" } }));
    let writes = [
        change("Update", "s", &[("UpdateExpression", "SET a = a + :one"), ("ConditionExpression", "a = :one")]),
        change("Put", "new", &[("ConditionExpression", "attribute_not_exists(PK)")]),
        change("ConditionCheck", "absent", &[("ConditionExpression", "attribute_not_exists(PK)")]),
    ];
    assert_eq!(transact(&dynamo, &writes).unwrap(), json!({}));
    assert_eq!(item(&dynamo), json!({ "a": { "N": "2" } }));
    transact(&dynamo, &[change("Delete", "new", &[("ConditionExpression", "attribute_exists(PK)")])]).unwrap();
    assert_eq!(dynamo.read(|items| items.len()), 1);
}

#[test]
fn each_write_has_its_reason() {
    let done = change("Put", "new", &[]);
    let failed = change("Update", "s", &[("UpdateExpression", "SET b = :one"), ("ConditionExpression", "a > :one")]);
    let unfit = change("Update", "s", &[("UpdateExpression", "SET absent = absent - :one")]);
    let both = change("Update", "s", &[("UpdateExpression", "SET c = c + :one"), ("ConditionExpression", "a > :one")]);
    let wrong_type = change("Update", "s", &[("UpdateExpression", "SET G1SK = :text")]);
    let checked = change("ConditionCheck", "absent", &[("ConditionExpression", "attribute_exists(PK)")]);
    let wrong_key = json!({ "Delete": { "TableName": "t", "Key": { "PK": { "S": "p" } } } });
    check(&[done.clone(), failed.clone()], &["None", "ConditionalCheckFailed"]);
    check(&[unfit, done.clone()], &["ValidationError", "None"]);
    check(&[both, checked], &["ConditionalCheckFailed", "ConditionalCheckFailed"]);
    check(&[wrong_type, done.clone()], &["ValidationError", "None"]);
    check(&[failed, wrong_key, done], &["ConditionalCheckFailed", "ValidationError", "None"]);
}

#[test]
fn a_reason_shows_the_item_when_asked() {
    let dynamo = with_item(&json!({ "a": { "N": "1" } }));
    let mut asked = change("ConditionCheck", "s", &[("ConditionExpression", "a = :two")]);
    let not_asked = asked.clone();
    asked["ConditionCheck"]["ReturnValuesOnConditionCheckFailure"] = json!("ALL_OLD");
    let reason =
        |write: &Value| transact(&dynamo, std::slice::from_ref(write)).unwrap_err().1["CancellationReasons"][0].clone();
    assert_eq!(reason(&asked)["Item"]["a"], json!({ "N": "1" }));
    assert_eq!(reason(&asked)["Message"], "The conditional request failed");
    assert_eq!(reason(&not_asked).get("Item"), None);
}

#[track_caller]
fn check_refused(request: Value, words: &str) {
    let dynamo = with_item(&json!({}));
    let (kind, body) = ask(&dynamo, "TransactWriteItems", request).unwrap_err();
    assert_eq!(kind, "ValidationException", "{body}");
    assert!(body["message"].as_str().unwrap().contains(words), "{body}");
    assert_eq!(dynamo.read(|items| items.len()), 1);
}

#[test]
fn what_is_no_transaction() {
    let of = |writes: &[Value]| json!({ "TransactItems": writes });
    let put = change("Put", "new", &[]);
    let mut two = put.clone();
    two["Delete"] = change("Delete", "s", &[])["Delete"].clone();
    check_refused(of(&[]), "length");
    check_refused(of(&(0..101).map(|at| change("Put", &at.to_string(), &[])).collect::<Vec<_>>()), "length");
    check_refused(of(&[put.clone(), change("Delete", "new", &[])]), "multiple operations on one item");
    check_refused(of(&[put.clone(), json!({})]), "only contain one");
    check_refused(of(&[two]), "only contain one");
    check_refused(of(&[change("ConditionCheck", "s", &[])]), "ConditionExpression");
    check_refused(of(&[change("Update", "s", &[])]), "UpdateExpression");
    check_refused(
        of(&[put.clone(), change("Update", "s", &[("UpdateExpression", "SET PK = :text")])]),
        "part of the key",
    );
    check_refused(of(&[put.clone(), change("Update", "s", &[("UpdateExpression", "SET name = :text")])]), "reserved");
    check_refused(of(&[put.clone(), change("Put", "", &[])]), "empty string");
    check_refused(
        of(&[put.clone(), change("Update", "s", &[("UpdateExpression", "SET G1PK = :empty")])]),
        "empty string",
    );
    let mut returning = put.clone();
    returning["Put"]["ReturnValues"] = json!("ALL_OLD");
    check_refused(of(&[returning]), "ReturnValues");
    for token in ["", &"x".repeat(37)] {
        check_refused(json!({ "TransactItems": [put], "ClientRequestToken": token }), "clientRequestToken");
    }
}

#[test]
fn a_token_counts_for_ten_minutes() {
    let now = Arc::new(AtomicI64::new(1_000_000));
    let clock = Arc::clone(&now);
    let dynamo = StrictDynamo::with_clock(move || clock.load(Ordering::Relaxed));
    create(&dynamo);
    let add = |amount: &str| {
        let write = change("Update", "s", &[("UpdateExpression", &format!("ADD a {amount}"))]);
        let request = json!({ "TransactItems": [write], "ClientRequestToken": "token" });
        ask(&dynamo, "TransactWriteItems", request).map_err(|(kind, _)| kind)
    };
    assert_eq!((add(":one"), item(&dynamo)), (Ok(json!({})), json!({ "a": { "N": "1" } })));
    assert_eq!((add(":one"), item(&dynamo)), (Ok(json!({})), json!({ "a": { "N": "1" } })), "it was done already");
    assert_eq!(add(":two"), Err("IdempotentParameterMismatchException".to_owned()));
    now.fetch_add(599_999, Ordering::Relaxed);
    assert_eq!((add(":one"), item(&dynamo)), (Ok(json!({})), json!({ "a": { "N": "1" } })));
    now.fetch_add(1, Ordering::Relaxed);
    assert_eq!((add(":two"), item(&dynamo)), (Ok(json!({})), json!({ "a": { "N": "3" } })), "the token is forgotten");
}

#[test]
fn a_token_of_what_was_not_done_is_free() {
    let dynamo = with_item(&json!({ "a": { "N": "1" } }));
    let request = |condition: &str| {
        let write = change("Update", "s", &[("UpdateExpression", "SET b = :one"), ("ConditionExpression", condition)]);
        json!({ "TransactItems": [write], "ClientRequestToken": "token" })
    };
    assert!(ask(&dynamo, "TransactWriteItems", request("a = :two")).is_err());
    assert!(ask(&dynamo, "TransactWriteItems", request("a = :one")).is_ok());
}
