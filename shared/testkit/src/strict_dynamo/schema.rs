//! The one table that is modelled, as the deployment template makes it.

use serde_json::{Value, json};

use super::refusal::{Refusal, invalid};
use super::table::index::{G1PK, G1SK, INDEX};
use super::table::key::{PK, SK};
use super::table::{TTL, Table};
use super::wire::{CreateTable, KeyElement, TimeToLive};

/// Makes the table.
pub(super) fn create(request: CreateTable, table: &mut Option<Table>) -> Result<Vec<u8>, Refusal> {
    if table.as_ref().is_some_and(|table| table.name == request.table_name) {
        return Err(Refusal::TableExists);
    }
    if table.is_some() {
        return Err(invalid("There is one table here, and it has another name"));
    }
    if !is_modelled(&request) {
        return Err(invalid(
            "The table must be on demand, with the keys PK and SK and the index G1-index on G1PK and the number G1SK",
        ));
    }
    let made = table.insert(Table::new(request.table_name));
    Ok(json!({ "TableDescription": description(made) }).to_string().into_bytes())
}

fn is_modelled(request: &CreateTable) -> bool {
    let keys = |schema: &[KeyElement]| -> Vec<(String, String)> {
        schema.iter().map(|key| (key.attribute_name.clone(), key.key_type.clone())).collect()
    };
    let schema =
        |hash: &str, range: &str| [(hash, "HASH"), (range, "RANGE")].map(|(name, kind)| (name.into(), kind.into()));
    let mut attributes: Vec<_> = request
        .attribute_definitions
        .iter()
        .map(|attribute| (attribute.attribute_name.as_str(), attribute.attribute_type.as_str()))
        .collect();
    attributes.sort_unstable();
    let [index] = request.global_secondary_indexes.as_slice() else { return false };
    request.billing_mode == "PAY_PER_REQUEST"
        && attributes == [(G1PK, "S"), (G1SK, "N"), (PK, "S"), (SK, "S")]
        && keys(&request.key_schema) == schema(PK, SK)
        && index.index_name == INDEX
        && keys(&index.key_schema) == schema(G1PK, G1SK)
        && index.projection.projection_type == "ALL"
}

/// Says what the table is.
pub(super) fn describe(table: &Table) -> Vec<u8> {
    json!({ "Table": description(table) }).to_string().into_bytes()
}

fn description(table: &Table) -> Value {
    let keys = |hash: &str, range: &str| json!([{ "AttributeName": hash, "KeyType": "HASH" }, { "AttributeName": range, "KeyType": "RANGE" }]);
    let attribute = |name: &str, kind: &str| json!({ "AttributeName": name, "AttributeType": kind });
    json!({
        "TableName": table.name,
        "TableStatus": "ACTIVE",
        "ItemCount": table.items.len(),
        "AttributeDefinitions": [attribute(PK, "S"), attribute(SK, "S"), attribute(G1PK, "S"), attribute(G1SK, "N")],
        "KeySchema": keys(PK, SK),
        "GlobalSecondaryIndexes": [{
            "IndexName": INDEX,
            "IndexStatus": "ACTIVE",
            "KeySchema": keys(G1PK, G1SK),
            "Projection": { "ProjectionType": "ALL" },
        }],
    })
}

/// Has items forgotten by their time to live, which is always so here.
pub(super) fn update_ttl(specification: &TimeToLive) -> Result<Vec<u8>, Refusal> {
    if specification.attribute_name != TTL || !specification.enabled {
        return Err(invalid("TimeToLive must be enabled, and by the attribute `ttl`"));
    }
    Ok(json!({ "TimeToLiveSpecification": { "AttributeName": TTL, "Enabled": true } }).to_string().into_bytes())
}
