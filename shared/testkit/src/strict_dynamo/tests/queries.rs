use serde_json::{Value, json};

use super::super::StrictDynamo;
use super::{ask, create, key};

/// Items `a` to `e` of one partition; all but `e` in the index, `d` before `c`, and `x` elsewhere.
fn lab() -> StrictDynamo {
    let dynamo = StrictDynamo::new();
    create(&dynamo);
    for (sort, place) in [("a", Some("-1")), ("b", Some("2")), ("c", Some("10")), ("d", Some("9.5")), ("e", None)] {
        put(&dynamo, sort, place);
    }
    let mut other = key("x");
    other["PK"] = json!({ "S": "p2" });
    ask(&dynamo, "PutItem", json!({ "Item": other })).unwrap();
    dynamo
}

fn put(dynamo: &StrictDynamo, sort: &str, place: Option<&str>) {
    let mut item = key(sort);
    if let Some(place) = place {
        item["G1PK"] = json!({ "S": "g" });
        item["G1SK"] = json!({ "N": place });
    }
    ask(dynamo, "PutItem", json!({ "Item": item })).unwrap();
}

fn query(condition: &str, more: Value) -> Value {
    let known = json!({
        ":p": { "S": "p" }, ":g": { "S": "g" }, ":b": { "S": "b" }, ":d": { "S": "d" }, ":two": { "N": "2" },
        ":ten": { "N": "10" }, ":empty": { "S": "" },
    });
    let used = known.as_object().unwrap().iter().filter(|(name, _)| {
        condition.split(|letter: char| letter != ':' && !letter.is_alphanumeric()).any(|word| word == *name)
    });
    let values: serde_json::Map<_, _> = used.map(|(name, value)| (name.clone(), value.clone())).collect();
    let mut request = json!({ "KeyConditionExpression": condition, "ExpressionAttributeValues": values });
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

fn sorts(page: &Value) -> String {
    page["Items"].as_array().unwrap().iter().map(|item| item["SK"]["S"].as_str().unwrap()).collect()
}

/// The sort keys of what is found.
#[track_caller]
fn check(condition: &str, more: Value, expected: &str) {
    let page = ask(&lab(), "Query", query(condition, more)).unwrap();
    assert_eq!(sorts(&page), expected, "{condition}");
    assert_eq!(page["Count"], expected.len(), "{condition}");
}

#[test]
fn a_partition_is_found_in_order() {
    check("PK = :p", json!({}), "abcde");
    check("PK = :p", json!({ "ScanIndexForward": false, "ConsistentRead": true }), "edcba");
    check("PK = :p AND SK < :d", json!({}), "abc");
    check("SK >= :b AND PK = :p", json!({}), "bcde");
    check("(PK = :p) AND (SK BETWEEN :b AND :d)", json!({}), "bcd");
    check("PK = :p AND begins_with(SK, :b)", json!({}), "b");
    check("PK = :g", json!({}), "");
}

#[test]
fn the_index_is_ordered_by_number() {
    let index = || json!({ "IndexName": "G1-index" });
    check("G1PK = :g", index(), "abdc");
    check("G1PK = :g", json!({ "IndexName": "G1-index", "ScanIndexForward": false }), "cdba");
    check("G1PK = :g AND G1SK < :ten", index(), "abd");
    check("G1PK = :g AND G1SK BETWEEN :two AND :ten", index(), "bdc");
    check("G1PK = :p", index(), "");
}

#[test]
fn items_are_counted() {
    let counted = ask(&lab(), "Query", query("PK = :p", json!({ "Select": "COUNT" }))).unwrap();
    assert_eq!(counted, json!({ "Count": 5, "ScannedCount": 5 }));
}

/// The pages that a query comes in, `limit` items each.
fn pages(dynamo: &StrictDynamo, condition: &str, more: Value) -> Vec<String> {
    let (mut pages, mut request) = (Vec::new(), query(condition, more));
    loop {
        let page = ask(dynamo, "Query", request.clone()).unwrap();
        pages.push(sorts(&page));
        let Some(last) = page.get("LastEvaluatedKey") else { return pages };
        request["ExclusiveStartKey"] = last.clone();
    }
}

#[test]
fn pages_go_on_where_the_last_one_ended() {
    assert_eq!(pages(&lab(), "PK = :p", json!({ "Limit": 2 })), ["ab", "cd", "e"]);
    assert_eq!(pages(&lab(), "PK = :p", json!({ "Limit": 5 })), ["abcde", ""], "the service does not look ahead");
    let back = json!({ "IndexName": "G1-index", "Limit": 3, "ScanIndexForward": false });
    assert_eq!(pages(&lab(), "G1PK = :g", back), ["cdb", "a"]);
}

#[test]
fn a_scan_looks_at_everything_and_keeps_some() {
    let dynamo = lab();
    let mut request = json!({
        "FilterExpression": "SK > :b AND attribute_exists(G1PK)", "ExpressionAttributeValues": { ":b": { "S": "b" } },
        "Limit": 4, "ConsistentRead": true,
    });
    let first = ask(&dynamo, "Scan", request.clone()).unwrap();
    assert_eq!((sorts(&first).as_str(), &first["Count"], &first["ScannedCount"]), ("cd", &json!(2), &json!(4)));
    request["ExclusiveStartKey"] = first["LastEvaluatedKey"].clone();
    let last = ask(&dynamo, "Scan", request).unwrap();
    assert_eq!((sorts(&last).as_str(), &last["ScannedCount"], last.get("LastEvaluatedKey")), ("", &json!(2), None));
    assert_eq!(sorts(&ask(&dynamo, "Scan", json!({})).unwrap()), "abcdex");
}

#[test]
fn a_page_holds_a_megabyte() {
    let dynamo = lab();
    for sort in ["f", "g", "h", "i"] {
        let mut item = key(sort);
        item["big"] = json!({ "S": "x".repeat(390_000) });
        ask(&dynamo, "PutItem", json!({ "Item": item })).unwrap();
    }
    assert_eq!(pages(&dynamo, "PK = :p", json!({})), ["abcdefgh", "i"]);
}

#[test]
fn a_held_index_does_not_follow() {
    let dynamo = lab();
    let index = || query("G1PK = :g", json!({ "IndexName": "G1-index" }));
    dynamo.hold_index(true);
    put(&dynamo, "b", None);
    put(&dynamo, "e", Some("0"));
    let held = ask(&dynamo, "Query", index()).unwrap();
    assert_eq!(sorts(&held), "abdc");
    assert_eq!(held["Items"][1]["G1SK"], json!({ "N": "2" }), "items are shown as they were");
    assert_eq!(ask(&dynamo, "GetItem", json!({ "Key": key("b") })).unwrap()["Item"].get("G1PK"), None);
    dynamo.hold_index(false);
    assert_eq!(sorts(&ask(&dynamo, "Query", index()).unwrap()), "aedc");
}

#[track_caller]
fn check_refused(request: Value, words: &str) {
    let (kind, body) = ask(&lab(), "Query", request.clone()).expect_err(&request.to_string());
    assert_eq!(kind, "ValidationException", "{request}: {body}");
    assert!(body["message"].as_str().unwrap().contains(words), "{request}: {body}");
}

#[test]
fn what_is_no_query() {
    check_refused(query("SK = :b", json!({})), "missed key schema element: PK");
    check_refused(query("PK > :b", json!({})), "missed key schema element: PK");
    check_refused(query("PK = :two", json!({})), "does not match schema type");
    check_refused(query("PK = :empty", json!({})), "empty string");
    check_refused(query("PK = :p AND SK = :two", json!({})), "does not match schema type");
    check_refused(query("PK = :p AND SK <> :b", json!({})), "Invalid operator");
    check_refused(query("PK = :p AND contains(SK, :b)", json!({})), "Invalid operator");
    check_refused(query("PK = :p AND NOT SK = :b", json!({})), "Invalid operator");
    check_refused(query("PK = :p OR SK = :b", json!({})), "missed key schema element");
    check_refused(query("PK = :p AND G1PK = :b", json!({})), "missed key schema element: SK");
    check_refused(query("PK = :p AND SK BETWEEN :d AND :b", json!({})), "upper bound");
    let index = json!({ "IndexName": "G1-index" });
    check_refused(query("PK = :p", index.clone()), "missed key schema element: G1PK");
    check_refused(query("G1PK = :g AND begins_with(G1SK, :two)", index), "Invalid operator");
    check_refused(query("PK = :p", json!({ "IndexName": "other" })), "does not have the specified index");
    check_refused(query("G1PK = :g", json!({ "IndexName": "G1-index", "ConsistentRead": true })), "Consistent reads");
    check_refused(query("PK = :p", json!({ "Limit": 0 })), "limit");
    check_refused(query("PK = :p", json!({ "FilterExpression": "SK = :b" })), "unknown field");
    check_refused(query("PK = :p", json!({ "ExclusiveStartKey": { "PK": { "S": "p" } } })), "starting key is invalid");
    let elsewhere = json!({ "ExclusiveStartKey": { "PK": { "S": "q" }, "SK": { "S": "b" } } });
    check_refused(query("PK = :p", elsewhere), "outside query boundaries");
}
