//! Which models are in use, on DynamoDB.

use async_trait::async_trait;
use farthing_domain::ids::ModelId;
use farthing_domain::ports::{ActivationRefused, ActiveModel, ActiveModels, StoreError};

use crate::conditional::is_condition_failed;
use crate::item::{Item, Malformed, get_number, get_text, item, key, text};
use crate::retry::{BoxError, repeated};
use crate::table::Table;

/// Which models are in use, in a [`Table`].
#[derive(Clone, Debug)]
pub struct DynamoActiveModels {
    table: Table,
}

impl DynamoActiveModels {
    /// The models in `table`.
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    async fn read_all(&self, ids: &[ModelId]) -> Result<Vec<ActiveModel>, BoxError> {
        let mut wanted: Vec<&ModelId> = ids.iter().collect();
        wanted.sort();
        wanted.dedup();
        let items = self.table.get_many(wanted.into_iter().map(model_key).collect()).await?;
        let mut active = items.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        active.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(active)
    }

    /// Writes the model where its predecessor is; `false` when another is there.
    async fn replace(&self, model: &ActiveModel) -> Result<bool, BoxError> {
        let Some(predecessor) = model.revision.checked_sub(1) else { return Ok(false) };
        let put = self.table.client().put_item().table_name(self.table.name()).set_item(Some(write(model)));
        let put = match predecessor {
            0 => put.condition_expression("attribute_not_exists(PK)"),
            _ => put
                .condition_expression("#ver = :predecessor")
                .expression_attribute_names("#ver", "ver")
                .expression_attribute_values(":predecessor", whole(predecessor)),
        };
        match repeated(&self.table, || put.clone().send()).await {
            Ok(_) => Ok(true),
            Err(error) if is_condition_failed(&error) => {
                // Our own earlier try may have been done.
                let there = self.table.get(&model_key(&model.id), true).await?;
                Ok(there.as_ref().map(read).transpose()?.as_ref() == Some(model))
            }
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl ActiveModels for DynamoActiveModels {
    async fn list(&self, ids: &[ModelId]) -> Result<Vec<ActiveModel>, StoreError> {
        self.read_all(ids).await.map_err(store_error)
    }

    async fn activate(&self, model: &ActiveModel) -> Result<(), ActivationRefused> {
        if self.replace(model).await.map_err(store_error)? { Ok(()) } else { Err(ActivationRefused::Conflict) }
    }
}

fn store_error(cause: BoxError) -> StoreError {
    StoreError { store: "active model", cause }
}

fn model_key(id: &ModelId) -> Item {
    key(&format!("MODEL#{id}"), "ACTIVE")
}

fn whole(value: u64) -> aws_sdk_dynamodb::types::AttributeValue {
    aws_sdk_dynamodb::types::AttributeValue::N(value.to_string())
}

fn write(model: &ActiveModel) -> Item {
    let ActiveModel { id, version, sha256, bytes, previous, revision } = model;
    let mut written = model_key(id);
    written.extend(item([
        ("key", text(id.as_str())),
        ("version", text(version)),
        ("sha256", text(sha256)),
        ("bytes", whole(*bytes)),
        ("ver", whole(*revision)),
    ]));
    if let Some(previous) = previous {
        written.insert("prev".to_owned(), text(previous));
    }
    written
}

fn read(item: &Item) -> Result<ActiveModel, Malformed> {
    Ok(ActiveModel {
        id: ModelId::parse(get_text(item, "key")?).map_err(|_| Malformed("key"))?,
        version: get_text(item, "version")?.to_owned(),
        sha256: get_text(item, "sha256")?.to_owned(),
        bytes: get_number(item, "bytes")?,
        previous: get_text(item, "prev").ok().map(str::to_owned),
        revision: get_number(item, "ver")?,
    })
}
