//! What the service does and refuses, as requests and answers.

mod conditions;
mod queries;
mod refusals;
mod transactions;
mod updates;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use serde_json::{Value, json};

use super::StrictDynamo;

/// A table with one item, `{PK: p, SK: s}` and these attributes.
fn with_item(attributes: &Value) -> StrictDynamo {
    let dynamo = StrictDynamo::new();
    create(&dynamo);
    let mut item = json!({ "PK": { "S": "p" }, "SK": { "S": "s" } });
    item.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
    ask(&dynamo, "PutItem", json!({ "Item": item })).unwrap();
    dynamo
}

fn create(dynamo: &StrictDynamo) {
    let keys = |hash: &str, range: &str| json!([{ "AttributeName": hash, "KeyType": "HASH" }, { "AttributeName": range, "KeyType": "RANGE" }]);
    let attributes = [("PK", "S"), ("SK", "S"), ("G1PK", "S"), ("G1SK", "N")];
    let attributes = attributes.map(|(name, kind)| json!({ "AttributeName": name, "AttributeType": kind }));
    let index = json!({
        "IndexName": "G1-index",
        "KeySchema": keys("G1PK", "G1SK"),
        "Projection": { "ProjectionType": "ALL" },
    });
    let table = json!({
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attributes,
        "KeySchema": keys("PK", "SK"),
        "GlobalSecondaryIndexes": [index],
    });
    ask(dynamo, "CreateTable", table).unwrap();
}

/// The answer to a request about the table; or the kind of error, and the whole body that says so.
fn ask(dynamo: &StrictDynamo, operation: &str, mut request: Value) -> Result<Value, (String, Value)> {
    if operation != "TransactWriteItems" && operation != "BatchGetItem" && request.get("TableName").is_none() {
        request["TableName"] = json!("t");
    }
    let (status, body) = dynamo.answer(operation, request.to_string().as_bytes());
    let body: Value = serde_json::from_slice(&body).unwrap();
    match status {
        200 => Ok(body),
        _ => {
            let kind = body["__type"].as_str().unwrap().rsplit('#').next().unwrap().to_owned();
            Err((kind, body))
        }
    }
}

/// The item, without its key.
fn item(dynamo: &StrictDynamo) -> Value {
    let got = ask(dynamo, "GetItem", json!({ "Key": key("s") })).unwrap();
    let mut item = got["Item"].clone();
    if let Some(item) = item.as_object_mut() {
        item.remove("PK");
        item.remove("SK");
    }
    item
}

fn key(sort: &str) -> Value {
    json!({ "PK": { "S": "p" }, "SK": { "S": sort } })
}

/// Names for the words of the tests that are reserved.
fn names(expressions: &[&str]) -> Option<Value> {
    let known = [("#name", "name"), ("#a", "a"), ("#pk", "PK"), ("#map", "map")];
    let used = known.into_iter().filter(|(alias, _)| expressions.iter().any(|text| text.contains(alias)));
    let names: serde_json::Map<_, _> = used.map(|(alias, name)| (alias.to_owned(), json!(name))).collect();
    (!names.is_empty()).then_some(Value::Object(names))
}

/// Those of the values that the expressions use, each a placeholder.
fn values(expressions: &[&str]) -> Option<Value> {
    let known = json!({
        ":one": { "N": "1" }, ":two": { "N": "2" }, ":ten": { "N": "10.0" }, ":half": { "N": "0.5" },
        ":text": { "S": "text" }, ":te": { "S": "te" }, ":S": { "S": "S" }, ":X": { "S": "X" },
        ":bytes": { "B": "AQI=" }, ":yes": { "BOOL": true }, ":null": { "NULL": true },
        ":list": { "L": [{ "N": "1" }] }, ":map": { "M": { "in": { "N": "1" } } },
        ":set": { "SS": ["b", "a"] }, ":ab": { "SS": ["a"] }, ":numbers": { "NS": ["1"] }, ":empty": { "S": "" },
        ":most": { "N": "99999999999999999999999999999999999999" }, ":big": { "S": "x".repeat(410_000) },
    });
    let is_used = |name: &str| {
        expressions
            .iter()
            .flat_map(|text| text.split(|letter: char| letter != ':' && !letter.is_alphanumeric()))
            .any(|word| word == name)
    };
    let used: serde_json::Map<_, _> = known
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| is_used(name))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    (!used.is_empty()).then_some(Value::Object(used))
}

/// The members of a request with these expressions.
fn with_expressions(mut request: Value, members: &[(&str, &str)]) -> Value {
    let texts: Vec<_> = members.iter().map(|(_, text)| *text).collect();
    for (member, text) in members {
        request[*member] = json!(text);
    }
    if let Some(names) = names(&texts) {
        request["ExpressionAttributeNames"] = names;
    }
    if let Some(values) = values(&texts) {
        request["ExpressionAttributeValues"] = values;
    }
    request
}

/// What becomes of an update with this expression and condition.
fn update(dynamo: &StrictDynamo, members: &[(&str, &str)]) -> Result<Value, (String, Value)> {
    ask(dynamo, "UpdateItem", with_expressions(json!({ "Key": key("s") }), members))
}

#[test]
fn a_response_says_when_it_was_sent() {
    let response = |dynamo: &StrictDynamo| {
        let mut request = HttpRequest::new(r#"{"TableName":"t"}"#.into());
        request.headers_mut().insert("x-amz-target", "DynamoDB_20120810.DescribeTable");
        let response = dynamo.respond(&request);
        assert_eq!(response.headers().get("content-type"), Some("application/x-amz-json-1.0"));
        (response.status().as_u16(), response.headers().get("date").map(str::to_owned))
    };
    let with_time = StrictDynamo::with_clock(|| 784_111_777_999);
    assert_eq!(response(&with_time), (400, Some("Sun, 06 Nov 1994 08:49:37 GMT".to_owned())));
    create(&with_time);
    assert_eq!(response(&with_time).0, 200);
    assert_eq!(response(&StrictDynamo::new()), (400, None));
}
