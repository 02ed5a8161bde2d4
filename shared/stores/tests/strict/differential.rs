//! Random requests to the strict model and to embedded DynamoDB.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use crate::both::{Both, Compared};

const TABLE: &str = "farthing";

/// The answers that are compared, each once in a run at least, on average.
const KINDS: [&str; 4] =
    ["done", "ValidationException", "ConditionalCheckFailedException", "TransactionCanceledException"];

/// Updates as the stores write them.
const STORE_UPDATES: [&str; 9] = [
    "SET #ow = :t, #lease = :n, #st = :u, #env = if_not_exists(#env, :k), #hash = if_not_exists(#hash, :b)",
    "SET #avail = #avail - :n, #reserved = #reserved + :n",
    "SET #env = #env - :n",
    "SET #reserved = #reserved - :n, #settled = #settled + :k, #avail = #avail + :z, #unknown = #unknown + :n",
    "SET #settled = #settled - :n, #avail = #avail + :n",
    "SET #st = :u, #rec = :k, #ttl = :n, #usage = :m REMOVE #gpk, #gsk",
    "SET #gpk = :t, #gsk = :n",
    "SET #st = :t",
    "ADD #avail :n, #reserved :k, #settled :n",
];

/// Conditions as the stores write them.
const STORE_CONDITIONS: [&str; 9] = [
    "attribute_not_exists(PK)",
    "attribute_exists(PK) AND #pv <> :t",
    "attribute_not_exists(PK) OR #pv = :t",
    "attribute_not_exists(PK) OR (#st = :u AND #hash = :b AND (#ow = :t OR #lease < :n))",
    "#st = :u AND #avail >= :n AND #pv = :t",
    "#st = :u AND #ow = :t AND #env >= :n",
    "#st = :u AND #amt = :n AND #month = :t AND #expires < :k",
    "#reserved >= :n",
    "#cap = :n AND #floor = :k",
];

const NAMES: [(&str, &str); 24] = [
    ("#ow", "ow"),
    ("#lease", "lease_ms"),
    ("#st", "st"),
    ("#env", "env"),
    ("#hash", "payload_hash"),
    ("#avail", "avail"),
    ("#reserved", "reserved"),
    ("#settled", "settled"),
    ("#unknown", "unknown"),
    ("#rec", "rec"),
    ("#ttl", "ttl"),
    ("#usage", "usage"),
    ("#gpk", "G1PK"),
    ("#gsk", "G1SK"),
    ("#pv", "price_ver"),
    ("#amt", "amt"),
    ("#month", "month"),
    ("#expires", "expires_ms"),
    ("#cap", "cap"),
    ("#floor", "floor"),
    ("#n", "avail"),
    ("#t", "st"),
    ("#in", "in"),
    ("#pk", "PK"),
];

fn values() -> Value {
    json!({
        ":n": { "N": "1" }, ":k": { "N": "2.50" }, ":z": { "N": "-1" }, ":t": { "S": "tex" }, ":u": { "S": "text" },
        ":b": { "B": "AQI=" }, ":y": { "BOOL": true }, ":0": { "NULL": true }, ":e": { "S": "" },
        ":l": { "L": [{ "N": "1" }, { "S": "tex" }] }, ":m": { "M": { "in": { "N": "1" }, "out": { "S": "x" } } },
        ":ss": { "SS": ["tex", "a"] }, ":ns": { "NS": ["1", "3"] }, ":bs": { "BS": ["AQI="] }, ":ty": { "S": "N" },
        ":g": { "S": "g" }, ":p": { "S": "p" }, ":q": { "S": "a" }, ":r": { "S": "b" },
    })
}

/// A path: to attributes of all types, to one that is a map and what is in it, to nothing.
fn path() -> impl Strategy<Value = String> {
    let known = [
        "avail",
        "reserved",
        "#n",
        "st",
        "#t",
        "ow",
        "#usage",
        "#usage.#in",
        "#usage.out",
        "payload_hash",
        "flag",
        "tags",
        "numbers",
        "things",
        "things[0]",
        "things[9]",
        "absent",
        "absent.x",
        "G1PK",
        "G1SK",
        "#ttl",
        "nil",
    ];
    select(known.to_vec()).prop_map(str::to_owned)
}

/// A path that is written: not to an element of a list.
fn target() -> impl Strategy<Value = String> {
    path().prop_filter("elements of lists are not written", |path| !path.contains('['))
}

fn value() -> impl Strategy<Value = String> {
    let usual = select(vec![":n", ":k", ":z", ":t", ":u", ":b", ":m"]);
    let any = select(vec![":y", ":0", ":e", ":l", ":ss", ":ns", ":bs", ":n", ":t"]);
    prop_oneof![4 => usual, 1 => any].prop_map(str::to_owned)
}

fn operand() -> impl Strategy<Value = String> {
    prop_oneof![5 => path(), 3 => value(), 1 => path().prop_map(|path| format!("size({path})"))]
}

fn condition() -> impl Strategy<Value = String> {
    let comparator = select(vec!["=", "<>", "<", "<=", ">", ">="]);
    let simple = prop_oneof![
        4 => (operand(), comparator, operand()).prop_map(|(one, sign, other)| format!("{one} {sign} {other}")),
        1 => (operand(), value(), value()).prop_map(|(one, least, most)| format!("{one} BETWEEN {least} AND {most}")),
        1 => (operand(), vec(value(), 1..4)).prop_map(|(one, all)| format!("{one} IN ({})", all.join(", "))),
        1 => path().prop_map(|path| format!("attribute_exists({path})")),
        1 => path().prop_map(|path| format!("attribute_not_exists({path})")),
        1 => path().prop_map(|path| format!("attribute_type({path}, :ty)")),
        1 => (path(), value()).prop_map(|(path, value)| format!("begins_with({path}, {value})")),
        1 => (path(), operand()).prop_map(|(path, part)| format!("contains({path}, {part})")),
    ];
    let any = simple.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("{one} AND {other}")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("{one} OR {other}")),
            inner.clone().prop_map(|inner| format!("NOT {inner}")),
            inner.prop_map(|inner| format!("({inner})")),
        ]
    });
    prop_oneof![2 => any, 1 => select(STORE_CONDITIONS.to_vec()).prop_map(str::to_owned)]
}

fn term() -> impl Strategy<Value = String> {
    let simple = prop_oneof![2 => path(), 3 => value()];
    prop_oneof![
        4 => simple,
        1 => (path(), value()).prop_map(|(path, value)| format!("if_not_exists({path}, {value})")),
        1 => (path(), select(vec![":l", "things"])).prop_map(|(path, value)| format!("list_append({path}, {value})")),
    ]
}

fn update() -> impl Strategy<Value = String> {
    let set = prop_oneof![
        3 => (target(), term()).prop_map(|(path, term)| format!("{path} = {term}")),
        2 => (target(), term(), select(vec!["+", "-"]), term()).prop_map(|(to, a, sign, b)| format!("{to} = {a} {sign} {b}")),
    ];
    let set = vec(set, 1..3).prop_map(|sets| format!("SET {}", sets.join(", ")));
    let remove = vec(target(), 1..3).prop_map(|paths| format!("REMOVE {}", paths.join(", ")));
    let add = (target(), select(vec![":n", ":k", ":ss", ":ns", ":t"]))
        .prop_map(|(path, value)| format!("ADD {path} {value}"));
    let delete =
        (target(), select(vec![":ss", ":ns", ":n"])).prop_map(|(path, value)| format!("DELETE {path} {value}"));
    let clause = prop_oneof![4 => set, 1 => remove, 1 => add, 1 => delete];
    prop_oneof![
        2 => vec(clause, 1..3).prop_map(|clauses| clauses.join(" ")),
        2 => select(STORE_UPDATES.to_vec()).prop_map(str::to_owned),
    ]
}

fn sort() -> impl Strategy<Value = &'static str> {
    select(vec!["a", "b", "c", "d"])
}

/// An item with some attributes of each type.
fn item() -> impl Strategy<Value = Value> {
    let known = json!({
        "avail": { "N": "10" }, "reserved": { "N": "1" }, "settled": { "N": "2.5" }, "unknown": { "N": "0" },
        "env": { "N": "1" }, "amt": { "N": "1" }, "st": { "S": "text" }, "ow": { "S": "tex" }, "payload_hash": { "B": "AQI=" },
        "price_ver": { "S": "tex" }, "flag": { "BOOL": true }, "nil": { "NULL": true }, "tags": { "SS": ["a", "tex"] },
        "numbers": { "NS": ["1", "2.5"] }, "things": { "L": [{ "N": "1" }, { "S": "tex" }] }, "lease_ms": { "N": "0" },
        "usage": { "M": { "in": { "N": "1" }, "out": { "S": "tex" } } }, "month": { "S": "tex" }, "expires_ms": { "N": "1" },
    });
    let names: Vec<String> = known.as_object().unwrap().keys().cloned().collect();
    let some = proptest::sample::subsequence(names.clone(), 0..=names.len());
    let place = proptest::option::weighted(0.5, (select(vec!["g", "h"]), select(vec!["1", "2.5", "-3", "10"])));
    (sort(), some, place).prop_map(move |(sort, some, place)| {
        let mut item: Map<String, Value> = some.into_iter().map(|name| (name.clone(), known[&name].clone())).collect();
        item.insert("PK".to_owned(), json!({ "S": "p" }));
        item.insert("SK".to_owned(), json!({ "S": sort }));
        if let Some((partition, place)) = place {
            item.insert("G1PK".to_owned(), json!({ "S": partition }));
            item.insert("G1SK".to_owned(), json!({ "N": place }));
        }
        Value::Object(item)
    })
}

/// The request with its expressions, and the names and values that they use.
fn with(mut request: Value, members: &[(&str, Option<&String>)]) -> Value {
    let mut text = String::new();
    for (member, expression) in members {
        if let Some(expression) = expression {
            request[*member] = json!(expression);
            text.push_str(expression);
            text.push(' ');
        }
    }
    let words: Vec<&str> =
        text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != ':' && letter != '#').collect();
    let used = |name: &str| words.contains(&name);
    let names: Map<_, _> = NAMES
        .into_iter()
        .filter(|(alias, _)| used(alias))
        .map(|(alias, name)| (alias.to_owned(), json!(name)))
        .collect();
    let values: Map<_, _> = values().as_object().unwrap().clone().into_iter().filter(|(name, _)| used(name)).collect();
    if !names.is_empty() {
        request["ExpressionAttributeNames"] = Value::Object(names);
    }
    if !values.is_empty() {
        request["ExpressionAttributeValues"] = Value::Object(values);
    }
    request
}

fn key(sort: &str) -> Value {
    json!({ "PK": { "S": "p" }, "SK": { "S": sort } })
}

fn shows_item() -> impl Strategy<Value = &'static str> {
    select(vec!["NONE", "ALL_OLD"])
}

fn a_put() -> impl Strategy<Value = Value> {
    (item(), proptest::option::of(condition()), shows_item()).prop_map(|(item, condition, shown)| {
        let put = json!({ "TableName": TABLE, "Item": item, "ReturnValuesOnConditionCheckFailure": shown });
        with(put, &[("ConditionExpression", condition.as_ref())])
    })
}

fn an_update() -> impl Strategy<Value = Value> {
    (sort(), update(), proptest::option::of(condition()), shows_item()).prop_map(|(sort, update, condition, shown)| {
        let request = json!({ "TableName": TABLE, "Key": key(sort), "ReturnValuesOnConditionCheckFailure": shown });
        with(request, &[("UpdateExpression", Some(&update)), ("ConditionExpression", condition.as_ref())])
    })
}

fn a_check() -> impl Strategy<Value = Value> {
    (sort(), condition(), shows_item()).prop_map(|(sort, condition, shown)| {
        let request = json!({ "TableName": TABLE, "Key": key(sort), "ReturnValuesOnConditionCheckFailure": shown });
        with(request, &[("ConditionExpression", Some(&condition))])
    })
}

fn a_transaction() -> impl Strategy<Value = Value> {
    let write = prop_oneof![
        2 => a_put().prop_map(|put| json!({ "Put": put })),
        4 => an_update().prop_map(|update| json!({ "Update": update })),
        1 => a_check().prop_map(|check| json!({ "ConditionCheck": check })),
        1 => a_check().prop_map(|delete| json!({ "Delete": delete })),
    ];
    let token = proptest::option::weighted(0.3, select(vec!["one", "two"]));
    (vec(write, 1..4), token).prop_map(|(writes, token)| {
        let mut request = json!({ "TransactItems": writes });
        if let Some(token) = token {
            request["ClientRequestToken"] = json!(token);
        }
        request
    })
}

fn a_query() -> impl Strategy<Value = Value> {
    let conditions = vec![
        (false, "PK = :p"),
        (false, "PK = :p AND SK > :q"),
        (false, "PK = :p AND SK <= :r"),
        (false, "#pk = :p AND SK BETWEEN :q AND :r"),
        (false, "begins_with(SK, :q) AND PK = :p"),
        (false, "PK = :p AND SK <> :q"),
        (false, "SK = :q"),
        (true, "G1PK = :g"),
        (true, "#gpk = :g AND #gsk < :k"),
        (true, "G1PK = :g AND G1SK >= :n"),
        (true, "G1PK = :g AND G1SK BETWEEN :z AND :k"),
        (true, "G1PK = :g AND G1SK = :t"),
        (true, "PK = :p"),
    ];
    let limit = proptest::option::of(1..4);
    (select(conditions), any::<bool>(), limit, any::<bool>()).prop_map(
        |((is_index, condition), forward, limit, counts)| {
            let mut request = json!({ "TableName": TABLE, "ScanIndexForward": forward });
            if is_index {
                request["IndexName"] = json!("G1-index");
            }
            if let Some(limit) = limit {
                request["Limit"] = json!(limit);
            }
            if counts {
                request["Select"] = json!("COUNT");
            }
            with(request, &[("KeyConditionExpression", Some(&condition.to_owned()))])
        },
    )
}

fn a_request() -> impl Strategy<Value = (&'static str, Value)> {
    // Of an item that an update makes, embedded DynamoDB shows the key as old.
    let returned = select(vec!["NONE", "ALL_NEW"]);
    prop_oneof![
        3 => a_put().prop_map(|put| ("PutItem", put)),
        6 => (an_update(), returned).prop_map(|(mut update, returned)| {
            update["ReturnValues"] = json!(returned);
            ("UpdateItem", update)
        }),
        6 => a_transaction().prop_map(|request| ("TransactWriteItems", request)),
        1 => sort().prop_map(|sort| ("GetItem", json!({ "TableName": TABLE, "Key": key(sort) }))),
        2 => a_query().prop_map(|query| ("Query", query)),
        1 => condition().prop_map(|filter| {
            ("Scan", with(json!({ "TableName": TABLE }), &[("FilterExpression", Some(&filter))]))
        }),
        1 => proptest::sample::subsequence(vec!["a", "b", "c", "d", "e"], 1..5).prop_map(|sorts| {
            let keys: Vec<_> = sorts.into_iter().map(key).collect();
            ("BatchGetItem", json!({ "RequestItems": { TABLE: { "Keys": keys } } }))
        }),
    ]
}

/// Plays `runs` random sequences of requests on both.
pub(crate) fn agree_on_random_requests(runs: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: runs, failure_persistence: None, ..Config::default() });
    let compared = Compared::default();
    let outcome = runner.run(&vec(a_request(), 1..40), |requests| {
        runtime.block_on(async {
            let both = Both::counting(&compared);
            farthing_stores::Table::over(both.clone(), TABLE).create_if_missing().await.unwrap();
            for (operation, request) in requests {
                let answer = both.ask(operation, &request.to_string()).await;
                let page: Value = serde_json::from_slice(answer.body().bytes().unwrap()).unwrap();
                // A query goes on where its page ended.
                if let Some(last) = page.get("LastEvaluatedKey") {
                    let mut next = request.clone();
                    next["ExclusiveStartKey"] = last.clone();
                    both.ask(operation, &next.to_string()).await;
                }
            }
            both.compare_tables(TABLE).await;
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    let compared = compared.lock().unwrap();
    for kind in KINDS {
        assert!(compared.get(kind).is_some_and(|count| *count >= u64::from(runs)), "{kind} is rare: {compared:?}");
    }
}
