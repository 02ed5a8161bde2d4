use serde_json::{Value, json};

use super::{ask, item, key, update, with_item};

/// What the update makes of `before`.
#[track_caller]
fn check(before: Value, expression: &str, after: Value) {
    let dynamo = with_item(&before);
    update(&dynamo, &[("UpdateExpression", expression)]).unwrap();
    assert_eq!(item(&dynamo), after, "{expression}");
}

#[test]
fn attributes_are_set_and_removed() {
    check(json!({}), "SET a = :one", json!({ "a": { "N": "1" } }));
    check(json!({ "a": { "S": "" } }), "SET #a = :ten", json!({ "a": { "N": "10" } }));
    check(json!({ "a": { "N": "1" } }), "REMOVE a, b", json!({}));
    check(json!({ "a": { "N": "1" } }), "set b = a remove a", json!({ "b": { "N": "1" } }));
    check(json!({ "a": { "N": "1" } }), "SET a = :two, b = a", json!({ "a": { "N": "2" }, "b": { "N": "1" } }));
    check(json!({ "a": { "N": "1" } }), "SET a = if_not_exists(a, :two)", json!({ "a": { "N": "1" } }));
    check(json!({}), "SET a = if_not_exists(b, :two)", json!({ "a": { "N": "2" } }));
    check(json!({}), "SET a = list_append(:list, :list)", json!({ "a": { "L": [{ "N": "1" }, { "N": "1" }] } }));
    check(json!({}), "SET a = :empty, b = :null", json!({ "a": { "S": "" }, "b": { "NULL": true } }));
}

#[test]
fn numbers_are_added_exactly() {
    check(json!({ "a": { "N": "190000000000" } }), "SET a = a - :one", json!({ "a": { "N": "189999999999" } }));
    check(json!({ "a": { "N": "1" } }), "SET a = a + :half", json!({ "a": { "N": "1.5" } }));
    check(json!({ "a": { "N": "1" } }), "SET a = :half - a", json!({ "a": { "N": "-0.5" } }));
    check(json!({}), "SET a = if_not_exists(a, :one) + :two", json!({ "a": { "N": "3" } }));
    check(json!({ "a": { "N": "1" } }), "ADD a :two, b :ten", json!({ "a": { "N": "3" }, "b": { "N": "10" } }));
}

#[test]
fn sets_grow_and_shrink() {
    check(json!({ "a": { "SS": ["c"] } }), "ADD a :set", json!({ "a": { "SS": ["a", "b", "c"] } }));
    check(json!({}), "ADD a :set", json!({ "a": { "SS": ["a", "b"] } }));
    check(json!({ "a": { "SS": ["a", "c"] } }), "DELETE a :set", json!({ "a": { "SS": ["c"] } }));
    check(json!({ "a": { "SS": ["a"] } }), "DELETE a :set", json!({}));
    check(json!({}), "DELETE a :set", json!({}));
}

#[test]
fn maps_are_changed_within() {
    let map = json!({ "map": { "M": { "x": { "N": "1" }, "y": { "N": "2" } } } });
    check(
        map.clone(),
        "SET #map.x = :two, #map.z = #map.x",
        json!({
            "map": { "M": { "x": { "N": "2" }, "y": { "N": "2" }, "z": { "N": "1" } } },
        }),
    );
    check(map, "REMOVE #map.x SET #map.y = #map.y + :one", json!({ "map": { "M": { "y": { "N": "3" } } } }));
}

#[test]
fn an_item_that_is_missing_is_made() {
    let dynamo = with_item(&json!({}));
    let request = json!({
        "Key": key("new"), "UpdateExpression": "SET a = :a", "ExpressionAttributeValues": { ":a": { "N": "1" } },
        "ReturnValues": "ALL_NEW",
    });
    let made = json!({ "PK": { "S": "p" }, "SK": { "S": "new" }, "a": { "N": "1" } });
    assert_eq!(ask(&dynamo, "UpdateItem", request).unwrap(), json!({ "Attributes": made }));
    assert_eq!(ask(&dynamo, "GetItem", json!({ "Key": key("new") })).unwrap(), json!({ "Item": made }));
    assert_eq!(ask(&dynamo, "GetItem", json!({ "Key": key("absent") })).unwrap(), json!({}));
    assert_eq!(dynamo.read(|items| items.len()), 2);
}

#[test]
fn a_failed_condition_shows_the_item_when_asked() {
    let dynamo = with_item(&json!({ "a": { "N": "1" } }));
    let request = |sort: &str| {
        json!({
            "Key": key(sort), "ConditionExpression": "a = :a", "ExpressionAttributeValues": { ":a": { "N": "2" } },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        })
    };
    let (kind, body) = ask(&dynamo, "UpdateItem", request("s")).unwrap_err();
    assert_eq!(kind, "ConditionalCheckFailedException");
    assert_eq!(body["Item"], json!({ "PK": { "S": "p" }, "SK": { "S": "s" }, "a": { "N": "1" } }));
    let (kind, body) = ask(&dynamo, "UpdateItem", request("absent")).unwrap_err();
    assert_eq!((kind.as_str(), body.get("Item")), ("ConditionalCheckFailedException", None));
}

#[test]
fn what_is_put_comes_back() {
    let all = json!({
        "PK": { "S": "p" }, "SK": { "S": "s" }, "bin": { "B": "AQID" }, "flag": { "BOOL": false }, "nil": { "NULL": true },
        "list": { "L": [{ "S": "ü" }, { "N": "0.875" }] }, "map": { "M": { "in": { "N": "1" } } },
        "texts": { "SS": ["a", "b"] }, "numbers": { "NS": ["1", "2"] }, "bytes": { "BS": ["AQ==", "Ag=="] },
    });
    let dynamo = with_item(&json!({ "old": { "N": "1" } }));
    let old = ask(&dynamo, "PutItem", json!({ "Item": all, "ReturnValues": "ALL_OLD" })).unwrap();
    assert_eq!(old["Attributes"]["old"], json!({ "N": "1" }));
    assert_eq!(ask(&dynamo, "GetItem", json!({ "Key": key("s"), "ConsistentRead": true })).unwrap()["Item"], all);
    let batch = json!({ "RequestItems": { "t": { "Keys": [key("absent"), key("s")], "ConsistentRead": true } } });
    let got = ask(&dynamo, "BatchGetItem", batch).unwrap();
    assert_eq!(got, json!({ "Responses": { "t": [all] }, "UnprocessedKeys": {} }));
}

#[test]
fn expired_items_are_forgotten() {
    let dynamo = with_item(&json!({ "ttl": { "N": "100" } }));
    dynamo.forget_expired(100_999);
    assert_eq!(dynamo.read(|items| items.len()), 1);
    dynamo.forget_expired(101_000);
    assert_eq!(dynamo.read(|items| items.len()), 0);
}
