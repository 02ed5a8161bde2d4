//! Secrets in AWS Secrets Manager.

use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::Builder;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use farthing_domain::ports::{SecretSource, SecretText, SecretUnavailable};

use crate::retry::BoxError;

/// How long one try may take.
const TRY_LIMIT: Duration = Duration::from_secs(1);
/// How often it is tried.
const MOST_TRIES: u32 = 2;
/// How long all of it may take: a call waits for its key no longer than two seconds, and has to hear
/// before then that there is no new one.
const LIMIT: Duration = Duration::from_millis(1_800);

/// A text in AWS Secrets Manager: its current version, read anew each time.
#[derive(Clone, Debug)]
pub struct SecretsManagerSecret {
    client: Client,
    name: String,
}

impl SecretsManagerSecret {
    /// The secret with this name or ARN, of the account and region in `sdk`.
    #[must_use]
    pub fn in_aws(sdk: &SdkConfig, name: &str) -> Self {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(TRY_LIMIT).operation_timeout(LIMIT).build();
        let retries = RetryConfig::standard().with_max_attempts(MOST_TRIES);
        let config = Builder::from(sdk).timeout_config(timeouts).retry_config(retries).build();
        Self::new(Client::from_conf(config), name)
    }

    /// The secret with this name or ARN, reached by `client`.
    #[must_use]
    pub fn new(client: Client, name: &str) -> Self {
        Self { client, name: name.to_owned() }
    }

    async fn read(&self) -> Result<SecretText, BoxError> {
        let found = self.client.get_secret_value().secret_id(&self.name).send().await?;
        let text = found.secret_string().ok_or("it holds bytes and no text")?;
        Ok(SecretText::new(text))
    }
}

#[async_trait]
impl SecretSource for SecretsManagerSecret {
    async fn current(&self) -> Result<SecretText, SecretUnavailable> {
        self.read().await.map_err(|cause| SecretUnavailable { secret: self.name.clone(), cause })
    }
}
