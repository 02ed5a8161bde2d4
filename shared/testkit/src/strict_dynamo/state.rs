//! Everything that the model holds, and the operations on it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::expressions::Expressions;
use super::query;
use super::refusal::{Refusal, invalid, json};
use super::scan;
use super::schema;
use super::table::Table;
use super::table::key::{self, Key};
use super::transaction::{self, Tokens};
use super::value::{Item, size_of};
use super::wire::{self, BatchGetItem, GetItem, Returned, WriteRequest};
use super::write::{Kind, Write};

/// How many items one `BatchGetItem` may ask for.
const MOST_KEYS: usize = 100;
/// How many bytes of items it answers with.
const MOST_BATCH_BYTES: usize = 16 * 1_024 * 1_024;

/// The model's memory.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) table: Option<Table>,
    pub(super) operations: u64,
    expressions: Expressions,
    tokens: Tokens,
}

impl State {
    /// Runs an operation; `now_ms` is the service's time, if it has one.
    pub(super) fn run(&mut self, operation: &str, body: &[u8], now_ms: Option<i64>) -> Result<Vec<u8>, Refusal> {
        self.operations += 1;
        match operation {
            "GetItem" => self.get_item(wire::read(body)?),
            "PutItem" => self.write(Kind::Put, wire::read(body)?),
            "UpdateItem" => self.write(Kind::Update, wire::read(body)?),
            "Query" => {
                let request: wire::Query<'_> = wire::read(body)?;
                let table = named(&mut self.table, request.table_name.as_ref())?;
                query::run(request, table, &mut self.expressions)
            }
            "Scan" => {
                let request: wire::Scan<'_> = wire::read(body)?;
                let table = named(&mut self.table, request.table_name.as_ref())?;
                scan::run(request, table, &mut self.expressions)
            }
            "BatchGetItem" => self.batch_get_item(wire::read(body)?),
            "TransactWriteItems" => {
                transaction::run(wire::read(body)?, &mut self.table, &mut self.expressions, &mut self.tokens, now_ms)
            }
            "CreateTable" => schema::create(wire::read(body)?, &mut self.table),
            "DescribeTable" => {
                let request: wire::DescribeTable = wire::read(body)?;
                Ok(schema::describe(named(&mut self.table, &request.table_name)?))
            }
            "UpdateTimeToLive" => {
                let request: wire::UpdateTimeToLive = wire::read(body)?;
                named(&mut self.table, &request.table_name)?;
                schema::update_ttl(&request.time_to_live_specification)
            }
            other => Err(invalid(format!("`{other}` is not modelled"))),
        }
    }

    fn get_item(&mut self, request: GetItem<'_>) -> Result<Vec<u8>, Refusal> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Reply<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            item: Option<&'a Item>,
        }
        let table = named(&mut self.table, request.table_name.as_ref())?;
        let key = key::named(request.key)?;
        Ok(json(&Reply { item: table.items.get(&key) }))
    }

    fn write(&mut self, kind: Kind, request: WriteRequest<'_>) -> Result<Vec<u8>, Refusal> {
        let returned = request.return_values;
        if (kind, returned) == (Kind::Put, Returned::AllNew) {
            return Err(invalid("ReturnValues can only be ALL_OLD or NONE"));
        }
        let table = named(&mut self.table, request.table_name.as_ref())?;
        let write = Write::new(kind, request, &mut self.expressions)?.map_err(Refusal::from)?;
        let changes = write.judge(&table.items).map_err(Refusal::from)?;
        let key = (returned != Returned::None).then(|| write.key.clone());
        let look = |table: &Table| key.as_ref().and_then(|key| table.items.get(key)).cloned();
        let old = if returned == Returned::AllOld { look(table) } else { None };
        write.apply(changes, table);
        let attributes = if returned == Returned::AllNew { look(table) } else { old };
        Ok(attributes.map_or_else(|| b"{}".to_vec(), |attributes| json(&Attributes { attributes })))
    }

    fn batch_get_item(&mut self, request: BatchGetItem) -> Result<Vec<u8>, Refusal> {
        let mut requests = request.request_items.into_iter();
        let (Some((name, wanted)), None) = (requests.next(), requests.next()) else {
            return Err(invalid("RequestItems must be about one table here"));
        };
        let table = named(&mut self.table, &name)?;
        if wanted.keys.is_empty() || wanted.keys.len() > MOST_KEYS {
            return Err(invalid("Member must have length less than or equal to 100, and greater than or equal to 1"));
        }
        let keys = wanted.keys.into_iter().map(key::named).collect::<Result<Vec<Key>, _>>()?;
        if keys.iter().collect::<BTreeSet<_>>().len() < keys.len() {
            return Err(invalid("Provided list of item keys contains duplicates"));
        }
        let (mut found, mut left, mut bytes) = (Vec::new(), Vec::new(), 0);
        for key in &keys {
            let Some(item) = table.items.get(key) else { continue };
            bytes += size_of(item);
            if bytes > MOST_BATCH_BYTES { left.push(key::item(key)) } else { found.push(item) }
        }
        Ok(json(&BatchReply::new(&name, found, left)))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    attributes: Item,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BatchReply<'a> {
    responses: std::collections::BTreeMap<&'a str, Vec<&'a Item>>,
    unprocessed_keys: std::collections::BTreeMap<&'a str, Keys>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Keys {
    keys: Vec<Item>,
}

impl<'a> BatchReply<'a> {
    fn new(name: &'a str, found: Vec<&'a Item>, left: Vec<Item>) -> Self {
        let unprocessed = (!left.is_empty()).then_some((name, Keys { keys: left }));
        Self { responses: [(name, found)].into(), unprocessed_keys: unprocessed.into_iter().collect() }
    }
}

/// The table, if it has this name.
pub(super) fn named<'a>(table: &'a mut Option<Table>, name: &str) -> Result<&'a mut Table, Refusal> {
    table.as_mut().filter(|table| table.name == name).ok_or(Refusal::NoTable)
}
