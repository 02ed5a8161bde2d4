//! Knowledge that paid answers became, on DynamoDB.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use farthing_domain::ids::{AgentId, EntryId};
use farthing_domain::knowledge::{EntryState, LearnedEntry};
use farthing_domain::ports::{LearnedKnowledge, StateChange, StoreError};

use crate::conditional::{Updated, is_condition_failed, send_update};
use crate::item::{Item, Malformed, PK, SK, get_text, item, key, text};
use crate::retry::{BoxError, repeated};
use crate::table::Table;

/// An entry's state, which alone of it ever changes.
const STATE: &str = "st";
/// The entry as it was proposed.
const ENTRY: &str = "entry";
/// How many entries are read at once: the largest ones are less than the megabyte of a reply.
const PAGE: i32 = 50;

/// The entries that paid answers proposed, in a [`Table`]: an item for each, together for each agent.
#[derive(Clone, Debug)]
pub struct DynamoLearned {
    table: Table,
}

impl DynamoLearned {
    /// The entries in `table`.
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    async fn put_if_new(&self, entry: &LearnedEntry) -> Result<(), BoxError> {
        let mut written = key_of(&entry.agent, &entry.id);
        written.extend(item([(STATE, text(entry.state.as_str())), (ENTRY, text(serde_json::to_string(entry)?))]));
        let put = self.table.client().put_item().table_name(self.table.name()).set_item(Some(written));
        let put = put.condition_expression("attribute_not_exists(PK)");
        match repeated(&self.table, || put.clone().send()).await {
            // Our own earlier try may have written it, or another run; either is the entry with that id.
            Err(error) if !is_condition_failed(&error) => Err(error),
            _ => Ok(()),
        }
    }

    async fn read_all(&self, agent: &AgentId) -> Result<Vec<LearnedEntry>, BoxError> {
        let (mut entries, mut from) = (Vec::new(), None);
        loop {
            let query = self.table.client().query().table_name(self.table.name());
            let query = query
                .key_condition_expression("#pk = :pk")
                .expression_attribute_names("#pk", PK)
                .expression_attribute_values(":pk", text(partition(agent)))
                .consistent_read(true)
                .limit(PAGE)
                .set_exclusive_start_key(from);
            let page = repeated(&self.table, || query.clone().send()).await?;
            entries.extend(page.items.unwrap_or_default().iter().filter_map(|found| read_or_tell(agent, found)));
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(entries);
            }
        }
    }

    async fn change(
        &self,
        agent: &AgentId,
        id: &EntryId,
        from: EntryState,
        to: EntryState,
    ) -> Result<StateChange, BoxError> {
        let update = self
            .table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(key_of(agent, id)))
            .update_expression("SET #st = :to")
            .condition_expression("#st = :from")
            .expression_attribute_names("#st", STATE)
            .expression_attribute_values(":from", text(from.as_str()))
            .expression_attribute_values(":to", text(to.as_str()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        Ok(match send_update(&self.table, update).await? {
            Updated::Yes => StateChange::Done,
            Updated::No(None) => StateChange::Unknown,
            // Our own earlier try may have changed it.
            Updated::No(Some(there)) => match state_of(&there)? {
                state if state == to => StateChange::Done,
                state => StateChange::Otherwise(state),
            },
        })
    }
}

#[async_trait]
impl LearnedKnowledge for DynamoLearned {
    async fn propose(&self, entry: &LearnedEntry) -> Result<(), StoreError> {
        self.put_if_new(entry).await.map_err(store_error)
    }

    async fn entries(&self, agent: &AgentId) -> Result<Vec<LearnedEntry>, StoreError> {
        self.read_all(agent).await.map_err(store_error)
    }

    async fn set_state(
        &self,
        agent: &AgentId,
        id: &EntryId,
        from: EntryState,
        to: EntryState,
    ) -> Result<StateChange, StoreError> {
        self.change(agent, id, from, to).await.map_err(store_error)
    }
}

fn store_error(cause: BoxError) -> StoreError {
    StoreError { store: "learned knowledge", cause }
}

fn partition(agent: &AgentId) -> String {
    format!("KNOW#{agent}")
}

fn key_of(agent: &AgentId, id: &EntryId) -> Item {
    key(&partition(agent), id.as_str())
}

/// The entry of an item; of one that cannot be read nothing but its id is told.
fn read_or_tell(agent: &AgentId, found: &Item) -> Option<LearnedEntry> {
    let id = get_text(found, SK).ok().and_then(|id| EntryId::parse(id).ok());
    let entry = id.as_ref().ok_or(Malformed(SK)).and_then(|id| read(agent, id, found));
    entry
        .inspect_err(|error| {
            let id = id.as_ref().map_or("?", EntryId::as_str);
            tracing::warn!(%agent, learned.id = %id, error = error as &dyn std::error::Error, "the learned entry `{id}` is left out");
        })
        .ok()
}

fn read(agent: &AgentId, id: &EntryId, found: &Item) -> Result<LearnedEntry, Malformed> {
    let entry: LearnedEntry = serde_json::from_str(get_text(found, ENTRY)?).map_err(|_| Malformed(ENTRY))?;
    let entry = LearnedEntry { state: state_of(found)?, ..entry }.validated().map_err(|_| Malformed(ENTRY))?;
    if &entry.agent == agent && &entry.id == id { Ok(entry) } else { Err(Malformed(ENTRY)) }
}

fn state_of(found: &Item) -> Result<EntryState, Malformed> {
    EntryState::parse(get_text(found, STATE)?).ok_or(Malformed(STATE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_of_another_shape_is_left_out() {
        let agent = AgentId::parse("rprd").unwrap();
        let id = EntryId::parse("how-is-it").unwrap();
        let written = serde_json::json!({
            "id": "how-is-it", "agent": "rprd", "question": "How is it?", "also": [], "answer": "It is free.",
            "sources": [], "questions": 9, "savesUsdAMonth": 0.5, "week": "2026-W48", "topic": "0000803f7f",
            "state": "proposed",
        });
        let found = |entry: &serde_json::Value, state: &str| {
            let mut found = key_of(&agent, &id);
            found.extend(item([(STATE, text(state)), (ENTRY, text(entry.to_string()))]));
            read_or_tell(&agent, &found)
        };
        let entry = found(&written, "withdrawn").unwrap();
        assert_eq!((entry.state, entry.passage().as_str()), (EntryState::Withdrawn, "learned#how-is-it"));
        assert!(found(&written, "gone").is_none());
        for (name, value) in [
            ("id", "another"),
            ("agent", "bank"),
            ("question", " "),
            ("answer", ""),
            ("topic", "zz"),
            ("week", "2026"),
            ("more", "what is not known"),
        ] {
            let mut other = written.clone();
            other[name] = value.into();
            assert!(found(&other, "accepted").is_none(), "{name}");
        }
        assert!(read_or_tell(&agent, &key_of(&agent, &id)).is_none());
    }
}
