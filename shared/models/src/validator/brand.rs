//! Whether an answer keeps the brand's rules.

use farthing_domain::agent::BrandProfile;
use farthing_domain::guard::words;

use super::reading::Reading;

/// 1 when every rule is kept; less for each avoided word and for length above the limit; 0 when
/// a forbidden claim is made.
pub(super) fn measure(reading: &Reading<'_>) -> f32 {
    let voice = &reading.validation.brand.voice;
    if makes_forbidden_claim(reading.validation.brand, &reading.words) {
        return 0.0;
    }
    let text = spaced(&reading.words);
    let avoided = voice.replace.iter().filter(|entry| text.contains(&spaced(&words(&entry.avoided)))).count();
    let length = reading.validation.answer.split_whitespace().count().max(1);
    (voice.max_words as f32 / length as f32).min(1.0) / (1.0 + 0.2 * avoided as f32)
}

/// Whether one of the brand's forbidden phrases is among `said`, word by word.
pub(crate) fn makes_forbidden_claim(brand: &BrandProfile, said: &[String]) -> bool {
    let text = spaced(said);
    brand.voice.forbidden_claims.iter().any(|claim| text.contains(&spaced(&words(claim))))
}

fn spaced(words: &[String]) -> String {
    format!(" {} ", words.join(" "))
}
