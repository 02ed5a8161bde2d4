//! What a paid step would send, and the most that it can cost.

use farthing_domain::ids::ModelId;
use farthing_domain::money::Usd;
use farthing_domain::ports::{CompletionRequest, PreparedCall, Provider};
use farthing_domain::registry::ApiModel;

use crate::answer::{Answering, Work};

/// An answer limit below this many tokens is not worth sending, unless the caller asked for less.
const MIN_OUTPUT_TOKENS: u32 = 64;
/// Why a call is not sent that the request's own limit does not cover.
pub(super) const OVER_REQUEST_LIMIT: &str = "over_request_limit";

/// A call that fits the request's money, and the most it can cost.
pub(super) struct Offer {
    pub(super) call: PreparedCall,
    pub(super) worst_case: Usd,
}

impl Offer {
    /// The call that asks for the longest answer that `left` covers, or why there is none.
    pub(super) fn fitting(
        work: &Work<'_>,
        api: &ApiModel,
        provider: &dyn Provider,
        left: Usd,
    ) -> Result<Self, &'static str> {
        let wanted = work.request.max_output_tokens.min(api.max_output_tokens);
        let mut request = CompletionRequest {
            provider_model: api.provider_model.clone(),
            system: work.system_prompt.clone(),
            messages: work.request.conversation.messages().to_vec(),
            max_output_tokens: wanted,
        };
        let mut call = provider.encode(&request);
        if call.input_token_bound() > u64::from(api.max_input_tokens) {
            return Err("too_long");
        }
        let for_output = left.saturating_sub(api.price.input_usd_per_million.cost(call.input_token_bound()));
        let affordable = api.price.output_usd_per_million.affordable_tokens(for_output);
        let affordable = u32::try_from(affordable).unwrap_or(u32::MAX);
        if affordable < wanted {
            if affordable < MIN_OUTPUT_TOKENS.min(wanted) {
                return Err(OVER_REQUEST_LIMIT);
            }
            // Fewer digits never make the body longer, so the input bound still holds.
            request.max_output_tokens = affordable;
            call = provider.encode(&request);
        }
        let worst_case = api.price.cost(call.input_token_bound(), u64::from(request.max_output_tokens));
        Ok(Self { call, worst_case })
    }
}

impl Answering {
    /// The most that asking `model` for `work` can cost, or why it would not be asked. Nothing is
    /// reserved or noted: what is sent later reserves for itself.
    pub(crate) fn worst_case(&self, work: &Work<'_>, model: &ModelId) -> Result<Usd, &'static str> {
        let api = self.parts.registry.api(model).ok_or("disabled")?;
        let provider = self.parts.providers.get(&api.provider).ok_or("no_key")?;
        Offer::fitting(work, api, provider.as_ref(), self.envelope(work.request)).map(|offer| offer.worst_case)
    }
}
