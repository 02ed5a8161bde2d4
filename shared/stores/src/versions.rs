//! The versions of the policy, on DynamoDB.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use farthing_domain::ports::{ActivationRefused, PolicyVersions, StoreError};
use farthing_domain::versions::{PolicyVersion, Standing};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::item::{Item, Malformed, PK, SK, get_text, item, key, number, text};
use crate::retry::{BoxError, NotDone, fresh_token, repeated, transact};
use crate::table::Table;

const PARTITION: &str = "POLICY#tuning";
const STANDING: &str = "STANDING";
/// What the sort keys of versions begin with.
const VERSION: &str = "V#";
/// The attribute with the document.
const DOCUMENT: &str = "doc";

/// The versions of the policy, in a [`Table`].
#[derive(Clone, Debug)]
pub struct DynamoVersions {
    table: Table,
}

impl DynamoVersions {
    /// The versions in `table`.
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    async fn read_standing(&self) -> Result<Option<Standing>, BoxError> {
        let item = self.table.get(&key(PARTITION, STANDING), true).await?;
        Ok(item.as_ref().map(document).transpose()?)
    }

    async fn replace(&self, next: &Standing) -> Result<bool, BoxError> {
        let Some(predecessor) = next.revision.checked_sub(1) else { return Ok(false) };
        let named = [next.active.as_ref(), next.canary.as_ref().map(|canary| &canary.version)];
        let mut writes = vec![self.put_standing(next, predecessor)?];
        for version in named.into_iter().flatten() {
            writes.push(self.put_version(version)?);
        }
        match transact(&self.table, &fresh_token(), &writes).await {
            Ok(()) => Ok(true),
            // Our own earlier try may have been done.
            Err(NotDone::Conditions(_)) => Ok(self.read_standing().await?.as_ref() == Some(next)),
            Err(NotDone::Unclear(cause)) => match self.read_standing().await? {
                Some(found) if &found == next => Ok(true),
                _ => Err(cause),
            },
            Err(NotDone::Refused(cause)) => Err(cause),
        }
    }

    fn put_standing(&self, next: &Standing, predecessor: u64) -> Result<TransactWriteItem, BoxError> {
        let mut row = key(PARTITION, STANDING);
        row.extend(item([("ver", number(i64::try_from(next.revision)?)), (DOCUMENT, text(json(next)?))]));
        let put = Put::builder().table_name(self.table.name()).set_item(Some(row));
        let put = match predecessor {
            0 => put.condition_expression("attribute_not_exists(PK)"),
            _ => put
                .condition_expression("#ver = :predecessor")
                .expression_attribute_names("#ver", "ver")
                .expression_attribute_values(":predecessor", number(i64::try_from(predecessor)?)),
        };
        Ok(TransactWriteItem::builder().put(put.build()?).build())
    }

    /// A version is written once; what is there must be the same.
    fn put_version(&self, version: &PolicyVersion) -> Result<TransactWriteItem, BoxError> {
        let document = text(json(version)?);
        let mut row = key(PARTITION, &format!("{VERSION}{:010}", version.number));
        row.extend(item([(DOCUMENT, document.clone())]));
        let put = Put::builder()
            .table_name(self.table.name())
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(PK) OR #doc = :doc")
            .expression_attribute_names("#doc", DOCUMENT)
            .expression_attribute_values(":doc", document);
        Ok(TransactWriteItem::builder().put(put.build()?).build())
    }

    async fn read_history(&self) -> Result<Vec<PolicyVersion>, BoxError> {
        let query = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :v)")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", text(PARTITION))
            .expression_attribute_values(":v", text(VERSION));
        let (mut versions, mut after) = (Vec::new(), None);
        loop {
            let query = query.clone().set_exclusive_start_key(after);
            let found = repeated(&self.table, || query.clone().send()).await?;
            for row in found.items() {
                versions.push(document(row)?);
            }
            after = found.last_evaluated_key;
            if after.is_none() {
                return Ok(versions);
            }
        }
    }
}

#[async_trait]
impl PolicyVersions for DynamoVersions {
    async fn standing(&self) -> Result<Option<Standing>, StoreError> {
        self.read_standing().await.map_err(store_error)
    }

    async fn stand(&self, next: &Standing) -> Result<(), ActivationRefused> {
        if self.replace(next).await.map_err(store_error)? { Ok(()) } else { Err(ActivationRefused::Conflict) }
    }

    async fn history(&self) -> Result<Vec<PolicyVersion>, StoreError> {
        self.read_history().await.map_err(store_error)
    }
}

fn store_error(cause: BoxError) -> StoreError {
    StoreError { store: "policy", cause }
}

fn json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string(value)
}

fn document<T: DeserializeOwned>(item: &Item) -> Result<T, Malformed> {
    serde_json::from_str(get_text(item, DOCUMENT)?).map_err(|_| Malformed(DOCUMENT))
}
