//! The answer cache on DynamoDB, with an index of meanings in this process.

mod index;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::cache::CachedAnswer;
use farthing_domain::ids::AgentId;
use farthing_domain::ports::{AnswerCache, CacheLookup, StoreError};
use farthing_domain::time::Timestamp;
use tokio::sync::RwLock;

use self::index::{Entry, Index};
use crate::item::{
    G1PK, G1SK, INDEX, Item, Malformed, TTL, bytes, fraction, get_bytes, get_number, get_text, item, key, number, text,
};
use crate::retry::{BoxError, repeated};
use crate::table::Table;

/// How many similar answers are found at most.
const MOST_SIMILAR: usize = 8;
/// How far back each refresh looks again: writers' clocks differ, and the index of the table lags.
const OVERLAP: Duration = Duration::from_secs(60);

/// The answer cache, in a [`Table`].
///
/// Exact keys are read from the table. For the search by meaning this process holds the newest
/// answers of each agent that it was asked for, and reads what other processes added since when it
/// has not looked for a while.
#[derive(Debug)]
pub struct DynamoAnswerCache {
    table: Table,
    refresh_every: Duration,
    agents: Mutex<HashMap<AgentId, Arc<RwLock<Index>>>>,
}

impl DynamoAnswerCache {
    /// How long the index of meanings goes without what other processes add, unless told otherwise.
    pub const REFRESH_EVERY: Duration = Duration::from_secs(30);

    /// The cache in `table`, which looks for what other processes added when it last did so longer
    /// than `refresh_every` ago.
    #[must_use]
    pub fn new(table: Table, refresh_every: Duration) -> Self {
        Self { table, refresh_every, agents: Mutex::default() }
    }

    fn index(&self, agent: &AgentId) -> Arc<RwLock<Index>> {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(agents.entry(agent.clone()).or_default())
    }

    async fn exact(&self, agent: &AgentId, exact: &str, now: Timestamp) -> Result<Option<CachedAnswer>, BoxError> {
        let Some(item) = self.table.get(&cache_key(agent, exact), false).await? else { return Ok(None) };
        let entry = read(&item)?;
        Ok(entry.is_live(now).then_some(entry.answer))
    }

    async fn similar(&self, lookup: CacheLookup<'_>, to: &[f32]) -> Result<Vec<(f32, CachedAnswer)>, BoxError> {
        let index = self.index(lookup.agent);
        if index.read().await.is_stale(lookup.now, self.refresh_every) {
            let mut index = index.write().await;
            // Another request may have refreshed it while this one waited.
            if index.is_stale(lookup.now, self.refresh_every) {
                self.refresh(lookup.agent, &mut index, lookup.now).await?;
            }
        }
        Ok(index.read().await.nearest(to, lookup.min_similarity, lookup.now, MOST_SIMILAR))
    }

    /// Reads the newest entries, or those since the last time.
    async fn refresh(&self, agent: &AgentId, index: &mut Index, now: Timestamp) -> Result<(), BoxError> {
        let since = index.last_refresh().map_or(0, |last| last.minus(OVERLAP).millis());
        let (mut found, mut from) = (Vec::new(), None);
        loop {
            let query = self.table.client().query().table_name(self.table.name()).index_name(INDEX);
            let query = query
                .key_condition_expression("#pk = :pk AND #sk >= :since")
                .expression_attribute_names("#pk", G1PK)
                .expression_attribute_names("#sk", G1SK)
                .expression_attribute_values(":pk", text(cache_index(agent)))
                .expression_attribute_values(":since", number(since))
                .scan_index_forward(false)
                .set_exclusive_start_key(from);
            let page = repeated(&self.table, || query.clone().send()).await?;
            found.extend(page.items.unwrap_or_default());
            from = page.last_evaluated_key;
            if from.is_none() || found.len() >= Index::MOST_ENTRIES {
                break;
            }
        }
        found.truncate(Index::MOST_ENTRIES);
        for item in &found {
            index.add(read(item)?);
        }
        index.refreshed(now);
        Ok(())
    }

    async fn put(&self, agent: &AgentId, answer: &CachedAnswer, expires: Timestamp) -> Result<(), BoxError> {
        let entry = Entry { answer: answer.clone(), expires };
        let put = self.table.client().put_item().table_name(self.table.name());
        let put = put.set_item(Some(write(agent, &entry)?));
        repeated(&self.table, || put.clone().send()).await?;
        if !entry.answer.embedding.is_empty() {
            self.index(agent).write().await.add(entry);
        }
        Ok(())
    }
}

#[async_trait]
impl AnswerCache for DynamoAnswerCache {
    async fn look_up(
        &self,
        lookup: CacheLookup<'_>,
    ) -> Result<(Option<CachedAnswer>, Vec<(f32, CachedAnswer)>), StoreError> {
        let exact = self.exact(lookup.agent, lookup.key, lookup.now).await.map_err(store_error)?;
        let similar = match lookup.embedding {
            Some(to) => self.similar(lookup, to).await.map_err(store_error)?,
            None => Vec::new(),
        };
        Ok((exact, similar))
    }

    async fn keep(&self, agent: &AgentId, answer: &CachedAnswer, expires: Timestamp) -> Result<(), StoreError> {
        self.put(agent, answer, expires).await.map_err(store_error)
    }
}

fn store_error(cause: BoxError) -> StoreError {
    StoreError { store: "cache", cause }
}

fn cache_key(agent: &AgentId, exact: &str) -> Item {
    key(&format!("CACHE#{agent}#{exact}"), "V1")
}

fn cache_index(agent: &AgentId) -> String {
    format!("CACHE#{agent}")
}

fn write(agent: &AgentId, entry: &Entry) -> Result<Item, BoxError> {
    let CachedAnswer { key, query, embedding, answer, model, score, tokens, created } = &entry.answer;
    let whole = |tokens: u64| aws_sdk_dynamodb::types::AttributeValue::N(tokens.to_string());
    let mut written = cache_key(agent, key);
    written.extend(item([
        ("key", text(key)),
        ("answer", text(answer)),
        ("model", text(model)),
        ("score", fraction(*score).ok_or("the score is no number")?),
        ("tokens_in", whole(tokens.0)),
        ("tokens_out", whole(tokens.1)),
        ("created_ms", number(created.millis())),
        ("expires_ms", number(entry.expires.millis())),
        (TTL, number(entry.expires.seconds())),
    ]));
    if let Some(query) = query {
        written.insert("query".to_owned(), text(query));
    }
    if !embedding.is_empty() {
        let packed: Vec<u8> = embedding.iter().flat_map(|value| value.to_le_bytes()).collect();
        written.insert("embedding".to_owned(), bytes(packed));
        written.insert(G1PK.to_owned(), text(cache_index(agent)));
        written.insert(G1SK.to_owned(), number(created.millis()));
    }
    Ok(written)
}

fn read(item: &Item) -> Result<Entry, Malformed> {
    let embedding = match item.contains_key("embedding") {
        true => get_bytes(item, "embedding")?.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect(),
        false => Vec::new(),
    };
    let answer = CachedAnswer {
        key: get_text(item, "key")?.to_owned(),
        query: get_text(item, "query").ok().map(str::to_owned),
        embedding,
        answer: get_text(item, "answer")?.to_owned(),
        model: get_text(item, "model")?.to_owned(),
        score: get_number(item, "score")?,
        tokens: (get_number(item, "tokens_in")?, get_number(item, "tokens_out")?),
        created: Timestamp::from_millis(get_number(item, "created_ms")?),
    };
    Ok(Entry { answer, expires: Timestamp::from_millis(get_number(item, "expires_ms")?) })
}
