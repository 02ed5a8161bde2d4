//! Has the language model write for customers.

use std::sync::Arc;
use std::time::Duration;

use farthing_domain::agent::BrandProfile;
use farthing_domain::guard::words;
use farthing_domain::ports::{Finish, GenerationRequest, Generator, Sampling};

use crate::validator::{brand, coherence};

/// How long the model may take: what it has not ended by then is not used.
const TIME_LIMIT: Duration = Duration::from_secs(4);

/// A language model whose words may go to customers: what it did not end by itself, what is cut off or goes round in circles
/// and what the brand forbids is not.
#[derive(Clone)]
pub(crate) struct Author {
    generator: Arc<dyn Generator>,
}

impl Author {
    pub(crate) fn new(generator: Arc<dyn Generator>) -> Self {
        Self { generator }
    }

    /// The most probable text of at most `most_tokens` to `user` under the rule `system`, up to one of `stops`; `None` when there is none that
    /// can be used.
    pub(crate) async fn write(
        &self,
        of: &BrandProfile,
        system: String,
        user: String,
        stops: &[&str],
        most_tokens: usize,
    ) -> Option<String> {
        let (sampling, stops) = (Sampling::Greedy, stops.iter().map(|stop| (*stop).to_owned()).collect());
        let request = GenerationRequest { system, user, most_tokens, sampling, stops, time_limit: TIME_LIMIT };
        let written = match self.generator.generate(request, None).await {
            Ok(written) if matches!(written.finish, Finish::End | Finish::Stop) => written.text.trim().to_owned(),
            Ok(_) => return None,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the language model wrote nothing");
                return None;
            }
        };
        let said = words(&written);
        let is_fit = !said.is_empty()
            && !coherence::is_cut_off(&written)
            && !coherence::is_looping(&said)
            && !brand::makes_forbidden_claim(of, &said);
        is_fit.then_some(written)
    }
}
