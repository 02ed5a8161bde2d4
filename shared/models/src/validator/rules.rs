//! What can be told of an answer without a model.

use farthing_domain::guard::words;
use farthing_domain::ports::{RuleCheck, Validation};
use farthing_domain::quality::HardFail;

use super::{brand, language, leak};

/// Checks answers by rules alone: whether anything was said, what the brand forbids, whether the
/// prompt leaks, and the language.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules;

impl RuleCheck for Rules {
    fn fault(&self, validation: Validation<'_>) -> Option<HardFail> {
        if is_empty(validation.answer) {
            return Some(HardFail::Empty);
        }
        broken(&validation, &words(validation.answer))
    }
}

/// Whether nothing was said.
pub(super) fn is_empty(answer: &str) -> bool {
    !answer.chars().any(char::is_alphanumeric)
}

/// The rule that an answer of the words `said` breaks.
pub(super) fn broken(validation: &Validation<'_>, said: &[String]) -> Option<HardFail> {
    if brand::makes_forbidden_claim(validation.brand, said) {
        Some(HardFail::ForbiddenClaim)
    } else if leak::leaks(validation, said) {
        Some(HardFail::PromptLeak)
    } else if language::is_foreign(validation, said) {
        Some(HardFail::WrongLanguage)
    } else {
        None
    }
}
