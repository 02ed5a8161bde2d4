//! Replaces the words that a brand avoids.

use farthing_domain::agent::Replacement;
use farthing_domain::guard::words;

/// A word and where it stands.
struct Token {
    start: usize,
    end: usize,
    word: String,
}

/// The text with each avoided word or phrase replaced. Case is kept, and no double spaces or wrong
/// articles are left behind.
pub(super) fn replace(text: &str, replacements: &[Replacement]) -> String {
    // Longer phrases first, so that none is broken up by a shorter one.
    let mut ordered: Vec<(Vec<String>, &str)> =
        replacements.iter().map(|entry| (words(&entry.avoided), entry.preferred.trim())).collect();
    ordered.retain(|(avoided, _)| !avoided.is_empty());
    ordered.sort_by_key(|(avoided, _)| std::cmp::Reverse(avoided.len()));
    let mut text = text.to_owned();
    for (avoided, preferred) in ordered {
        let mut from = 0;
        while let Some((start, end)) = find(&text, from, &avoided) {
            let new = in_case_of(&text[start..end], preferred);
            from = splice(&mut text, start, end, &new);
        }
    }
    text
}

/// Where the phrase stands at or after `from`, its words apart by spaces and hyphens only.
fn find(text: &str, from: usize, phrase: &[String]) -> Option<(usize, usize)> {
    let tokens = tokens(text, from);
    let is_match = |run: &&[Token]| {
        run.iter().zip(phrase).all(|(token, word)| token.word == *word)
            && run
                .windows(2)
                .all(|pair| text[pair[0].end..pair[1].start].chars().all(|c| c == '-' || c.is_whitespace()))
    };
    let run = tokens.windows(phrase.len()).find(is_match)?;
    Some((run.first()?.start, run.last()?.end))
}

fn tokens(text: &str, from: usize) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '\'' | '’');
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]).filter(|(at, _)| *at >= from) {
        match start {
            None if is_part(c) => start = Some(at),
            Some(begun) if !is_part(c) => {
                tokens.push(Token { start: begun, end: at, word: words(&text[begun..at]).concat() });
                start = None;
            }
            _ => {}
        }
    }
    tokens
}

fn in_case_of(old: &str, new: &str) -> String {
    let letters: Vec<char> = old.chars().filter(|c| c.is_alphabetic()).collect();
    if letters.len() > 1 && letters.iter().all(|c| c.is_uppercase()) {
        new.to_uppercase()
    } else if letters.first().is_some_and(|c| c.is_uppercase()) {
        capitalised(new)
    } else {
        new.to_owned()
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Puts `new` at `start..end`, tidies what is around it, and gives the place from which to go on.
fn splice(text: &mut String, start: usize, end: usize, new: &str) -> usize {
    let before = text[..start].to_owned();
    let mut after = text[end..].to_owned();
    let mut before_trimmed = before.trim_end_matches(' ').to_owned();
    if new.is_empty() {
        let opened = text[start..end].starts_with(char::is_uppercase);
        after = after.trim_start_matches([' ', ',', '-']).to_owned();
        if opened {
            after = capitalised(&after);
        }
        if after.is_empty() || after.starts_with(['.', '!', '?', ';', ':']) {
            before_trimmed.truncate(before_trimmed.trim_end_matches([',', ' ']).len());
        }
        let joins = before_trimmed.is_empty()
            || before_trimmed.ends_with(['\n', '(', '"', '“'])
            || after.starts_with(['.', ',', ';', ':', '!', '?', ')']);
        if !joins && !after.is_empty() {
            before_trimmed.push(' ');
        }
    } else {
        before_trimmed = before;
    }
    fix_article(&mut before_trimmed, if new.is_empty() { &after } else { new });
    let from = before_trimmed.len() + new.len();
    *text = format!("{before_trimmed}{new}{after}");
    if new.is_empty() {
        text.truncate(text.trim_end().len());
    }
    from.min(text.len())
}

/// Makes "a" and "an" at the end of `before` fit the word that now follows.
fn fix_article(before: &mut String, following: &str) {
    let Some(first) = following.chars().next().filter(|c| c.is_alphabetic()) else { return };
    let needs_an = "aeiouAEIOU".contains(first);
    let has = |article: &str| {
        let head = before.strip_suffix(article);
        head.is_some_and(|head| head.is_empty() || head.ends_with(|c: char| !c.is_alphanumeric()))
    };
    if needs_an && (has("a ") || has("A ")) {
        before.truncate(before.len() - 1);
        before.push_str("n ");
    } else if !needs_an && (has("an ") || has("An ")) {
        before.truncate(before.len() - 2);
        before.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_replaced_in_their_case() {
        check("We utilize it. Utilize it! UTILIZE IT", "We use it. Use it! USE IT");
        check("Press OK in order to go on.", "Press OK to go on.");
        check("In order to go on, press OK.", "To go on, press OK.");
        check("It works seamlessly and is seamless.", "It works smoothly and is smooth.");
    }

    #[test]
    fn parts_of_words_stay() {
        check("We utilized leverages and reused it.", "We utilized leverages and reused it.");
        check("order to in", "order to in");
        check("in order, to", "in order, to");
    }

    #[test]
    fn dropped_words_leave_no_gap() {
        check("Simply press Help.", "Press Help.");
        check("You simply press Help, simply.", "You press Help.");
        check("It is a revolutionary app.", "It is an app.");
        check("It is simply.", "It is.");
        check("(simply put) fine", "(put) fine");
        check("simply", "");
    }

    #[test]
    fn hyphens_and_line_breaks_do_not_hide_a_phrase() {
        check("A cutting-edge tool, Cutting edge too.", "A new tool, New too.");
        check("One line.\nSimply another.", "One line.\nAnother.");
    }

    #[test]
    fn a_replacement_that_has_the_avoided_word_ends() {
        let entry = Replacement { avoided: "app".to_owned(), preferred: "our app".to_owned() };
        assert_eq!(replace("The app is an app.", &[entry]), "The our app is an our app.");
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let pairs = [
            ("utilize", "use"),
            ("in order to", "to"),
            ("seamless", "smooth"),
            ("seamlessly", "smoothly"),
            ("leverage", "use"),
            ("simply", ""),
            ("revolutionary", ""),
            ("cutting-edge", "new"),
        ];
        let entry = |(avoided, preferred): (&str, &str)| Replacement {
            avoided: avoided.to_owned(),
            preferred: preferred.to_owned(),
        };
        assert_eq!(replace(text, &pairs.map(entry)), expected, "{text:?}");
    }
}
