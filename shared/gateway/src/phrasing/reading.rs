//! The phrasings in a model's reply, which is not trusted.

use std::collections::HashSet;

use farthing_domain::guard;

/// The most characters of a phrasing.
const MAX_CHARS: usize = 200;

/// What may stand before a phrasing in a list.
const BULLETS: [char; 7] = ['-', '*', '•', '–', '—', '·', '+'];

/// What texts are put in, by its beginning and end.
const QUOTES: [(char, char); 9] =
    [('"', '"'), ('\'', '\''), ('`', '`'), ('*', '*'), ('“', '”'), ('„', '“'), ('‘', '’'), ('«', '»'), ('»', '«')];

/// The first `count` phrasings of `reply`, one a line, without list marks and quotes. Left out are lines
/// that are empty, too long, break in the middle, announce a list, say the same as `title` or as an
/// earlier one, and the last one of a reply that was cut off.
pub(super) fn phrasings(reply: &str, is_cut_off: bool, title: &str, count: usize) -> Vec<String> {
    let mut lines: Vec<&str> = reply.split('\n').collect();
    if is_cut_off {
        lines.pop();
    }
    let mut seen = HashSet::from([guard::words(title)]);
    let is_new = |phrasing: &&str| {
        let words = guard::words(phrasing);
        !words.is_empty() && seen.insert(words)
    };
    lines
        .into_iter()
        .map(bare)
        .filter(|phrasing| is_one(phrasing))
        .filter(is_new)
        .take(count)
        .map(str::to_owned)
        .collect()
}

fn is_one(phrasing: &str) -> bool {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    phrasing.chars().count() <= MAX_CHARS && !phrasing.contains(breaks) && !phrasing.ends_with(':')
}

/// The line without what stands around the phrasing.
fn bare(line: &str) -> &str {
    let mut rest = line.trim();
    loop {
        let shorter = without_quotes(without_mark(rest)).trim();
        if shorter == rest {
            return rest;
        }
        rest = shorter;
    }
}

fn without_mark(text: &str) -> &str {
    let text = text.strip_suffix(',').unwrap_or(text);
    if let Some(rest) = text.strip_prefix(BULLETS).filter(|rest| rest.starts_with(char::is_whitespace)) {
        return rest;
    }
    let numbered = text.strip_prefix('(').unwrap_or(text).trim_start_matches(|c: char| c.is_ascii_digit());
    let is_numbered = numbered.len() < text.len() && text.starts_with(|c: char| c == '(' || c.is_ascii_digit());
    let rest = numbered.strip_prefix(['.', ')', ':']).filter(|rest| rest.starts_with(char::is_whitespace));
    if is_numbered { rest.unwrap_or(text) } else { text }
}

fn without_quotes(text: &str) -> &str {
    let inner = |(open, close): &(char, char)| text.strip_prefix(*open)?.strip_suffix(*close);
    QUOTES.iter().find_map(inner).unwrap_or(text)
}
