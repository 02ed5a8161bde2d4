//! Which release is in use, on DynamoDB.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use farthing_domain::ports::{ActivationRefused, ActiveRelease, Releases, StoreError};
use farthing_domain::release::Release;
use farthing_domain::time::Timestamp;

use crate::conditional::is_condition_failed;
use crate::item::{Item, Malformed, TTL, get_number, get_text, item, key, number, text};
use crate::retry::{BoxError, repeated};
use crate::table::Table;

/// How long a note is kept when it holds no more.
const NOTE_KEPT: Duration = Duration::from_secs(24 * 3_600);

/// The pointer to the release in use, in a [`Table`].
#[derive(Clone, Debug)]
pub struct DynamoReleases {
    table: Table,
}

impl DynamoReleases {
    /// The pointer in `table`.
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    async fn read_active(&self) -> Result<Option<ActiveRelease>, BoxError> {
        let item = self.table.get(&pointer_key(), true).await?;
        Ok(item.as_ref().map(read).transpose()?)
    }

    /// Writes the pointer where its predecessor is; `false` when another is there.
    async fn replace(&self, next: &ActiveRelease) -> Result<bool, BoxError> {
        let Some(predecessor) = next.revision.checked_sub(1) else { return Ok(false) };
        let put = self.table.client().put_item().table_name(self.table.name()).set_item(Some(write(next)?));
        let put = match predecessor {
            0 => put.condition_expression("attribute_not_exists(PK)"),
            _ => put
                .condition_expression("#ver = :predecessor")
                .expression_attribute_names("#ver", "ver")
                .expression_attribute_values(":predecessor", whole(predecessor)),
        };
        match repeated(&self.table, || put.clone().send()).await {
            Ok(_) => Ok(true),
            // Our own earlier try may have been done.
            Err(error) if is_condition_failed(&error) => Ok(self.read_active().await?.as_ref() == Some(next)),
            Err(error) => Err(error),
        }
    }

    async fn write_note(&self, until: Timestamp) -> Result<(), BoxError> {
        let mut note = note_key();
        note.extend(item([("until", number(until.millis())), (TTL, number(until.plus(NOTE_KEPT).millis() / 1_000))]));
        let put = self.table.client().put_item().table_name(self.table.name()).set_item(Some(note));
        repeated(&self.table, || put.clone().send()).await?;
        Ok(())
    }

    async fn read_note(&self) -> Result<Option<Timestamp>, BoxError> {
        let Some(note) = self.table.get(&note_key(), true).await? else { return Ok(None) };
        Ok(Some(Timestamp::from_millis(get_number(&note, "until")?)))
    }
}

#[async_trait]
impl Releases for DynamoReleases {
    async fn active(&self) -> Result<Option<ActiveRelease>, StoreError> {
        self.read_active().await.map_err(store_error)
    }

    async fn activate(&self, next: &ActiveRelease) -> Result<(), ActivationRefused> {
        if self.replace(next).await.map_err(store_error)? { Ok(()) } else { Err(ActivationRefused::Conflict) }
    }

    async fn note_unloaded(&self, until: Timestamp) -> Result<(), StoreError> {
        self.write_note(until).await.map_err(store_error)
    }

    async fn unloaded_until(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read_note().await.map_err(store_error)
    }
}

fn store_error(cause: BoxError) -> StoreError {
    StoreError { store: "release", cause }
}

fn pointer_key() -> Item {
    key("MODEL#release", "ACTIVE")
}

/// Apart from the pointer, so that who may write the one may not write the other.
fn note_key() -> Item {
    key("HEALTH#models", "UNLOADED")
}

fn whole(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn write(active: &ActiveRelease) -> Result<Item, serde_json::Error> {
    let ActiveRelease { release, previous, revision, since } = active;
    let mut written = pointer_key();
    written.extend(item([
        ("id", text(release.id())),
        ("release", text(serde_json::to_string(release)?)),
        ("ver", whole(*revision)),
        ("since", number(since.millis())),
    ]));
    if let Some(previous) = previous {
        written.insert("prev".to_owned(), text(serde_json::to_string(previous)?));
    }
    Ok(written)
}

fn read(item: &Item) -> Result<ActiveRelease, Malformed> {
    Ok(ActiveRelease {
        release: read_release(item, "release")?,
        previous: item.contains_key("prev").then(|| read_release(item, "prev")).transpose()?,
        revision: get_number(item, "ver")?,
        since: Timestamp::from_millis(get_number(item, "since")?),
    })
}

fn read_release(item: &Item, name: &'static str) -> Result<Release, Malformed> {
    let release: Release = serde_json::from_str(get_text(item, name)?).map_err(|_| Malformed(name))?;
    release.validated().map_err(|_| Malformed(name))
}
