use serde_json::{Value, json};

use super::super::StrictDynamo;
use super::{ask, create, item, key, update, with_expressions, with_item};

/// That the service refuses the request, in words that hold `words`, and leaves the item alone.
#[track_caller]
fn check_request(operation: &str, request: Value, words: &str) {
    let attributes = json!({ "a": { "N": "1" }, "t": { "S": "x" }, "map": { "M": {} }, "tags": { "SS": ["a"] } });
    let dynamo = with_item(&attributes);
    let (kind, body) = ask(&dynamo, operation, request.clone()).expect_err(&request.to_string());
    assert_eq!(kind, "ValidationException", "{request}: {body}");
    assert!(body["message"].as_str().unwrap().contains(words), "{request}: {body}");
    assert_eq!(item(&dynamo), attributes);
}

#[track_caller]
fn check_update(expression: &str, words: &str) {
    check_request(
        "UpdateItem",
        with_expressions(json!({ "Key": key("s") }), &[("UpdateExpression", expression)]),
        words,
    );
}

#[track_caller]
fn check_condition(expression: &str, words: &str) {
    let request = with_expressions(json!({ "Key": key("s") }), &[("ConditionExpression", expression)]);
    check_request("UpdateItem", request, words);
}

#[test]
fn what_is_no_condition() {
    check_condition("", "can not be empty");
    check_condition("a + :one > :two", "Syntax error");
    check_condition("a = :one + :two", "Syntax error");
    check_condition("a", "Syntax error");
    check_condition("a = :one AND", "Syntax error");
    check_condition("a == :one", "Syntax error");
    check_condition("a != :one", "Syntax error");
    check_condition("(a = :one", "Syntax error");
    check_condition("((a = :one))", "redundant parentheses");
    check_condition("a = 1", "Syntax error");
    check_condition("a = 'x'", "Syntax error");
    check_condition("exists(a)", "Invalid function name");
    check_condition("if_not_exists(a, :one) = :one", "Invalid function name");
    check_condition("attribute_exists(:one)", "requires a document path");
    check_condition("attribute_exists(a, t)", "number of operands");
    check_condition("begins_with(a)", "number of operands");
    check_condition("a = a", "must be distinct");
    check_condition("a = #a", "must be distinct");
    check_condition("contains(a, #a)", "must be distinct");
    check_condition("a < :yes", "Incorrect operand type");
    check_condition("a >= :null", "Incorrect operand type");
    check_condition("begins_with(t, :one)", "Incorrect operand type");
    check_condition("attribute_type(a, :one)", "Incorrect operand type");
    check_condition("attribute_type(a, :X)", "Invalid attribute type name");
    check_condition("a BETWEEN :two AND :one", "upper bound");
    check_condition("a BETWEEN :one AND :text", "same data type");
    check_condition(&"a = :one OR ".repeat(400), "size has exceeded");
}

#[test]
fn what_is_no_update() {
    check_update("", "can not be empty");
    check_update("a = :one", "Syntax error");
    check_update("SET a = :one SET b = :one", "can only be used once");
    check_update("SET a = :one, a = :two", "overlap");
    check_update("SET a = :one REMOVE #a", "overlap");
    check_update("SET a = :one ADD a :two", "overlap");
    check_update("REMOVE #map SET #map.x = :one", "overlap");
    check_update("SET a = a + :one + :two", "Syntax error");
    check_update("SET a = :one * :two", "Syntax error");
    check_update("SET a = size(t)", "Invalid function name");
    check_update("SET a += :one", "Syntax error");
    check_update("ADD a b", "Syntax error");
    check_update("ADD a :text", "Incorrect operand type");
    check_update("DELETE tags :one", "Incorrect operand type");
    check_update("SET a = a + :text", "Incorrect operand type");
    check_update("SET a = list_append(:one, :list)", "Incorrect operand type");
    check_update("SET PK = :text", "part of the key");
    check_update("SET #pk = :text", "part of the key");
    check_update("REMOVE SK", "part of the key");
    check_update("SET l[0] = :one", "Elements of lists");
}

#[test]
fn what_does_not_fit_the_item() {
    check_update("SET b = b + :one", "does not exist in the item");
    check_update("SET b = absent", "does not exist in the item");
    check_update("SET a = a + t", "incorrect data type");
    check_update("SET a = t - :one", "incorrect data type");
    check_update("SET a = list_append(a, :list)", "incorrect data type");
    check_update("ADD t :one", "incorrect data type");
    check_update("ADD a :set", "incorrect data type");
    check_update("DELETE tags :numbers", "incorrect data type");
    check_update("SET absent.x = :one", "document path");
    check_update("SET a.x = :one", "document path");
    check_update("REMOVE absent.x", "document path");
    check_update("SET a = :most + :half", "38 significant digits");
    check_update("SET b = :big", "maximum allowed size");
}

#[test]
fn index_keys_have_their_types() {
    check_update("SET G1SK = :text", "Type mismatch for Index Key G1SK Expected: N Actual: S");
    check_update("SET G1PK = :one", "Type mismatch for Index Key G1PK Expected: S Actual: N");
    check_update("SET G1PK = :empty", "cannot contain an empty string");
    let mut item = key("s");
    item["G1SK"] = json!({ "S": "1" });
    check_request("PutItem", json!({ "Item": item }), "Type mismatch for Index Key");
}

#[test]
fn reserved_words_need_aliases() {
    for word in ["name", "status", "state", "owner", "TTL", "Month", "token", "usage", "value", "key", "data", "date"] {
        check_condition(&format!("{word} = :one"), "reserved keyword");
        check_condition(&format!("attribute_exists(map2.{word})"), "reserved keyword");
        check_update(&format!("SET {word} = :one"), "reserved keyword");
        check_update(&format!("REMOVE a, {word}"), "reserved keyword");
    }
}

#[test]
fn names_and_values_are_defined_and_used() {
    let request = |condition: &str, names: Value, values: Value| {
        let mut request = json!({ "Key": key("s"), "ConditionExpression": condition });
        if !names.is_null() {
            request["ExpressionAttributeNames"] = names;
        }
        if !values.is_null() {
            request["ExpressionAttributeValues"] = values;
        }
        request
    };
    let one = json!({ ":one": { "N": "1" } });
    check_request(
        "UpdateItem",
        request("a = :one", Value::Null, Value::Null),
        "value used in expression is not defined",
    );
    check_request(
        "UpdateItem",
        request("#a = :one", Value::Null, one.clone()),
        "name used in the document path is not",
    );
    check_request("UpdateItem", request("a = :one", json!({ "#a": "a" }), one.clone()), "unused");
    check_request("UpdateItem", request("attribute_exists(a)", Value::Null, one.clone()), "unused");
    check_request("UpdateItem", request("attribute_exists(a)", json!({}), Value::Null), "not be empty");
    check_request("UpdateItem", request("attribute_exists(a)", Value::Null, json!({})), "not be empty");
    check_request("UpdateItem", json!({ "Key": key("s"), "ExpressionAttributeValues": one }), "unused");
}

#[test]
fn keys_are_two_texts() {
    let get = |key: Value| json!({ "Key": key });
    check_request("GetItem", get(json!({ "PK": { "S": "p" } })), "does not match the schema");
    check_request("GetItem", get(json!({ "PK": { "S": "p" }, "SK": { "N": "1" } })), "does not match the schema");
    let with_more = json!({ "PK": { "S": "p" }, "SK": { "S": "s" }, "a": { "S": "s" } });
    check_request("GetItem", get(with_more), "does not match the schema");
    check_request("GetItem", get(json!({ "PK": { "S": "" }, "SK": { "S": "s" } })), "empty string");
    check_request("GetItem", get(json!({ "PK": { "S": "p" }, "SK": { "S": "s".repeat(1_025) } })), "longer than");
    check_request("PutItem", json!({ "Item": { "PK": { "S": "p" } } }), "Missing the key SK");
    check_request("PutItem", json!({ "Item": { "PK": { "N": "1" }, "SK": { "S": "s" } } }), "expected: S actual: N");
    check_request("PutItem", json!({ "Item": { "PK": { "S": "p" }, "SK": { "S": "" } } }), "empty string");
    let batch = |keys: Value| json!({ "RequestItems": { "t": { "Keys": keys } } });
    check_request("BatchGetItem", batch(json!([key("s"), key("s")])), "duplicates");
    check_request("BatchGetItem", batch(json!([])), "length");
    let many: Vec<_> = (0..101).map(|at| key(&at.to_string())).collect();
    check_request("BatchGetItem", batch(json!(many)), "length");
}

#[test]
fn values_are_the_service_s() {
    let refused = [
        (json!({ "N": "one" }), "numeric value"),
        (json!({ "N": "" }), "numeric value"),
        (json!({ "N": "1E126" }), "overflow"),
        (json!({ "N": "1".repeat(39) }), "38 significant digits"),
        (json!({ "N": 1 }), "invalid type"),
        (json!({ "B": "!" }), "base64"),
        (json!({ "NULL": false }), "must have the value of true"),
        (json!({ "SS": [] }), "may not be empty"),
        (json!({ "NS": ["1", "1.0"] }), "duplicates"),
        (json!({ "X": "1" }), "unknown variant"),
        (json!({ "S": "1", "N": "1" }), "expected"),
        (json!({}), "expected"),
        (json!({ "S": "x".repeat(410_000) }), "maximum allowed size"),
        ((0..33).fold(json!({ "N": "1" }), |value, _| json!({ "L": [value] })), "Nesting Levels"),
    ];
    for (value, words) in refused {
        let mut item = key("s");
        item["a"] = value;
        check_request("PutItem", json!({ "Item": item }), words);
    }
}

#[test]
fn what_is_not_used_is_not_known() {
    check_request("Scan", json!({ "Segment": 0, "TotalSegments": 2 }), "unknown field");
    check_request("Scan", json!({ "Limit": 0 }), "limit");
    check_request("Scan", with_expressions(json!({}), &[("FilterExpression", "a + :one > :two")]), "Syntax error");
    check_request("Scan", with_expressions(json!({}), &[("FilterExpression", "a > :yes")]), "Incorrect operand type");
    check_request("DeleteItem", json!({ "Key": key("s") }), "not modelled");
    check_request("GetItem", json!({ "Key": key("s"), "AttributesToGet": ["a"] }), "unknown field");
    check_request("UpdateItem", json!({ "Key": key("s"), "Expected": {} }), "unknown field");
    check_request("UpdateItem", json!({ "Key": key("s"), "ReturnValues": "UPDATED_NEW" }), "unknown variant");
    check_request("PutItem", json!({ "Item": key("s"), "ReturnValues": "ALL_NEW" }), "ReturnValues");
    check_request("PutItem", json!({ "Item": key("s"), "Key": key("s") }), "A put needs");
    check_request(
        "UpdateTimeToLive",
        json!({ "TimeToLiveSpecification": { "AttributeName": "x", "Enabled": true } }),
        "ttl",
    );
}

#[test]
fn other_refusals_have_their_own_types() {
    let dynamo = StrictDynamo::new();
    let kind = |answer: Result<Value, (String, Value)>| answer.unwrap_err().0;
    assert_eq!(kind(ask(&dynamo, "GetItem", json!({ "Key": key("s") }))), "ResourceNotFoundException");
    create(&dynamo);
    let other = json!({ "TableName": "other", "Key": key("s") });
    assert_eq!(kind(ask(&dynamo, "GetItem", other)), "ResourceNotFoundException");
    assert_eq!(ask(&dynamo, "DescribeTable", json!({})).unwrap()["Table"]["TableStatus"], "ACTIVE");
    let (status, body) = dynamo.answer("GetItem", b"{");
    assert_eq!((status, String::from_utf8(body).unwrap().contains("#SerializationException")), (400, true));
    assert_eq!(dynamo.operations(), 5);
    assert_eq!(
        kind(update(&dynamo, &[("ConditionExpression", "attribute_exists(PK)")])),
        "ConditionalCheckFailedException"
    );
}
