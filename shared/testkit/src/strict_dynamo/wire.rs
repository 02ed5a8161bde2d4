//! Requests as they come over the wire.
//!
//! What is not written here is not known, and refused.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::evaluation::scope::{Names, Values};
use super::pairs::Text;
use super::refusal::{Refusal, invalid};
use super::value::Item;

/// Reads a request.
pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        let is_json = serde_json::from_slice::<IgnoredAny>(body).is_ok();
        if is_json { invalid(error.to_string()) } else { Refusal::Unreadable(error.to_string()) }
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetItem<'a> {
    #[serde(borrow)]
    pub(super) table_name: Text<'a>,
    pub(super) key: Item,
    /// Every read is current here.
    #[serde(rename = "ConsistentRead", default)]
    pub(super) _is_consistent: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct BatchGetItem {
    pub(super) request_items: BTreeMap<String, KeysAndAttributes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct KeysAndAttributes {
    pub(super) keys: Vec<Item>,
    /// Every read is current here.
    #[serde(rename = "ConsistentRead", default)]
    pub(super) _is_consistent: bool,
}

/// A write, by itself or in a transaction. Which members it has depends on its kind.
#[derive(Hash, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct WriteRequest<'a> {
    #[serde(borrow)]
    pub(super) table_name: Text<'a>,
    pub(super) item: Option<Item>,
    pub(super) key: Option<Item>,
    #[serde(borrow)]
    pub(super) update_expression: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) condition_expression: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) expression_attribute_names: Option<Names<'a>>,
    #[serde(borrow)]
    pub(super) expression_attribute_values: Option<Values<'a>>,
    #[serde(default)]
    pub(super) return_values: Returned,
    #[serde(default)]
    pub(super) return_values_on_condition_check_failure: Returned,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Returned {
    #[default]
    None,
    AllOld,
    AllNew,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TransactWriteItems<'a> {
    #[serde(borrow)]
    pub(super) transact_items: Vec<TransactWriteItem<'a>>,
    pub(super) client_request_token: Option<String>,
}

#[derive(Hash, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TransactWriteItem<'a> {
    #[serde(borrow)]
    pub(super) put: Option<Box<WriteRequest<'a>>>,
    #[serde(borrow)]
    pub(super) update: Option<Box<WriteRequest<'a>>>,
    #[serde(borrow)]
    pub(super) delete: Option<Box<WriteRequest<'a>>>,
    #[serde(borrow)]
    pub(super) condition_check: Option<Box<WriteRequest<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Query<'a> {
    #[serde(borrow)]
    pub(super) table_name: Text<'a>,
    pub(super) index_name: Option<String>,
    #[serde(borrow)]
    pub(super) key_condition_expression: Text<'a>,
    #[serde(borrow)]
    pub(super) expression_attribute_names: Option<Names<'a>>,
    #[serde(borrow)]
    pub(super) expression_attribute_values: Option<Values<'a>>,
    pub(super) exclusive_start_key: Option<Item>,
    pub(super) limit: Option<usize>,
    #[serde(default = "forward")]
    pub(super) scan_index_forward: bool,
    #[serde(default)]
    pub(super) consistent_read: bool,
    #[serde(default)]
    pub(super) select: Select,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Scan<'a> {
    #[serde(borrow)]
    pub(super) table_name: Text<'a>,
    #[serde(borrow)]
    pub(super) filter_expression: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) expression_attribute_names: Option<Names<'a>>,
    #[serde(borrow)]
    pub(super) expression_attribute_values: Option<Values<'a>>,
    pub(super) exclusive_start_key: Option<Item>,
    pub(super) limit: Option<usize>,
    /// Every read is current here.
    #[serde(rename = "ConsistentRead", default)]
    pub(super) _is_consistent: bool,
}

const fn forward() -> bool {
    true
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Select {
    /// The index has them all.
    #[default]
    #[serde(alias = "ALL_PROJECTED_ATTRIBUTES")]
    AllAttributes,
    Count,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeTable {
    pub(super) table_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UpdateTimeToLive {
    pub(super) table_name: String,
    pub(super) time_to_live_specification: TimeToLive,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TimeToLive {
    pub(super) attribute_name: String,
    pub(super) enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateTable {
    pub(super) table_name: String,
    pub(super) billing_mode: String,
    pub(super) attribute_definitions: Vec<Attribute>,
    pub(super) key_schema: Vec<KeyElement>,
    pub(super) global_secondary_indexes: Vec<SecondaryIndex>,
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Attribute {
    pub(super) attribute_name: String,
    pub(super) attribute_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct KeyElement {
    pub(super) attribute_name: String,
    pub(super) key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SecondaryIndex {
    pub(super) index_name: String,
    pub(super) key_schema: Vec<KeyElement>,
    pub(super) projection: Projection,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Projection {
    pub(super) projection_type: String,
}
