//! Callers' keys, on DynamoDB.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use farthing_domain::auth::{ApiKey, ApiKeyId, KeyDigest, KeyName, Scope, StoredKey};
use farthing_domain::ids::Tenant;
use farthing_domain::ports::{ApiKeys, StoreError};
use farthing_domain::time::Timestamp;

use crate::conditional::{Updated, send_update};
use crate::item::{Item, Malformed, PK, SK, bytes, get_bytes, get_number, get_text, item, key, number, text};
use crate::retry::{BoxError, repeated};
use crate::table::Table;

/// What the partition key of a key's item begins with; the id follows.
const PREFIX: &str = "KEY#";
/// The sort key of a key's item.
const META: &str = "META";

/// The callers' keys, in a [`Table`].
#[derive(Clone, Debug)]
pub struct DynamoApiKeys {
    table: Table,
}

impl DynamoApiKeys {
    /// The keys in `table`.
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    async fn read_one(&self, id: &ApiKeyId) -> Result<Option<StoredKey>, BoxError> {
        // What was revoked a moment ago must not be let in.
        let found = self.table.get(&key_of(id), true).await?;
        Ok(found.as_ref().map(read).transpose()?)
    }

    async fn write_if_new(&self, stored: &StoredKey) -> Result<bool, BoxError> {
        let written = write(stored);
        let mut update = self.update(&stored.key.id).condition_expression("attribute_not_exists(PK)");
        let mut sets = Vec::new();
        for (at, (name, value)) in written.clone().into_iter().enumerate() {
            sets.push(format!("#a{at} = :a{at}"));
            update = update
                .expression_attribute_names(format!("#a{at}"), name)
                .expression_attribute_values(format!(":a{at}"), value);
        }
        update = update
            .update_expression(format!("SET {}", sets.join(", ")))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match send_update(&self.table, update).await? {
            Updated::Yes => Ok(true),
            Updated::No(None) => Err("a key was refused without its item".into()),
            // Our own earlier try may have written it.
            Updated::No(Some(there)) => {
                let there = read(&there)?;
                Ok(there.key == stored.key && there.digest.bytes() == stored.digest.bytes())
            }
        }
    }

    /// Reads the whole table: keys are few, and listing them is rarer than an index of them is dear.
    async fn scan(&self) -> Result<Vec<ApiKey>, BoxError> {
        let (mut keys, mut from) = (Vec::new(), None);
        loop {
            let scan = self.table.client().scan().table_name(self.table.name());
            let scan = scan
                .filter_expression("begins_with(#pk, :key) AND #sk = :meta")
                .expression_attribute_names("#pk", PK)
                .expression_attribute_names("#sk", SK)
                .expression_attribute_values(":key", text(PREFIX))
                .expression_attribute_values(":meta", text(META))
                .consistent_read(true)
                .set_exclusive_start_key(from);
            let page = repeated(&self.table, || scan.clone().send()).await?;
            for found in page.items.unwrap_or_default() {
                keys.push(read(&found)?.key);
            }
            from = page.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        keys.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
        Ok(keys)
    }

    async fn mark_revoked(&self, id: &ApiKeyId, now: Timestamp) -> Result<bool, BoxError> {
        let update = self
            .update(id)
            .update_expression("SET #revoked = if_not_exists(#revoked, :now)")
            .condition_expression("attribute_exists(PK)")
            .expression_attribute_names("#revoked", "revoked_ms")
            .expression_attribute_values(":now", number(now.millis()));
        Ok(matches!(send_update(&self.table, update).await?, Updated::Yes))
    }

    fn update(&self, id: &ApiKeyId) -> UpdateItemFluentBuilder {
        self.table.client().update_item().table_name(self.table.name()).set_key(Some(key_of(id)))
    }
}

#[async_trait]
impl ApiKeys for DynamoApiKeys {
    async fn get(&self, id: &ApiKeyId) -> Result<Option<StoredKey>, StoreError> {
        self.read_one(id).await.map_err(store_error)
    }

    async fn add(&self, key: &StoredKey) -> Result<bool, StoreError> {
        self.write_if_new(key).await.map_err(store_error)
    }

    async fn list(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.scan().await.map_err(store_error)
    }

    async fn revoke(&self, id: &ApiKeyId, now: Timestamp) -> Result<bool, StoreError> {
        self.mark_revoked(id, now).await.map_err(store_error)
    }
}

fn store_error(cause: BoxError) -> StoreError {
    StoreError { store: "key", cause }
}

fn key_of(id: &ApiKeyId) -> Item {
    key(&format!("{PREFIX}{id}"), META)
}

/// The attributes of a key besides those that name its item.
fn write(stored: &StoredKey) -> Item {
    let ApiKey { id: _, tenant, scopes, name, created, expires, revoked } = &stored.key;
    let mut written = item([
        ("digest", bytes(*stored.digest.bytes())),
        ("tenant", text(tenant.as_str())),
        ("scopes", AttributeValue::Ss(scopes.iter().map(|scope| scope.as_str().to_owned()).collect())),
        ("name", text(name.as_str())),
        ("created_ms", number(created.millis())),
    ]);
    let optional = [("expires_ms", expires), ("revoked_ms", revoked)];
    written.extend(optional.into_iter().filter_map(|(name, at)| Some((name.to_owned(), number((*at)?.millis())))));
    written
}

fn read(item: &Item) -> Result<StoredKey, Malformed> {
    let id = get_text(item, PK)?.strip_prefix(PREFIX).and_then(|id| ApiKeyId::parse(id).ok()).ok_or(Malformed(PK))?;
    let digest = get_bytes(item, "digest")?.try_into().map_err(|_| Malformed("digest"))?;
    let key = ApiKey {
        id,
        tenant: Tenant::parse(get_text(item, "tenant")?).map_err(|_| Malformed("tenant"))?,
        scopes: read_scopes(item).ok_or(Malformed("scopes"))?,
        name: KeyName::parse(get_text(item, "name")?).map_err(|_| Malformed("name"))?,
        created: Timestamp::from_millis(get_number(item, "created_ms")?),
        expires: read_optional_time(item, "expires_ms")?,
        revoked: read_optional_time(item, "revoked_ms")?,
    };
    Ok(StoredKey { key, digest: KeyDigest::new(digest) })
}

fn read_scopes(item: &Item) -> Option<BTreeSet<Scope>> {
    let scopes = item.get("scopes")?.as_ss().ok()?;
    scopes.iter().map(|scope| Scope::parse(scope).ok()).collect()
}

/// A time that may be missing; one that is there and is none is an error, not a key without end.
fn read_optional_time(item: &Item, name: &'static str) -> Result<Option<Timestamp>, Malformed> {
    match item.get(name) {
        None => Ok(None),
        Some(_) => get_number(item, name).map(|millis| Some(Timestamp::from_millis(millis))),
    }
}
