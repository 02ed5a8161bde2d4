//! The strict model and embedded DynamoDB, asked the same, and compared.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use farthing_embedded::EmbeddedDynamo;
use farthing_testkit::strict_dynamo::{Number, StrictDynamo};
use serde_json::{Value, json};

/// Where embedded DynamoDB takes what the service refuses: the operation, or all of them; words of
/// our refusal; and what is refused. Such a request is not sent to it, so that both tables stay the
/// same.
const LAXER: [(&str, &str, &str); 10] = [
    ("TransactWriteItems", "Incorrect operand type", "it looks at operands of transactions as it comes to them"),
    ("TransactWriteItems", "The BETWEEN operator requires", "the same"),
    ("Scan", "The BETWEEN operator requires", "it looks at bounds of filters as it comes to them"),
    ("TransactWriteItems", "This attribute is part of the key", "its transactions write keys"),
    ("", "operator or function: <", "nothing but texts, numbers and bytes has an order; it is false there"),
    ("", "operator or function: >", "the same"),
    ("", "operator or function: BETWEEN", "the same"),
    ("", "first operand must be distinct", "it looks at `contains` alone"),
    ("", "can only be used on top-level attributes", "it adds within maps, which the service's manual rules out"),
    ("", "Elements of lists", "the strict model does not write them"),
];

/// How many answers of each kind were compared: `done`, or the type of an error.
pub(crate) type Compared = Arc<Mutex<BTreeMap<String, u64>>>;

/// Sends every request to both, and panics where their answers differ.
#[derive(Clone, Debug)]
pub(crate) struct Both {
    pub(crate) strict: StrictDynamo,
    embedded: EmbeddedDynamo,
    compared: Compared,
    /// Requests come to both in the same order, also those that are made at once.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Both {
    pub(crate) fn new() -> Self {
        Self::counting(&Compared::default())
    }

    /// Adds to `compared` what it compares.
    pub(crate) fn counting(compared: &Compared) -> Self {
        let embedded = EmbeddedDynamo::in_memory().unwrap();
        Self { strict: StrictDynamo::new(), embedded, compared: Arc::clone(compared), turn: Arc::default() }
    }

    /// How many answers of this kind were compared.
    pub(crate) fn compared(&self, kind: &str) -> u64 {
        self.compared.lock().unwrap().get(kind).copied().unwrap_or_default()
    }

    /// Asks both, and gives the strict answer.
    pub(crate) async fn ask(&self, operation: &str, body: &str) -> HttpResponse {
        let _turn = self.turn.lock().await;
        let strict = self.strict.respond(&request(operation, body));
        let ours = read(&strict);
        let is_laxer =
            |message: &str| LAXER.iter().any(|(of, words, _)| operation.contains(of) && message.contains(words));
        if ours.1["message"].as_str().is_some_and(is_laxer) {
            return strict;
        }
        let theirs = read(&self.embedded.call(request(operation, body)).await.unwrap());
        let is_about_tables = operation.contains("Table") || operation.contains("TimeToLive");
        if is_about_tables {
            assert_eq!(ours.0, theirs.0, "{operation} {body}: {} and {}", ours.1, theirs.1);
        } else {
            let (mut ours, mut theirs) = (comparable(ours), comparable(theirs));
            if operation == "Scan" {
                [&mut ours, &mut theirs].into_iter().for_each(|(_, body)| sort_items(body));
            }
            assert_eq!(ours, theirs, "strict, and embedded, answer to {operation} {body}");
            let kind = ours.1["kind"].as_str().unwrap_or("done").to_owned();
            *self.compared.lock().unwrap().entry(kind).or_default() += 1;
        }
        strict
    }

    /// Compares the whole tables.
    pub(crate) async fn compare_tables(&self, table: &str) {
        let body = json!({ "TableName": table, "ConsistentRead": true }).to_string();
        let (_, mut scanned) = comparable(read(&self.embedded.call(request("Scan", &body)).await.unwrap()));
        let items: Vec<Value> =
            self.strict.read(|items| items.values().map(|item| serde_json::to_value(item).unwrap()).collect());
        let (_, mut ours) = comparable((200, json!({ "Items": items })));
        [&mut ours, &mut scanned].into_iter().for_each(sort_items);
        assert_eq!(ours["Items"], scanned["Items"], "the tables, strict and embedded");
    }
}

impl HttpClient for Both {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Both {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = std::str::from_utf8(request.body().bytes().unwrap()).unwrap().to_owned();
        HttpConnectorFuture::new(async move { Ok(this.ask(&operation, &body).await) })
    }
}

fn request(operation: &str, body: &str) -> HttpRequest {
    let mut request = HttpRequest::new(body.to_owned().into());
    request.headers_mut().insert("x-amz-target", format!("DynamoDB_20120810.{operation}"));
    request
}

fn read(response: &HttpResponse) -> (u16, Value) {
    let body = serde_json::from_slice(response.body().bytes().unwrap()).unwrap();
    (response.status().as_u16(), body)
}

/// The answer without what may differ: words of errors, the order of sets and of a batch, and how a
/// number is written.
fn comparable((status, mut body): (u16, Value)) -> (u16, Value) {
    if let Some(kind) = body.get("__type").and_then(Value::as_str) {
        let kind = kind.rsplit('#').next().unwrap_or_default().to_owned();
        let reasons = body.get_mut("CancellationReasons").map(Value::take).unwrap_or_default();
        let item = body.get_mut("Item").map(Value::take).unwrap_or_default();
        body = json!({ "kind": kind, "reasons": reasons, "item": item });
        for reason in body["reasons"].as_array_mut().into_iter().flatten() {
            reason.as_object_mut().unwrap().remove("Message");
        }
    }
    for of_table in body.get_mut("Responses").and_then(Value::as_object_mut).into_iter().flatten() {
        of_table.1.as_array_mut().unwrap().sort_by_key(Value::to_string);
    }
    normalize(&mut body);
    (status, body)
}

/// A scan promises no order.
fn sort_items(body: &mut Value) {
    let items = body.get_mut("Items").and_then(Value::as_array_mut);
    items.into_iter().for_each(|items| items.sort_by_key(|item| item["PK"].to_string() + &item["SK"].to_string()));
}

fn normalize(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (kind, value) in members {
                match (kind.as_str(), &mut *value) {
                    ("N", Value::String(number)) => *number = Number::parse(number).unwrap().to_string(),
                    ("SS" | "NS" | "BS", Value::Array(set)) => set.sort_by_key(Value::to_string),
                    _ => normalize(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(normalize),
        _ => {}
    }
}
