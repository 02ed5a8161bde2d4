//! The one table.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, HttpClient, Region, StalledStreamProtectionConfig};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, KeysAndAttributes, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};
use farthing_domain::ports::StoreError;

use crate::item::{G1PK, G1SK, INDEX, Item, PK, SK, TTL};
use crate::retry::{BoxError, repeated};
use crate::server_clock::ServerClock;

/// How long one call to DynamoDB may take.
const CALL_LIMIT: Duration = Duration::from_secs(2);

/// How many items one call may ask for.
const MOST_AT_ONCE: usize = 100;
/// How often the rest of such a call is asked for.
const MOST_ROUNDS: usize = 20;

/// A DynamoDB table with the keys `PK` and `SK`, the index `G1-index` (on `G1PK` and the number `G1SK`) and the time to live `ttl`.
///
/// Cloning is cheap; all clones share one client. The client does not retry: the stores do, where
/// it is safe.
#[derive(Clone, Debug)]
pub struct Table {
    client: Client,
    name: Arc<str>,
    server_clock: ServerClock,
    jitter: Jitter,
}

/// Gives a time between none and the one given.
#[derive(Clone)]
struct Jitter(Arc<dyn Fn(Duration) -> Duration + Send + Sync>);

impl std::fmt::Debug for Jitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jitter")
    }
}

impl Default for Jitter {
    fn default() -> Self {
        Self(Arc::new(|most| rand::random_range(Duration::ZERO..=most)))
    }
}

impl Table {
    /// The table `name` of the account and region in `sdk`.
    #[must_use]
    pub fn in_aws(sdk: &SdkConfig, name: &str) -> Self {
        Self::with(Builder::from(sdk), name)
    }

    /// The table `name` of whatever answers to `http`: an embedded database, or a client that
    /// wraps it and loses some requests.
    #[must_use]
    pub fn over(http: impl HttpClient + 'static, name: &str) -> Self {
        let config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url("http://embedded.invalid")
            .allow_no_auth()
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .http_client(http);
        Self::with(config, name)
    }

    fn with(config: Builder, name: &str) -> Self {
        let server_clock = ServerClock::default();
        let timeouts = TimeoutConfig::builder().operation_timeout(CALL_LIMIT).build();
        let config =
            config.retry_config(RetryConfig::disabled()).timeout_config(timeouts).interceptor(server_clock.clone());
        Self { client: Client::from_conf(config.build()), name: name.into(), server_clock, jitter: Jitter::default() }
    }

    /// Has `jitter` choose the waits before calls are repeated, between none and the time it is
    /// given. Otherwise they are random.
    #[must_use]
    pub fn with_jitter(mut self, jitter: impl Fn(Duration) -> Duration + Send + Sync + 'static) -> Self {
        self.jitter = Jitter(Arc::new(jitter));
        self
    }

    /// Makes the table, where it is missing, as the deployment template would.
    ///
    /// # Errors
    /// [`StoreError`] when it is missing and cannot be made.
    pub async fn create_if_missing(&self) -> Result<(), StoreError> {
        self.create().await.map_err(|cause| StoreError { store: "table", cause })
    }

    async fn create(&self) -> Result<(), BoxError> {
        let attribute =
            |name: &str, kind| AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build();
        let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
        let index = GlobalSecondaryIndex::builder()
            .index_name(INDEX)
            .key_schema(key(G1PK, KeyType::Hash)?)
            .key_schema(key(G1SK, KeyType::Range)?)
            .projection(Projection::builder().projection_type(ProjectionType::All).build())
            .build()?;
        let created = self
            .client
            .create_table()
            .table_name(self.name())
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute(PK, ScalarAttributeType::S)?)
            .attribute_definitions(attribute(SK, ScalarAttributeType::S)?)
            .attribute_definitions(attribute(G1PK, ScalarAttributeType::S)?)
            .attribute_definitions(attribute(G1SK, ScalarAttributeType::N)?)
            .key_schema(key(PK, KeyType::Hash)?)
            .key_schema(key(SK, KeyType::Range)?)
            .global_secondary_indexes(index)
            .send()
            .await;
        match created {
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_in_use_exception()) => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => self.forget_by_ttl().await,
        }
    }

    async fn forget_by_ttl(&self) -> Result<(), BoxError> {
        let ttl = TimeToLiveSpecification::builder().attribute_name(TTL).enabled(true).build()?;
        self.client.update_time_to_live().table_name(self.name()).time_to_live_specification(ttl).send().await?;
        Ok(())
    }

    /// The item with this key, as it is after every write that was answered; or, when it need not
    /// be `current`, as it was a moment ago, for half the price.
    pub(crate) async fn get(&self, key: &Item, current: bool) -> Result<Option<Item>, BoxError> {
        let get = self.client.get_item().table_name(self.name()).set_key(Some(key.clone())).consistent_read(current);
        Ok(repeated(self, || get.clone().send()).await?.item)
    }

    /// Those of the items with these keys that there are, in no order.
    pub(crate) async fn get_many(&self, keys: Vec<Item>) -> Result<Vec<Item>, BoxError> {
        let mut found = Vec::new();
        for keys in keys.chunks(MOST_AT_ONCE) {
            let mut left = keys.to_vec();
            for _ in 0..MOST_ROUNDS {
                if left.is_empty() {
                    break;
                }
                let wanted = KeysAndAttributes::builder().set_keys(Some(left)).consistent_read(true).build()?;
                let get = self.client.batch_get_item().request_items(self.name(), wanted);
                let got = repeated(self, || get.clone().send()).await?;
                found.extend(got.responses.into_iter().flatten().flat_map(|(_, items)| items));
                left =
                    got.unprocessed_keys.into_iter().flatten().flat_map(|(_, unprocessed)| unprocessed.keys).collect();
            }
            if !left.is_empty() {
                return Err("the service left keys unread".into());
            }
        }
        Ok(found)
    }

    /// A wait between none and `most`.
    pub(crate) fn jitter(&self, most: Duration) -> Duration {
        (self.jitter.0)(most)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn server_clock(&self) -> &ServerClock {
        &self.server_clock
    }
}
