//! Where sentences end.

/// Abbreviations that never end a sentence, without their last dot.
const NEVER_LAST: &[&str] = &[
    "e.g", "i.e", "vs", "mr", "mrs", "ms", "dr", "prof", "st", "approx", "incl", "excl", "min", "max", "fig", "dept",
    "tel", "cf", "est", "ca", "jr", "sr", "gen", "hon", "rev",
];

/// The sentences of `text`, in order, without the white space around them.
///
/// A sentence ends with a full stop, question or exclamation mark that white space follows, and at
/// a line that ends a paragraph or an item of a list. Dots inside words, numbers, addresses and
/// common abbreviations do not end one, and a lower-case letter does not start one.
#[must_use]
pub fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    for paragraph in paragraphs(text) {
        let mut start = 0;
        for (at, c) in paragraph.char_indices() {
            let end = at + c.len_utf8();
            if at < start {
                continue;
            }
            if matches!(c, '.' | '!' | '?' | '…' | '。' | '\u{ff1f}' | '\u{ff01}')
                && let Some(end) = end_after_closing_marks(paragraph, end)
                && !is_inside(&paragraph[start..at], c, &paragraph[end..])
            {
                sentences.push(paragraph[start..end].trim());
                start = end;
            }
        }
        sentences.push(paragraph[start..].trim());
    }
    sentences.retain(|sentence| sentence.chars().any(char::is_alphanumeric));
    sentences
}

/// The text cut where a line ends a paragraph or an item of a list begins.
fn paragraphs(text: &str) -> Vec<&str> {
    let mut cuts = vec![0];
    let mut at = 0;
    let mut last = "";
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        let ended = last.is_empty() || last.ends_with([':', '.', '!', '?']);
        if at > 0 && (ended || trimmed.is_empty() || is_item(trimmed) || is_item(last)) {
            cuts.push(at);
        }
        last = trimmed;
        at += line.len();
    }
    cuts.push(text.len());
    cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect()
}

fn is_item(line: &str) -> bool {
    let numbered = line.trim_start_matches(|c: char| c.is_ascii_digit());
    line.starts_with(['-', '*', '•', '#']) || (numbered.len() < line.len() && numbered.starts_with([')', '.']))
}

/// The place after quotation marks and brackets that close with the sentence; `None` when no
/// white space follows them, so that nothing ends there.
fn end_after_closing_marks(text: &str, end: usize) -> Option<usize> {
    let rest = &text[end..];
    let after = rest.trim_start_matches(['"', '\'', '”', '’', ')', ']', '.', '!', '?', '*', '_', '`']);
    if after.is_empty() || after.starts_with(char::is_whitespace) { Some(text.len() - after.len()) } else { None }
}

/// Whether the mark between `before` and `after` belongs to an abbreviation, or the sentence goes on.
fn is_inside(before: &str, mark: char, after: &str) -> bool {
    let next = after.trim_start().chars().next();
    if next.is_some_and(char::is_lowercase) {
        return true;
    }
    if mark != '.' {
        return false;
    }
    let word = before.rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
    let is_initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase) && word != "I";
    let is_list_number =
        !word.is_empty() && word.len() == before.trim().len() && word.chars().all(|c| c.is_ascii_digit());
    let numbered = word.eq_ignore_ascii_case("no") && next.is_some_and(|c| c.is_ascii_digit());
    is_initial || is_list_number || numbered || NEVER_LAST.contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_with_their_mark() {
        check("One. Two! Three? Four", &["One.", "Two!", "Three?", "Four"]);
        check(
            "He said \"Stop.\" Then he left (at once.) Done.",
            &["He said \"Stop.\"", "Then he left (at once.)", "Done."],
        );
        check("Really?! Yes... I think.", &["Really?!", "Yes...", "I think."]);
    }

    #[test]
    fn dots_inside_do_not_end_one() {
        check(
            "It costs $1.50 at help@rprd.example or v2.1.3 now.",
            &["It costs $1.50 at help@rprd.example or v2.1.3 now."],
        );
        check(
            "Go to Settings > Billing > Cancel plan. Press OK.",
            &["Go to Settings > Billing > Cancel plan.", "Press OK."],
        );
        check("Use a plan, e.g. Studio. Dr. J. Smith agrees.", &["Use a plan, e.g. Studio.", "Dr. J. Smith agrees."]);
        check("See No. 5 on the list. No. You can't.", &["See No. 5 on the list.", "No.", "You can't."]);
        check(
            "We open at 9 a.m. and close at 5 p.m. on weekdays.",
            &["We open at 9 a.m. and close at 5 p.m. on weekdays."],
        );
    }

    #[test]
    fn lists_and_paragraphs_end_one() {
        check("Steps:\n1. Open it.\n2. Close it", &["Steps:", "1. Open it.", "2. Close it"]);
        check("- one\n- two\n\nAnd the rest", &["- one", "- two", "And the rest"]);
        check("a line that\ngoes on", &["a line that\ngoes on"]);
    }

    #[test]
    fn nothing_but_marks_is_no_sentence() {
        check("", &[]);
        check(" ... ?! \n - ", &[]);
        check("…é. Öl! 字。", &["…é.", "Öl!", "字。"]);
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(sentences(text), expected, "{text:?}");
    }
}
