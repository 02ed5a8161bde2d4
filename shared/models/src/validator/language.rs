//! Whether an answer is in one of the agent's languages.

use farthing_domain::guard::words;
use farthing_domain::ports::Validation;
use whatlang::Lang;

use super::stems::is_stop_word;

/// Shorter texts are not told apart reliably.
const LEAST_CHARS: usize = 20;

/// The ISO 639-1 codes of the languages that can be told apart.
const CODES: &[(&str, Lang)] = &[
    ("en", Lang::Eng),
    ("de", Lang::Deu),
    ("fr", Lang::Fra),
    ("es", Lang::Spa),
    ("it", Lang::Ita),
    ("pt", Lang::Por),
    ("nl", Lang::Nld),
    ("da", Lang::Dan),
    ("sv", Lang::Swe),
    ("nb", Lang::Nob),
    ("no", Lang::Nob),
    ("fi", Lang::Fin),
    ("pl", Lang::Pol),
    ("cs", Lang::Ces),
    ("sk", Lang::Slk),
    ("hu", Lang::Hun),
    ("ro", Lang::Ron),
    ("bg", Lang::Bul),
    ("el", Lang::Ell),
    ("tr", Lang::Tur),
    ("ru", Lang::Rus),
    ("uk", Lang::Ukr),
    ("hr", Lang::Hrv),
    ("sl", Lang::Slv),
    ("et", Lang::Est),
    ("lv", Lang::Lav),
    ("lt", Lang::Lit),
    ("ar", Lang::Ara),
    ("he", Lang::Heb),
    ("hi", Lang::Hin),
    ("ja", Lang::Jpn),
    ("ko", Lang::Kor),
    ("zh", Lang::Cmn),
    ("vi", Lang::Vie),
    ("th", Lang::Tha),
    ("id", Lang::Ind),
];

/// Names of languages, by which a question asks for a text in one.
const NAMES: &[&str] = &[
    "english",
    "german",
    "french",
    "spanish",
    "italian",
    "portuguese",
    "dutch",
    "danish",
    "swedish",
    "norwegian",
    "finnish",
    "polish",
    "czech",
    "slovak",
    "hungarian",
    "romanian",
    "bulgarian",
    "greek",
    "turkish",
    "russian",
    "ukrainian",
    "croatian",
    "slovenian",
    "estonian",
    "latvian",
    "lithuanian",
    "arabic",
    "hebrew",
    "hindi",
    "japanese",
    "korean",
    "chinese",
    "mandarin",
    "vietnamese",
    "thai",
    "indonesian",
    "latin",
    "welsh",
    "irish",
    "translate",
    "translation",
];

/// Whether the answer is reliably in a language that is none of the agent's, and that the question
/// does not ask for.
pub(super) fn is_foreign(validation: &Validation<'_>, said: &[String]) -> bool {
    let answer = validation.answer;
    if answer.chars().count() < LEAST_CHARS {
        return false;
    }
    let spoken = &validation.brand.languages;
    let known: Vec<Lang> =
        CODES.iter().filter(|(code, _)| spoken.iter().any(|spoken| spoken == code)).map(|(_, lang)| *lang).collect();
    if known.len() < spoken.len() || words(validation.query).iter().any(|word| NAMES.contains(&word.as_str())) {
        return false;
    }
    let Some(found) = whatlang::detect(answer).filter(|found| !known.contains(&found.lang())) else { return false };
    if !known.contains(&Lang::Eng) {
        return found.is_reliable();
    }
    // Short texts of related languages are often unsure, but English is hardly ever without its
    // small words, nor another language full of them.
    let small = english_share(said);
    small < MOST_IN_ENGLISH && (found.is_reliable() || small < LEAST_IN_ENGLISH)
}

/// Below this share of English small words a text that looks foreign is.
const LEAST_IN_ENGLISH: f32 = 0.15;
/// From this share up a text is English, whatever it looks like.
const MOST_IN_ENGLISH: f32 = 0.3;

fn english_share(words: &[String]) -> f32 {
    words.iter().filter(|word| is_stop_word(word)).count() as f32 / words.len().max(1) as f32
}
