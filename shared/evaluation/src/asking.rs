//! One request through the use case that answers, and what it told.

use std::collections::BTreeMap;

use farthing_domain::ids::{AgentId, RequestId, Tenant};
use farthing_domain::ledger::StoredReply;
use farthing_domain::ports::Clock;
use farthing_domain::prompt::{Conversation, Prompt};
use farthing_domain::request::{AgentRequest, CacheUse, RequestContext};
use farthing_domain::time::Deadline;
use farthing_gateway::{Answer, AnswerError, Answering, Attempt};

use crate::door::{EvaluationError, time_limit};

/// What became of a request.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) answer: Option<Answer>,
    /// The error's code, when there is no answer.
    pub(crate) error: Option<&'static str>,
    pub(crate) attempts: Vec<Attempt>,
}

impl Told {
    fn of(result: &Result<Answer, AnswerError>) -> Self {
        match result {
            Ok(answer) => Self { answer: Some(answer.clone()), error: None, attempts: answer.route.attempts.clone() },
            Err(error) => Self { answer: None, error: Some(error.code()), attempts: error.attempts().to_vec() },
        }
    }
}

/// Only a request with a caller's key gets a stored reply, and none of these has one.
impl From<StoredReply> for Told {
    fn from(_: StoredReply) -> Self {
        Self { answer: None, error: Some("stored"), attempts: Vec::new() }
    }
}

impl From<Told> for StoredReply {
    fn from(_: Told) -> Self {
        Self { status: 0, body: Vec::new() }
    }
}

/// Who asks.
///
/// # Errors
/// [`EvaluationError::Request`] never in practice: the name has the form of one.
pub(crate) fn tenant() -> Result<Tenant, EvaluationError> {
    Tenant::parse("evaluation").map_err(|error| EvaluationError::Request(error.to_string()))
}

/// What is asked, and how.
pub(crate) struct Question {
    pub(crate) id: RequestId,
    pub(crate) agent: AgentId,
    pub(crate) query: Prompt,
    pub(crate) max_output_tokens: u32,
    pub(crate) cache: CacheUse,
}

/// Asks as an API caller without a key of its own does.
pub(crate) async fn ask(answering: &Answering, clock: &dyn Clock, question: Question) -> Result<Told, EvaluationError> {
    let policy = answering.policy();
    let tenant = tenant()?;
    let request = AgentRequest {
        conversation: Conversation::of(question.query),
        agent: question.agent,
        max_output_tokens: question.max_output_tokens,
        max_cost: policy.budget.per_request_usd,
        cache: question.cache,
        metadata: BTreeMap::new(),
    };
    let context = RequestContext {
        id: question.id,
        tenant,
        key: None,
        payload_hash: [0; 32],
        deadline: Deadline::at(clock.now().plus(time_limit(policy))),
    };
    Ok(answering.reply(&context, &request, Told::of).await)
}
