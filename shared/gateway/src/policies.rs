//! The policy that a request follows: the owner's file with what weeks made of it, looked up again and again.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use farthing_domain::ids::RequestId;
use farthing_domain::policy::Policy;
use farthing_domain::ports::{Clock, PolicyVersions};
use farthing_domain::time::Pause;
use farthing_domain::versions::{InForce, Standing, tries_canary};

/// How often it is looked which version holds: a change of the owner's holds everywhere after so long.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How long that may take. Requests go on with what was known before.
const PATIENCE: Duration = Duration::from_secs(1);

/// The versions of the policy, as this process knows them.
pub(crate) struct Policies {
    /// `None` when the owner's file is followed and nothing else.
    versions: Option<Arc<dyn PolicyVersions>>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    active: Arc<InForce>,
    tried: Option<(f64, Arc<InForce>)>,
    /// The pause after the last look; the first needs none.
    pause: Option<Pause>,
}

impl Policies {
    pub(crate) fn new(file: &Policy, versions: Option<Arc<dyn PolicyVersions>>, clock: Arc<dyn Clock>) -> Self {
        let state = State { active: Arc::new(InForce::file(file)), tried: None, pause: None };
        Self { versions, clock, state: Mutex::new(state) }
    }

    /// What holds for the request.
    pub(crate) async fn of(&self, request: &RequestId, file: &Policy) -> Arc<InForce> {
        if let Some(versions) = self.versions.as_ref().filter(|_| self.is_due()) {
            match tokio::time::timeout(PATIENCE, versions.standing()).await {
                Ok(Ok(standing)) => self.adopt(file, standing),
                Ok(Err(error)) => {
                    tracing::warn!(
                        error = &error as &dyn Error,
                        "policy.standing failed; the version known is followed"
                    );
                }
                Err(_) => tracing::warn!("policy.standing takes too long; the version known is followed"),
            }
        }
        let state = self.state();
        match &state.tried {
            Some((share, tried)) if tries_canary(request.as_str(), *share) => Arc::clone(tried),
            _ => Arc::clone(&state.active),
        }
    }

    /// Whether a look is due; it is then taken to be made.
    fn is_due(&self) -> bool {
        let now = self.clock.now();
        let mut state = self.state();
        let is_due = !state.pause.is_some_and(|pause| pause.lasts(now));
        if is_due {
            state.pause = Some(Pause::new(now, LOOK_EVERY));
        }
        is_due
    }

    fn adopt(&self, file: &Policy, standing: Option<Standing>) {
        let standing = standing.unwrap_or_else(|| Standing::untouched(file.version));
        let (active, tried) = standing.in_force(file);
        let mut state = self.state();
        if state.active.policy.version != active.policy.version {
            let (before, now) = (state.active.policy.version, active.policy.version);
            tracing::info!(policy.version = now, "version {now} of the policy holds, instead of {before}");
        }
        state.active = Arc::new(active);
        state.tried = tried.map(|(share, tried)| (share, Arc::new(tried)));
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
