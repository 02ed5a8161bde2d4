//! Whether an answer repeats the system prompt.

use std::collections::HashSet;

use farthing_domain::guard::words;
use farthing_domain::ports::Validation;

/// How many words in a row make a leak. Shorter runs are in common use.
const RUN: usize = 9;

/// Whether the answer has a run of words of the system prompt that is neither in the question nor
/// meant to be said: passages, the brand's description, its refusal, examples and disclaimers are
/// in the prompt as well.
pub(super) fn leaks(validation: &Validation<'_>, said: &[String]) -> bool {
    let brand = validation.brand;
    let prompt = words(validation.system_prompt);
    let runs: HashSet<&[String]> = prompt.windows(RUN).collect();
    let leaked: Vec<&[String]> = said.windows(RUN).filter(|run| runs.contains(run)).collect();
    if leaked.is_empty() {
        return false;
    }
    let mut public = vec![validation.query, brand.description.as_str(), brand.refusal.as_str()];
    public.extend(validation.passages.iter().map(|passage| passage.text.as_str()));
    public.extend(brand.voice.examples.iter().map(|example| example.answer.as_str()));
    public.extend(brand.disclaimers.iter().map(|disclaimer| disclaimer.text.as_str()));
    let public: Vec<Vec<String>> = public.into_iter().map(words).collect();
    let public: HashSet<&[String]> = public.iter().flat_map(|text| text.windows(RUN)).collect();
    leaked.iter().any(|run| !public.contains(run))
}
