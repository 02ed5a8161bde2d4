//! All routes in one process: each call goes to the handler of the function that serves it.

use std::sync::Arc;
use std::time::Duration;

use farthing_api::{ApiError, Call, Reply};
use farthing_bootstrap::clock::SystemClock;
use farthing_bootstrap::config::Config;
use farthing_bootstrap::wiring::{self, Progress};
use farthing_domain::ids::Tenant;
use farthing_domain::ports::{Clock as _, Ids, Ledger};
use farthing_domain::time::Deadline;
use farthing_gateway::init::Init;
use farthing_gateway::status::Status;
use farthing_inference::Inference;

/// All functions of the bundle in one process.
pub(crate) struct LocalGateway {
    inference: Inference,
    status: Status,
    init: Init,
    ids: Arc<dyn Ids>,
    tenant: Tenant,
    time_limit: Duration,
    pub(crate) ledger: Arc<dyn Ledger>,
}

impl LocalGateway {
    /// Opens the stores, prepares and loads the models.
    pub(crate) async fn open(config: &Config, progress: Arc<dyn Progress>) -> anyhow::Result<Self> {
        let parts = wiring::bundle(config, progress).await?;
        Ok(Self {
            time_limit: Duration::from_millis(parts.inference.answering.policy().limits.request_ms),
            ids: Arc::clone(&parts.inference.ids),
            inference: Inference {
                answering: parts.inference.answering,
                defaults: parts.inference.defaults,
                ids: parts.inference.ids,
            },
            status: parts.status,
            init: parts.init,
            tenant: config.tenant.clone(),
            ledger: parts.stores.ledger,
        })
    }

    /// The reply to a call of any route, on behalf of `tenant`; of the configured one if that is not said.
    pub(crate) async fn handle(
        &self,
        tenant: Option<Tenant>,
        method: &str,
        path: &str,
        idempotency_key: Option<String>,
        body: Vec<u8>,
    ) -> Reply {
        let call = Call {
            method: method.to_owned(),
            path: path.to_owned(),
            idempotency_key,
            tenant: tenant.unwrap_or_else(|| self.tenant.clone()),
            body,
            deadline: Deadline::at(SystemClock.now().plus(self.time_limit)),
        };
        match path {
            "/api/agents" | "/api/agents/batch" | "/api/agents/feedback" => {
                farthing_inference::handle(&self.inference, call).await
            }
            "/api/models/status" | "/api/budget/status" => {
                farthing_status::handle(&self.status, self.ids.as_ref(), call).await
            }
            "/api/models/init" => farthing_init::handle(&self.init, self.ids.as_ref(), call).await,
            _ => self.refuse(&ApiError::not_found()),
        }
    }

    /// The reply that says `error`, under a new request id.
    pub(crate) fn refuse(&self, error: &ApiError) -> Reply {
        error.reply(self.ids.request_id().as_str())
    }

    /// Activates the models that were prepared, as `POST /api/models/init` does.
    pub(crate) async fn activate(&self) -> Reply {
        self.handle(None, "POST", "/api/models/init", None, Vec::new()).await
    }
}
