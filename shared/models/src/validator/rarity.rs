//! How rare English words are.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::stems::stem;

/// Words by their inverse document frequency: a line for each, its words after it. Counted once over 17,018 texts: prompts of MMLU
/// and GSM8K, queries of CLINC150 and BANKING77, and the knowledge and answers written for this project.
const LINES: &str = include_str!("rarity.txt");

/// The rarity of a word that the lines have not.
const RAREST: f32 = 8.5;

/// Of the words with one stem the commonest counts.
static BY_STEM: LazyLock<HashMap<String, f32>> = LazyLock::new(|| {
    let mut by_stem = HashMap::new();
    for line in LINES.lines() {
        let mut words = line.split(' ');
        let Some(rarity) = words.next().and_then(|number| number.parse::<f32>().ok()) else { continue };
        for word in words {
            let known = by_stem.entry(stem(word)).or_insert(rarity);
            *known = rarity.min(*known);
        }
    }
    by_stem
});

/// How rare words with this stem are: from 0.5 for the commonest to 8.5.
pub(super) fn rarity(stem: &str) -> f32 {
    BY_STEM.get(stem).copied().unwrap_or(RAREST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_words_tell_more_than_common_ones() {
        let of = |word: &str| rarity(&stem(word));
        assert!(of("the") < of("days") && of("days") < of("refund") && of("refund") < of("bassoon"));
        assert!((of("payments") - of("payment")).abs() < f32::EPSILON);
        assert!((of("zxqv") - RAREST).abs() < f32::EPSILON);
    }
}
