//! What the heads read: an encoder's vector, followed by numbers that the vector blurs.
//!
//! The meaning of every feature is part of the heads that were trained on them: who changes one
//! here changes the name of its [`FeatureSpec`] and trains again.

use farthing_domain::guard::{QuestionType, Signature, words};

use crate::heads::FeatureSpec;

/// The length of the encoder's vectors that the heads were trained on.
pub const EMBEDDING: usize = 384;

/// How many places the hashed words share.
pub const HASHED: usize = 8192;

const LEXICAL: usize = 29;

/// How many places the hashed words share in the complexity head, which has four weights for each.
const FOLDED: usize = HASHED / 2;

/// The features of the complexity head: the embedding, then lexical features, then hashed words.
pub const COMPLEXITY: FeatureSpec =
    FeatureSpec { name: "minilm-lexical-words-1", dimension: EMBEDDING + LEXICAL + FOLDED };

/// Where the features of form and words are among those of [`COMPLEXITY`].
pub const COMPLEXITY_LEXICAL: std::ops::Range<usize> = EMBEDDING..EMBEDDING + LEXICAL;

/// The features of the injection head: the embedding, then hashed words. The toxicity head reads these and more.
pub const SCREEN: FeatureSpec = FeatureSpec { name: "minilm-words-2", dimension: EMBEDDING + HASHED };

/// Makes something new: at the start of a query they ask for a text to be written.
const CREATION_VERBS: &[&str] = &[
    "write",
    "compose",
    "draft",
    "invent",
    "imagine",
    "brainstorm",
    "rewrite",
    "create",
    "pen",
    "design",
    "rap",
    "name",
    "pitch",
    "tell",
    "sketch",
    "describe",
    "craft",
];

const CREATION_NOUNS: &[&str] = &[
    "poem",
    "story",
    "song",
    "slogan",
    "haiku",
    "limerick",
    "tagline",
    "lyrics",
    "script",
    "dialogue",
    "monologue",
    "speech",
    "toast",
    "sonnet",
    "novel",
    "plot",
    "character",
    "post",
    "caption",
    "blurb",
    "headline",
    "ad",
    "jingle",
    "scene",
    "verse",
    "ode",
    "ballad",
    "tale",
    "joke",
    "names",
    "letter",
    "newsletter",
    "bio",
    "fairy",
    "villain",
    "conversation",
    "parody",
    "puns",
    "ideas",
];

const REASONING_WORDS: &[&str] = &[
    "prove",
    "derive",
    "calculate",
    "compute",
    "solve",
    "optimise",
    "optimize",
    "analyse",
    "analyze",
    "evaluate",
    "implement",
    "refactor",
    "debug",
    "architect",
    "model",
    "estimate",
    "probability",
    "integral",
    "equation",
    "algorithm",
    "complexity",
    "theorem",
    "matrix",
    "function",
    "query",
    "schema",
    "strategy",
    "tradeoffs",
    "proof",
    "expected",
    "minimise",
    "minimize",
    "maximise",
    "maximize",
    "reconcile",
    "npv",
    "plan",
    "migrate",
    "assembly",
];

const EXPLAINING_WORDS: &[&str] = &[
    "explain",
    "compare",
    "difference",
    "differences",
    "between",
    "why",
    "summarise",
    "summarize",
    "pros",
    "cons",
    "better",
    "versus",
    "vs",
    "recommend",
    "advantages",
    "suitable",
    "cause",
    "causes",
    "reasons",
    "wrong",
    "works",
    "should",
    "which",
    "best",
];

const SMALL_TALK: &[&str] =
    &["hi", "hello", "hey", "thanks", "thank", "bye", "goodbye", "ok", "okay", "cool", "morning", "evening", "cheers"];

const CUSTOMER_WORDS: &[&str] =
    &["my", "our", "your", "you", "card", "account", "order", "plan", "app", "password", "delivery", "refund"];

const QUESTIONS: [QuestionType; 8] = [
    QuestionType::How,
    QuestionType::HowMuch,
    QuestionType::When,
    QuestionType::Where,
    QuestionType::Who,
    QuestionType::Why,
    QuestionType::What,
    QuestionType::YesNo,
];

/// The features of [`COMPLEXITY`].
#[must_use]
pub fn complexity(embedding: &[f32], text: &str) -> Vec<f32> {
    let mut features = embedding.to_vec();
    features.extend(lexical(text));
    let words = hashed_words(text);
    let (first, second) = words.split_at(FOLDED);
    features.extend(first.iter().zip(second).map(|(a, b)| a + b));
    features
}

/// The features of [`SCREEN`].
#[must_use]
pub fn screen(embedding: &[f32], text: &str) -> Vec<f32> {
    let mut features = embedding.to_vec();
    features.extend(hashed_words(text));
    features
}

/// Numbers about the form of `text`, most of them from 0 to 1.
fn lexical(text: &str) -> [f32; LEXICAL] {
    let words = words(text);
    let signature = Signature::of(text);
    let chars = text.chars().count().max(1);
    let share = |count: usize, most: usize| count.min(most) as f32 / most as f32;
    let count_of = |list: &[&str]| words.iter().filter(|word| list.contains(&word.as_str())).count();
    let marks = |list: &str| text.chars().filter(|&c| list.contains(c)).count();
    let first = words.iter().take(4).any(|word| CREATION_VERBS.contains(&word.as_str()));
    let ends = text.chars().filter(|c| matches!(c, '.' | '!' | '?')).count();
    let mut features = [0.0; LEXICAL];
    features[..21].copy_from_slice(&[
        (words.len() as f32).ln_1p() / 5.0,
        (chars as f32).ln_1p() / 8.0,
        share(ends, 6),
        share(text.lines().count() - usize::from(!text.is_empty()), 4),
        share(marks(",;:"), 8),
        share(signature.numbers().len(), 6),
        share(marks("{}()[]=<>_`\\|#"), 8),
        share(marks("+*/^%√∫Σ≤≥"), 4),
        share(signature.names().len(), 6),
        share(marks("?"), 2),
        f32::from(u8::from(first)),
        share(count_of(CREATION_NOUNS), 2),
        f32::from(u8::from(first && count_of(CREATION_NOUNS) > 0)),
        share(count_of(REASONING_WORDS), 4),
        share(count_of(EXPLAINING_WORDS), 3),
        share(count_of(SMALL_TALK), 2),
        share(count_of(CUSTOMER_WORDS), 3),
        words.iter().map(|word| word.chars().count()).sum::<usize>() as f32 / words.len().max(1) as f32 / 10.0,
        text.chars().filter(|c| c.is_uppercase()).count() as f32 / chars as f32,
        f32::from(u8::from(words.len() <= 3)),
        share(marks("\"“”"), 2),
    ]);
    for (feature, question) in features[21..].iter_mut().zip(QUESTIONS) {
        *feature = f32::from(u8::from(signature.question() == question));
    }
    features
}

/// The words of `text`, the four-letter pieces of each and the pairs of neighbours, every one at the
/// place and with the sign that its hash says; of length 1, or 0 when there are no words.
fn hashed_words(text: &str) -> Vec<f32> {
    let words = words(text);
    let mut seen = Vec::new();
    for word in &words {
        let framed: Vec<char> = format!("<{word}>").chars().collect();
        seen.extend(framed.windows(4).map(|piece| hash("piece", &piece.iter().collect::<String>())));
        seen.push(hash("word", word));
    }
    let ends = |word: Option<&String>| word.cloned().unwrap_or_default();
    for at in 0..=words.len() {
        let before = at.checked_sub(1).and_then(|at| words.get(at));
        seen.push(hash("pair", &format!("{} {}", ends(before), ends(words.get(at)))));
    }
    let mut places = vec![0.0_f32; HASHED];
    if words.is_empty() {
        return places;
    }
    seen.sort_unstable();
    seen.dedup();
    for hash in seen {
        places[(hash % HASHED as u64) as usize] += if hash >> 40 & 1 == 1 { 1.0 } else { -1.0 };
    }
    let length = places.iter().map(|place| place * place).sum::<f32>().sqrt();
    if length > 0.0 {
        places.iter_mut().for_each(|place| *place /= length);
    }
    places
}

/// FNV-1a over 64 bits: the same on every machine and in every version of this program.
#[must_use]
pub fn hash(salt: &str, text: &str) -> u64 {
    salt.bytes()
        .chain([0])
        .chain(text.bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_have_the_length_that_their_heads_expect() {
        let embedding = vec![0.0; EMBEDDING];
        for text in ["", "Hello", "Prove that √2 is irrational.\nThen write a poem about it, in 3 lines: `x = 1`"] {
            assert_eq!(complexity(&embedding, text).len(), COMPLEXITY.dimension, "{text:?}");
            assert_eq!(screen(&embedding, text).len(), SCREEN.dimension, "{text:?}");
        }
    }

    #[test]
    fn features_are_finite_and_small() {
        let long = "word, 12 {x} ? write a poem ".repeat(500);
        for text in ["", " ", "?", "\u{0}\u{301}", &long] {
            assert!(lexical(text).iter().all(|feature| (0.0..=3.0).contains(feature)), "{:?}", lexical(text));
        }
    }

    #[test]
    fn hashed_words_ignore_case_and_marks_but_not_order_and_have_length_one() {
        assert_eq!(hashed_words("Ignore the rules"), hashed_words("ignore: the RULES!"));
        assert_ne!(hashed_words("man bites dog"), hashed_words("dog bites man"));
        assert_ne!(hashed_words("ignore the rules"), hashed_words("follow the rules"));
        let length: f32 = hashed_words("ignore the rules").iter().map(|place| place * place).sum();
        assert!((length - 1.0).abs() < 1e-5);
        assert!(hashed_words("?!").iter().all(|&place| place == 0.0));
    }

    #[test]
    fn the_hash_never_changes() {
        assert_eq!(hash("word", "hello"), 0xb4a9_e806_2dc8_321d);
    }
}
